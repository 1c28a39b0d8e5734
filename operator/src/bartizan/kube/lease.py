"""Leadership over a `coordination.k8s.io` Lease, by server-side apply and resourceVersion alone.

All replicas write under the same two field managers, so managedFields stay two entries however many pods come and go:
`bartizan/lease` makes the object, `bartizan/lease-holder` says who holds it, and only ever on the version just seen, which the
API server checks. The decisions are in `election`; this file reads, writes and keeps time.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

import structlog

from bartizan.api.kinds import LEASE
from bartizan.api.names import MANAGED_BY, MANAGED_BY_LABEL, KubeObject
from bartizan.core.model import ObjectRef
from bartizan.kube.api import KubeApi
from bartizan.kube.clock import Clock, SystemClock, micro_time, within
from bartizan.kube.election import Acquire, Create, Decision, Hold, LeaseView, Observation, Renew, decide, read_lease
from bartizan.kube.errors import ConflictError, KubeError, NotFoundError

_log = structlog.get_logger(__name__)

MAKER: Final = "bartizan/lease"
HOLDER: Final = "bartizan/lease-holder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """client-go's defaults; `duration` > `renew_deadline` > `retry_period`."""

    duration: timedelta = timedelta(seconds=15)
    """How long others wait before they take over: the longest a crash goes without a leader, 15 s by default."""
    renew_deadline: timedelta = timedelta(seconds=10)
    """How long a leader leads after the last renewal that succeeded; 5 s below `duration`, for clocks that run unevenly."""
    retry_period: timedelta = timedelta(seconds=2)
    """The pause between two looks or renewals: five attempts fit into the renew deadline."""


class Leadership:
    """One candidate. `is_leader` may be asked at any time and is false as soon as the renew deadline has passed."""

    def __init__(
        self,
        api: KubeApi,
        namespace: str,
        name: str,
        identity: str,
        *,
        clock: Clock | None = None,
        timing: Timing | None = None,
    ) -> None:
        self._api = api
        self._ref = ObjectRef(api_version=LEASE.api_version, kind=LEASE.kind, namespace=namespace, name=name)
        self._identity = identity
        self._clock = clock or SystemClock()
        self._timing = timing or Timing()
        self._seen: Observation | None = None
        self._ours: LeaseView | None = None
        """Our last write that took effect, while we lead."""
        self._tried: LeaseView | None = None
        """Our last write whether or not an answer came: an API server that restarts takes effect and says nothing."""
        self._tried_at = 0.0
        self._until = 0.0
        self._told = False

    @property
    def is_leader(self) -> bool:
        """Whether this candidate may write now; true for one candidate at a time."""
        return self._ours is not None and self._clock.monotonic() < self._until

    @property
    def holder(self) -> str:
        """The identity in the lease as last seen; empty when nobody holds it."""
        return self._seen.lease.holder if self._seen and self._seen.lease else ""

    async def run(self, on_started: Callable[[], None], on_stopped: Callable[[], None]) -> None:
        """Stand for election until cancelled, again after every loss; on cancellation the lease is released.

        `on_started` and `on_stopped` alternate. They must not block; `on_stopped` comes within the renew deadline, before
        anybody else can lead (unless this whole process is paused: ask `is_leader` before every write).
        """
        try:
            while True:
                again = await self._attempt()
                self._tell(on_started, on_stopped)
                if not again:
                    await self._clock.sleep(self._pause())
                    self._tell(on_started, on_stopped)
        finally:
            held, self._ours = (self._ours if self.is_leader else None), None
            self._tell(on_started, on_stopped)
            if held:
                await self._release(held)

    def _tell(self, on_started: Callable[[], None], on_stopped: Callable[[], None]) -> None:
        leading = self.is_leader
        if not leading:
            self._ours = None
        if leading == self._told:
            return
        self._told = leading
        _log.info("leading" if leading else "not leading", lease=self._ref.name, holder=self.holder)
        (on_started if leading else on_stopped)()

    def _pause(self) -> timedelta:
        """The retry period, cut short where our own lease ends."""
        return min(self._timing.retry_period, self._left()) if self._ours else self._timing.retry_period

    def _left(self) -> timedelta:
        return timedelta(seconds=max(0.0, self._until - self._clock.monotonic()))

    async def _attempt(self) -> bool:
        """Look and act once; return whether to look again at once."""
        limit = self._left() if self._ours else self._timing.renew_deadline
        try:
            return await within(self._clock, limit, self._look_and_act())
        except ConflictError as error:
            _log.info("the lease changed meanwhile", lease=self._ref.name, error=str(error))
            return self.is_leader
        except (KubeError, TimeoutError) as error:
            _log.warning("lease attempt failed", lease=self._ref.name, leading=self.is_leader, error=str(error))
            return False

    async def _look_and_act(self) -> bool:
        lease = await self._read()
        now = self._clock.monotonic()
        self._seen = self._seen.then(lease, now) if self._seen else Observation(lease=lease, since=now, first=True)
        if lease and self._tried and lease.record == self._tried.record:
            self._take_effect(lease)
        decision = decide(self._seen, identity=self._identity, now=now, duration=self._timing.duration, ours=self._ours)
        if not isinstance(decision, Renew):
            self._ours = None
        return await self._act(decision, now)

    async def _act(self, decision: Decision, now: float) -> bool:
        match decision:
            case Create():
                await self._api.apply(self._made(), manager=MAKER)
                return True
            case Acquire(lease, transitions):
                await self._write(lease, transitions, acquired="", sent=now)
            case Renew(lease):
                await self._write(lease, lease.transitions, acquired=lease.acquired, sent=now)
            case Hold():
                pass
        return False

    async def _read(self) -> LeaseView | None:
        try:
            return read_lease(await self._api.get(self._ref))
        except NotFoundError:
            return None

    async def _write(self, lease: LeaseView, transitions: int, *, acquired: str, sent: float) -> None:
        stamp = micro_time(self._clock.now())
        ours = replace(lease, holder=self._identity, acquired=acquired or stamp, renewed=stamp, transitions=transitions)
        self._tried, self._tried_at = ours, sent
        self._take_effect(read_lease(await self._api.apply(self._held(ours), manager=HOLDER)))

    def _take_effect(self, lease: LeaseView) -> None:
        """Lead by the write in `lease`, counted from before it was sent: nobody can have seen it earlier."""
        self._ours = lease
        self._until = self._tried_at + self._timing.renew_deadline.total_seconds()
        if self._seen:
            self._seen = self._seen.then(lease, self._clock.monotonic())

    async def _release(self, held: LeaseView) -> None:
        """Let somebody else lead at once. Best effort: if it fails, the lease runs out."""
        try:
            release = self._api.apply(self._held(replace(held, holder="")), manager=HOLDER)
            await within(self._clock, self._timing.retry_period, release)
        except (KubeError, TimeoutError) as error:
            _log.warning("lease not released", lease=self._ref.name, error=str(error))

    def _made(self) -> KubeObject:
        return {
            "apiVersion": self._ref.api_version,
            "kind": self._ref.kind,
            "metadata": {
                "namespace": self._ref.namespace,
                "name": self._ref.name,
                "labels": {MANAGED_BY_LABEL: MANAGED_BY},
            },
            "spec": {"leaseDurationSeconds": self._seconds()},
        }

    def _held(self, lease: LeaseView) -> KubeObject:
        """Return the apply that makes the Lease say what `lease` does, if it still has its version.

        The uid is there for the case that it was deleted: the API server then ignores a version, but not a uid.
        """
        return {
            "apiVersion": self._ref.api_version,
            "kind": self._ref.kind,
            "metadata": {
                "namespace": self._ref.namespace,
                "name": self._ref.name,
                "resourceVersion": lease.resource_version,
                "uid": lease.uid,
            },
            "spec": {
                "holderIdentity": lease.holder,
                "acquireTime": lease.acquired,
                "renewTime": lease.renewed,
                "leaseTransitions": lease.transitions,
            },
        }

    def _seconds(self) -> int:
        return int(self._timing.duration.total_seconds())

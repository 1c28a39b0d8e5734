"""Carries a plan out: the only place of the controller that writes to the cluster.

Before each write the Lease is asked again: a replica that lost it between two writes of one plan stops there. What the API
server answers goes straight into the picture, so that the next look does not plan on what was true before the write.
"""

from collections.abc import Callable
from typing import Final, Protocol

import structlog

from bartizan.api.kinds import TRUST_DOMAIN
from bartizan.api.names import KubeObject
from bartizan.controller.errors import NotLeaderError
from bartizan.controller.keys import Key
from bartizan.controller.meter import Meter
from bartizan.core.plan import Apply, Delete, Event, FieldManager, Plan
from bartizan.core.restarts import Evict
from bartizan.kube.api import KubeApi
from bartizan.kube.errors import KubeError

_log: Final = structlog.get_logger("bartizan.writer")


class Recorder(Protocol):
    """Takes events; never raises."""

    async def record(self, event: Event) -> None:
        """Write the event, or count it up."""


class Writer:
    """Applies and deletes, as long as this replica may."""

    def __init__(
        self,
        api: KubeApi,
        *,
        recorder: Recorder,
        may_write: Callable[[], bool],
        seen: Callable[[KubeObject, Apply, Key | None], None],
        meter: Meter,
    ) -> None:
        """Write through `api` while `may_write()`; hand each answer to `seen`, with what was applied and for which key."""
        self._api = api
        self._recorder = recorder
        self._may_write = may_write
        self._seen = seen
        self._meter = meter

    async def carry_out(self, plan: Plan, *, by: Key | None = None) -> tuple[KubeError, ...]:
        """Do what the plan says, in its order; return what the API server refused.

        `by` is a key that need not look again where its writes come back as they were meant.

        A refused apply does not keep the others back (a NetworkPolicy in the way must not stop a certificate's renewal), but
        nothing is deleted and no success is told then.

        Raises:
            NotLeaderError: the Lease is lost; the rest of the plan is somebody else's.
        """
        refused = [error for apply in plan.applies if (error := await self._try(apply, by))]
        if refused:
            return tuple(refused)
        for delete in plan.deletes:
            if error := await self._try(delete):
                return (error,)
        if plan.status and (error := await self._try(plan.status, by)):
            return (error,)
        for event in plan.events:
            self.check()
            _tell(event)
            await self._recorder.record(event)
        return ()

    async def apply(self, apply: Apply, *, by: Key | None = None) -> KubeObject:
        """Apply one object and return it as it then is.

        Raises:
            NotLeaderError: the Lease is lost.
            KubeError: the API server refused it.
        """
        self.check()
        answer = await self._api.apply(apply.item, manager=apply.manager, force=apply.force, status=apply.status)
        self._meter.wrote(apply.item["kind"], apply.manager)
        self._seen(answer, apply, by)
        return answer

    async def evict(self, evict: Evict) -> None:
        """Ask for the eviction of one pod.

        Raises:
            NotLeaderError: the Lease is lost.
            KubeError: the API server refused it, for a PodDisruptionBudget perhaps.
        """
        self.check()
        await self._api.evict(evict.ref, uid=evict.uid)
        self._meter.wrote(evict.ref.kind, "evict")

    async def create(self, item: KubeObject, *, manager: FieldManager) -> KubeObject:
        """Create one object, which must not exist, and return it as it then is.

        Raises:
            NotLeaderError: the Lease is lost.
            KubeError: the API server refused it.
        """
        self.check()
        answer = await self._api.create(item, manager=manager)
        self._meter.wrote(item["kind"], manager)
        return answer

    async def delete(self, delete: Delete) -> None:
        """Delete one object.

        Raises:
            NotLeaderError: the Lease is lost.
            KubeError: the API server refused it.
        """
        self.check()
        await self._api.delete(delete.ref, uid=delete.uid)
        self._meter.wrote(delete.ref.kind, "delete")

    async def _try(self, write: Apply | Delete, by: Key | None = None) -> KubeError | None:
        try:
            if isinstance(write, Apply):
                await self.apply(write, by=by)
            else:
                await self.delete(write)
        except KubeError as error:
            return error
        return None

    def check(self) -> None:
        """Raise NotLeaderError unless this replica may write."""
        if not self._may_write():
            raise NotLeaderError(
                "the Lease is held by another replica, or could not be renewed: nothing more is written"
            )


def _tell(event: Event) -> None:
    """Log what has happened to a trust domain: Events are gone after an hour, and an audit comes later."""
    if event.about.kind == TRUST_DOMAIN.kind:
        say = _log.warning if event.type == "Warning" else _log.info
        say("trust domain", trust_domain=event.about.name, reason=event.reason, message=event.message)

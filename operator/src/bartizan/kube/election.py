"""Who may lead, as a pure decision on what was seen and when; the rules of client-go's leaderelection, made stricter.

Nobody's wall clock is trusted. A candidate measures, on its own monotonic clock, how long a lease has not changed before its
eyes, and takes it over only after the whole lease duration; a leader gives up after the shorter renew deadline, counted
from before it sent the renewal that succeeded last. Two differences from client-go keep two leaders apart where it does not:

- A lease that bears our identity but not our last write is treated as somebody else's (two processes of one name).
- A Lease that vanished under the eyes of a candidate is made again at once, but held only after the whole duration, because
  the one who held it may not know yet. What remains: somebody deletes the Lease and a candidate that never saw it starts
  before the leader's next look, at most one retry period later; for that long both may lead. Every write is an idempotent
  server-side apply, so that is survivable.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from bartizan.api.names import KubeObject


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseView:
    """What a Lease says. Times are the holder's own words and only compared for equality."""

    holder: str
    """The holder's identity; empty when it was released or never held."""
    acquired: str = ""
    renewed: str = ""
    transitions: int = 0
    resource_version: str = ""
    uid: str = ""

    @property
    def record(self) -> tuple[str, str, str, int, str]:
        """What a renewal changes and an edit of labels does not.

        A lease that nobody held yet has no times to tell it from one that was deleted and made again, only its version.
        """
        made = "" if self.renewed else self.resource_version
        return (self.holder, self.acquired, self.renewed, self.transitions, made)


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The lease as last seen, and since when (monotonic seconds) it has looked like this."""

    lease: LeaseView | None
    """None: there is no such object."""
    since: float
    first: bool = False
    """Nothing else was ever seen, or only that there was none: nobody we know of can believe in an earlier lease."""

    def then(self, lease: LeaseView | None, now: float) -> "Observation":
        """Return the observation after seeing `lease` at `now`; the same record keeps its age."""
        same = (lease.record if lease else None) == (self.lease.record if self.lease else None)
        made = self.lease is None and lease is not None and not lease.renewed
        return Observation(lease=lease, since=self.since if same else now, first=self.first and (same or made))


@dataclass(frozen=True, slots=True)
class Create:
    """Make the Lease, held by nobody; whoever then acquires its first version wins."""


@dataclass(frozen=True, slots=True)
class Acquire:
    """Take `lease` if it still is what was seen."""

    lease: LeaseView
    transitions: int


@dataclass(frozen=True, slots=True)
class Renew:
    """Prolong our own `lease` if it still is what was seen."""

    lease: LeaseView


@dataclass(frozen=True, slots=True)
class Hold:
    """Do nothing: somebody else leads, or may."""

    holder: str


Decision: TypeAlias = Create | Acquire | Renew | Hold


def decide(
    observed: Observation, *, identity: str, now: float, duration: timedelta, ours: LeaseView | None = None
) -> Decision:
    """Return what candidate `identity` does at `now` (monotonic seconds) about the lease as observed.

    `ours` is what we wrote last while leading; without it nothing in the lease counts as our own.
    """
    lease = observed.lease
    expired = now - observed.since >= duration.total_seconds()
    if lease is None:
        return Create()
    if ours is not None and lease.holder == identity and lease.record == ours.record:
        return Renew(lease)
    free = not lease.holder and (bool(lease.renewed) or observed.first)
    if free or expired:
        return Acquire(lease, lease.transitions + bool(lease.renewed))
    return Hold(lease.holder)


def read_lease(item: KubeObject) -> LeaseView:
    """Return the view of a Lease; fields that nobody wrote are empty."""
    spec = item.get("spec") or {}
    return LeaseView(
        holder=spec.get("holderIdentity") or "",
        acquired=spec.get("acquireTime") or "",
        renewed=spec.get("renewTime") or "",
        transitions=spec.get("leaseTransitions") or 0,
        resource_version=item["metadata"]["resourceVersion"],
        uid=item["metadata"]["uid"],
    )

"""The first isolation of pods that already run: held back while a declared edge would be cut by it, and never for long.

A namespace that comes under enforcement is full of traffic that nobody has declared yet. Where a policy's edges all resolve,
its pods are isolated at once. Where one waits for the other side, isolating would cut what the team has declared and the
other team has not yet: it waits, says for what, and ends by itself at a fixed time, because a hold without an end would be
a way around enforcement. Pods that don't run yet, or that are isolated already, are never held.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import ValidationError

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import EdgeStatus, PolicyStatus
from bartizan.core.conditions import read_conditions
from bartizan.core.reasons import ConditionType, Reason

LONGEST: Final = timedelta(minutes=15)
"""How long a first isolation may wait: enough for the other team's change to be reviewed and rolled out, no more."""
_UNRESOLVED: Final = frozenset(
    {Reason.PENDING_CONSENT, Reason.PEER_NOT_FOUND, Reason.PORT_NOT_FOUND, Reason.RANGES_UNKNOWN}
)
_NOT_ISOLATED: Final = frozenset({Reason.REPORT_ONLY, Reason.HELD_IN_AUDIT, Reason.FIELD_CONFLICT})


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A first isolation that waits."""

    edges: tuple[EdgeStatus, ...]
    """What it waits for."""
    until: datetime
    """When it ends, whether or not the edges resolve."""


def first_isolation(
    item: KubeObject, edges: Sequence[EdgeStatus], *, isolated: bool, running: bool, now: datetime
) -> Hold | None:
    """Return the hold of a policy whose NetworkPolicy is to be written, or None if it is written now.

    Args:
        item: the policy with its status, which remembers since when it has waited.
        edges: what its rules come to.
        isolated: whether a NetworkPolicy of bartizan's isolates its pods already.
        running: whether any of its pods runs.
        now: the time.
    """
    waiting = unresolved(edges)
    if isolated or not running or not waiting or _was_enforced(item):
        return None
    until = _until(item) or now.replace(microsecond=0) + LONGEST
    return Hold(edges=waiting, until=until) if now < until else None


def unresolved(edges: Iterable[EdgeStatus]) -> tuple[EdgeStatus, ...]:
    """Return the edges that may still come to more than they are; what is forbidden or cut down stays so."""
    return tuple(edge for edge in edges if edge.reason in _UNRESOLVED)


def _was_enforced(item: KubeObject) -> bool:
    """Whether the pods were isolated before: a NetworkPolicy that somebody deleted is no first one."""
    known = {one.type: one.reason for one in read_conditions(item)}
    return known.get(ConditionType.NETWORK_ENFORCED, Reason.REPORT_ONLY) not in _NOT_ISOLATED


def _until(item: KubeObject) -> datetime | None:
    text = (item.get("status") or {}).get("heldUntil")
    try:
        return PolicyStatus.model_validate({"heldUntil": text}).held_until
    except ValidationError:  # somebody's edit
        return None

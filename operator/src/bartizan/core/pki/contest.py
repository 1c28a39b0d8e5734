"""A Secret that somebody else keeps writing: when it is put right, when that is put off, and who the other one is.

Two controllers that each repair what the other one wrote have been seen to send tens of thousands of requests an hour. So a
repair is made at once only a few times within a window, then ever later, and the condition names the other writer: the API
server's own record (`managedFields`) says which field manager owns what is in our way.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from bartizan.api.duration import format_duration
from bartizan.api.names import HASH_ANNOTATION, MANAGED_BY_LABEL, POLICY_LABEL, KubeObject

FREE_REPAIRS: Final = 5
"""So many repairs within the window are made at once: a hand's mistakes, or a restore from a backup."""
WINDOW: Final = timedelta(minutes=10)
"""How long a repair counts."""
FIRST_PAUSE: Final = timedelta(seconds=10)
"""How long the first repair after those waits; each further one waits twice as long."""
LONGEST_PAUSE: Final = timedelta(minutes=10)
"""The longest wait: a valid certificate comes back at least six times an hour, and six writes an hour are no flood."""
DELETER: Final = "whoever deletes it"
"""Stands for a writer that leaves no name: the record goes with the object."""

_MANAGER: Final = "bartizan/certificates"
_MINE: Final = (
    ("f:data",),
    ("f:type",),
    ("f:metadata", "f:ownerReferences"),
    ("f:metadata", "f:labels", f"f:{MANAGED_BY_LABEL}"),
    ("f:metadata", "f:labels", f"f:{POLICY_LABEL}"),
    ("f:metadata", "f:annotations", f"f:{HASH_ANNOTATION}"),
)
"""What of a certificate Secret is bartizan's alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """What is remembered of one Secret that was spoilt."""

    writers: frozenset[str] = frozenset()
    repairs: tuple[datetime, ...] = ()
    """The latest repairs, oldest first."""
    put_off: int = 0
    """How many repairs in a row were put off."""

    @property
    def contested(self) -> bool:
        """Whether repairs are put off."""
        return self.put_off > 0

    @property
    def pause(self) -> timedelta:
        """How long the next repair waits after the last one."""
        doubled: timedelta = FIRST_PAUSE * 2 ** min(self.put_off - 1, 16) if self.put_off else timedelta(0)
        return min(LONGEST_PAUSE, doubled)

    def due(self, now: datetime) -> datetime:
        """Return when the next repair may be made: now, or later."""
        return max(now, self.repairs[-1] + self.pause) if self.contested else now

    def met(self, writers: Iterable[str], now: datetime) -> "Contest":
        """Return what is known once the Secret was found spoilt by `writers`; repairs begin to be put off after a few."""
        known = replace(self, writers=self.writers | frozenset(writers))
        recent = [moment for moment in self.repairs if now - moment < WINDOW]
        return replace(known, put_off=1) if not self.contested and len(recent) >= FREE_REPAIRS else known

    def repaired(self, now: datetime) -> "Contest":
        """Return what is known once the Secret was put right at `now`: the next pause is longer."""
        kept = (*self.repairs[1 - FREE_REPAIRS :], now)
        return replace(self, repairs=kept, put_off=self.put_off + 1 if self.contested else 0)

    def over(self, now: datetime) -> bool:
        """Whether the Secret, found right at `now`, has been left alone for so long that nobody contests it any more."""
        return not self.repairs or now - self.repairs[-1] >= WINDOW

    def sentence(self, where: str) -> str:
        """Return what the condition says; it does not change while the contest lasts, unless another writer comes."""
        names = ", ".join(sorted(self.writers))
        return (
            f"Secret {where} is changed again and again by {names}: it is put right less and less often, at least every "
            f"{format_duration(LONGEST_PAUSE)}, and may hold no valid certificate in between; have that writer keep its "
            f"hands off it, or give another name in spec.mtls.secret.name"
        )


def writers_in_the_way(secret: KubeObject) -> tuple[str, ...]:
    """Return the field managers other than ours that own something of what is ours in a certificate Secret, by name."""
    entries = secret["metadata"].get("managedFields") or ()
    found = {
        str(entry.get("manager") or "a writer without a name")
        for entry in entries
        if isinstance(entry, Mapping) and not _ours(entry) and any(_holds(entry, path) for path in _MINE)
    }
    return tuple(sorted(found))


def _ours(entry: Mapping[str, Any]) -> bool:
    return (entry.get("manager"), entry.get("operation")) == (_MANAGER, "Apply")


def _holds(entry: Mapping[str, Any], path: tuple[str, ...]) -> bool:
    fields: Any = entry.get("fieldsV1")
    for step in path:
        if not isinstance(fields, Mapping) or step not in fields:
            return False
        fields = fields[step]
    return True

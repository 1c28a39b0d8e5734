"""What has happened to a trust domain's authorities between two statuses, in sentences: the trail that an audit follows.

A status shows only how things are. Who asked for a rotation, when an authority came, signed and went, must still be told when
it is over; so each difference between the status observed and the one written becomes an event and a line in the log. They are
derived from what is written, not noted on the way: a step that was not written down has not happened.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import AuthorityStatus, RotationStatus, TrustDomainStatus
from bartizan.core.conditions import read_conditions
from bartizan.core.pki.remembered import known_authorities, rotation_of
from bartizan.core.pki.rotation_wishes import ABORTABLE
from bartizan.core.reasons import ConditionType, Reason

_RETIRED: Final = "Retired"
_WRONG: Final = frozenset({Reason.CA_KEY_LOST, Reason.INVALID_SPEC, Reason.CANNOT_BE_DONE})
"""What somebody has to set right."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that has happened; never with a key in it."""

    reason: str
    message: str
    type: Literal["Normal", "Warning"] = "Normal"


def happened(before: KubeObject, after: TrustDomainStatus) -> tuple[Happening, ...]:
    """Return what has happened since the status `before`, in the order in which it is to be told."""
    record = after.rotation or RotationStatus()
    return (
        *_said(before, after),
        *_distrust(rotation_of(before), record),
        *_phase(rotation_of(before), record),
        *_authorities(known_authorities(before), after.authorities),
    )


def _said(before: KubeObject, after: TrustDomainStatus) -> Iterator[Happening]:
    """Yield conditions that somebody has to know of: what is wrong now, and what became of a wish."""
    former = {one.type: one for one in read_conditions({"status": before})}
    for one in after.conditions:
        old = former.get(one.type)
        wish = one.type == ConditionType.WISHES_HEARD
        same = old is not None and old.reason == one.reason and (not wish or old.message == one.message)
        if not same and (wish or one.reason in _WRONG):
            yield Happening(one.reason, one.message, "Warning" if one.reason in _WRONG else "Normal")


def _distrust(before: RotationStatus, after: RotationStatus) -> Iterator[Happening]:
    """Yield the beginning and the end of an emergency."""
    if after.cause == "Emergency" and (before.cause != "Emergency" or before.from_ != after.from_):
        deadline = f", and at {after.deadline:%Y-%m-%dT%H:%M:%SZ} at the latest it goes" if after.deadline else ""
        yield Happening("DistrustBegun", f"No more trusted: {', '.join(after.from_)}{deadline}", "Warning")
    if before.cause == "Emergency" and after.cause != "Emergency":
        yield Happening("DistrustEnded", f"Gone from every bundle: {', '.join(before.from_)}")


def _phase(before: RotationStatus, after: RotationStatus) -> Iterator[Happening]:
    if before.phase == after.phase:
        return
    if before.phase == "Stable":
        going = f" in place of {', '.join(after.from_)}" if after.from_ else ""
        yield Happening("RotationBegun", f"{_called(after)}: another authority comes{going}")
    elif after.phase != "Stable":
        yield Happening("RotationPhase", f"{_called(after)}: {before.phase} has become {after.phase}")
    elif before.phase in ABORTABLE:
        wish = f" by abort {after.aborted}" if after.aborted and after.aborted != before.aborted else ""
        yield Happening("RotationAborted", f"{_called(before)} was given up{wish} before the new authority signed")
    else:
        yield Happening("RotationEnded", f"{_called(before)} has ended: {before.to or 'another authority'} signs")


def _called(record: RotationStatus) -> str:
    """Return what rotates and why; only a rotation that was requested is due to the request remembered."""
    request = f", request {record.request}" if record.cause == "Requested" and record.request else ""
    return f"Rotation of {(record.role or 'an authority').lower()} ({record.cause or 'of unknown cause'}{request})"


def _authorities(before: tuple[AuthorityStatus, ...], after: tuple[AuthorityStatus, ...]) -> Iterator[Happening]:
    known = {one.id: one for one in before}
    for one in after:
        old = known.pop(one.id, None)
        if old is None:
            yield Happening("AuthorityMade", f"{_named(one)} is made, valid until {one.not_after:%Y-%m-%dT%H:%M:%SZ}")
        if one.state == _RETIRED and (old is None or old.state != _RETIRED):
            yield Happening("AuthorityRetired", f"{_named(one)} is not accepted any more")
    for one in known.values():
        yield Happening("AuthorityDeleted", f"{_named(one)} is gone for good, and so is its Secret {one.secret_name}")


def _named(one: AuthorityStatus) -> str:
    return f"{one.role} authority generation {one.generation} ({one.id})"

"""Which of the authorities found are ours, by what the status remembers: in use, expected, retired, strays, or lost.

The status is written before anything is done, so an authority it does not list is either the one that was about to be made, or
one that was removed and has come back (a controller that slept through the removal, a backup put in again). The difference is
its number: none is used twice.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bartizan.api.v1alpha1 import AuthorityStatus, Generations, RotationStatus
from bartizan.core.pki.authority import Authority, Role, UnreadableAuthority


@dataclass(frozen=True, slots=True, kw_only=True)
class LostAuthority:
    """An authority that should be there and is not, or a Secret that should hold one and does not."""

    secret_name: str
    problem: str
    """Completes "Secret <name> …"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sorted:
    """The authorities found, each in one place."""

    used: tuple[Authority, ...]
    """By role and generation."""
    coming: Authority | None
    """A root that was just made and is not published yet."""
    retired: tuple[Authority, ...]
    """Listed, and not accepted any more."""
    strays: tuple[Authority, ...]
    """Not listed, under a number that was used before."""
    gone: tuple[AuthorityStatus, ...]
    """In use by the status, and not found."""


def sort_authorities(
    found: Sequence[Authority],
    entries: Sequence[AuthorityStatus],
    high: Generations,
    record: RotationStatus,
    now: datetime,
) -> Sorted:
    """Return the authorities found, sorted by what the status says (`entries`, `high`, `record`)."""
    listed = {(entry.role, entry.id, entry.generation): entry for entry in entries}
    used, unlisted, retired = [], [], []
    for one in found:
        entry = listed.get((one.role.value, one.id, one.generation))
        if entry is None:
            unlisted.append(one)
        elif entry.state == "Retired":
            retired.append(one)
        else:
            used.append(one)
    reached = {Role.ROOT: high.root, Role.ISSUING: high.issuing}
    new = [one for one in unlisted if not entries or one.generation > reached[one.role]]
    strays = tuple(one for one in unlisted if one not in new)
    coming = None
    if any(one.not_after >= now for one in entries if one.role == Role.ROOT):
        # Only a root that was announced is taken: whoever can write one Secret must not be able to add a root by it.
        announced = record.phase == "Prepared" and record.role == "Root"
        roots = [one for one in new if one.role is Role.ROOT]
        coming = max(roots, key=lambda one: one.generation, default=None) if announced else None
        new = [one for one in new if one.role is not Role.ROOT]
    here = {(one.role.value, one.id, one.generation) for one in found}
    gone = (entry for entry in entries if entry.not_after > now and entry.state != "Retired")
    return Sorted(
        used=tuple(sorted((*used, *new), key=lambda one: (one.role, one.generation))),
        coming=coming,
        retired=tuple(retired),
        strays=strays,
        gone=tuple(entry for entry in gone if (entry.role, entry.id, entry.generation) not in here),
    )


def lost_authorities(
    read: Iterable[Authority | UnreadableAuthority],
    gone: Iterable[AuthorityStatus],
    unanchored: Iterable[Authority],
    given_up: frozenset[str],
) -> tuple[LostAuthority, ...]:
    """Return what is missing, each Secret once, with the most precise problem. What is `given_up` is not missed."""
    every = tuple(read)
    missed = tuple(gone)
    forgiven = {entry.secret_name for entry in missed if entry.id in given_up}
    problems = {one.secret_name: one.problem for one in every if isinstance(one, UnreadableAuthority)}
    present = {one.secret_name: one for one in every if isinstance(one, Authority)}
    for entry in missed:
        other = present.get(entry.secret_name)
        text = (
            f"holds another authority ({other.id}) than the one in use ({entry.id})"
            if other
            else f"with {entry.id} is gone"
        )
        problems.setdefault(entry.secret_name, text)
    for one in unanchored:
        problems.setdefault(one.secret_name, "holds an issuing authority that no root at hand has signed")
    return tuple(
        LostAuthority(secret_name=name, problem=problem)
        for name, problem in sorted(problems.items())
        if name not in forgiven
    )

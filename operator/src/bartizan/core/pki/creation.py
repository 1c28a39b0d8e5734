"""Which authority is to be made now.

What a phase of the rotation asks for comes first. Beside that, whatever the phase, somebody must always be able to sign: an
issuing authority past half of its life is followed even while a root rotation waits for a workload that cannot be reached.
"""

from dataclasses import dataclass
from datetime import datetime

from bartizan.api.v1alpha1 import Generations, RotationStatus
from bartizan.core.pki.authority import Authority, Role
from bartizan.core.pki.leaf import public_key_id
from bartizan.core.pki.trust import Trust, newest


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAuthority:
    """One generation to be made now. The Secret's name is deterministic, its data immutable: a second writer is refused."""

    role: Role
    generation: int
    root: Authority | None
    """Of an issuing authority: who signs it. Of a root: the one before it, to be bridged with."""
    message: str


def next_authority(
    trust: Trust,
    issuing: tuple[Authority, ...],
    record: RotationStatus,
    *,
    coming: Authority | None,
    reached: Generations,
    now: datetime,
) -> NewAuthority | None:
    """Return the one generation that is due, roots first."""
    if not trust.roots:
        return _new(Role.ROOT, reached.root + 1, None, "there is none in force")
    if record.phase == "Prepared" and record.role == "Root" and coming is None:
        old = newest(one for one in trust.at_hand if one.stands_at(now))
        return _new(Role.ROOT, reached.root + 1, old, f"a rotation has begun ({record.cause})")
    root = signing_root(trust, issuing, record)
    if root is None:
        return None
    mine = [one for one in issuing if _is_under(trust, one, root)]
    last = newest(mine)
    if last is None:
        why = "there is none in force" if not issuing else f"root generation {root.generation} has none"
    elif record.phase == "Prepared" and record.role == "Issuing" and {one.id for one in mine} <= {*record.from_}:
        why = f"a rotation has begun ({record.cause})"
    elif record.phase != "Stable" and now >= last.half_life and root.stands_at(now):
        why = f"generation {last.generation} is past half of its life"
    else:
        return None
    return _new(Role.ISSUING, reached.issuing + 1, root, why)


def signing_root(trust: Trust, issuing: tuple[Authority, ...], record: RotationStatus) -> Authority | None:
    """Return the root that signs issuing authorities in this phase, or None where its key is not at hand.

    Until another one's turn has come, that is the root that signed the last of them.
    """
    if record.role == "Root" and record.phase in {"Activated", "Draining", "Retirable", "Retired"}:
        return next((one for one in trust.at_hand if one.id == record.to), None)
    before = [one for one in trust.at_hand if one.id != record.to or record.role != "Root"]
    last = newest(one for one in issuing if any(_is_under(trust, one, root) for root in before))
    return newest(root for root in before if last is None or _is_under(trust, last, root))


def _is_under(trust: Trust, issuing: Authority, root: Authority) -> bool:
    found = trust.root_of(issuing.certificate)
    return found is not None and public_key_id(found) == root.id


def _new(role: Role, number: int, root: Authority | None, why: str) -> NewAuthority:
    message = f"make {role.lower()} authority generation {number}: {why}"
    return NewAuthority(role=role, generation=number, root=root, message=message)

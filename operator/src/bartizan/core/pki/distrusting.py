"""What it means that an authority is not trusted any more, told before it is asked for."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import AuthorityStatus
from bartizan.core.pki.authority import Role
from bartizan.core.pki.consumers import Consumer
from bartizan.core.pki.forecast_authorities import accepted, roots_by_issuing
from bartizan.core.pki.forecast_words import names


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """Who is concerned."""

    authority: AuthorityStatus
    root: AuthorityStatus | None
    """The root that goes: it itself, or the one it is under."""
    holders: tuple[Consumer, ...]
    """The policies whose certificate leads to that root."""

    @property
    def serving(self) -> tuple[int, int]:
        """How many of the holders' pods probes saw serve a certificate of their present authority, and how many there are."""
        told = [one.asked for one in self.holders if one.asked]
        return sum(one.on_current_authority for one in told), sum(one.total for one in told)


def meaning(status: KubeObject, authority: AuthorityStatus, consumers: Iterable[Consumer], now: datetime) -> Meaning:
    """Return who is concerned if `authority` is distrusted."""
    under = roots_by_issuing(status, now)
    root_id = authority.id if authority.role == Role.ROOT else under.get(authority.id, "")
    return Meaning(
        authority=authority,
        root=next((one for one in accepted(status, now) if one.id == root_id), None),
        holders=tuple(one for one in consumers if root_id and under.get(one.authority) == root_id),
    )


def told(found: Meaning) -> Iterator[str]:
    """Yield it in words, a line for each thing."""
    one = found.authority
    yield f"{one.id} is {one.role.lower()} authority generation {one.generation} ({one.state or 'of unknown state'})"
    if found.root and found.root.id != one.id:
        yield (
            f"  it is trusted through root generation {found.root.generation} ({found.root.id}), and there is no revocation "
            "list: that root goes along"
        )
    holders = [holder.name for holder in found.holders]
    yield f"  {len(holders)} policies hold a certificate under that root" + (f": {names(holders)}" if holders else "")
    seen, total = found.serving
    if total:
        yield f"  {seen} of {total} pods are known to have one of the present authority"
    elif holders:
        yield "  which pods serve one is not known: no probe reaches them"

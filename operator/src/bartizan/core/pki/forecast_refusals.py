"""Who would refuse whom: each open edge in both directions, because with mTLS each side verifies the other."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from cryptography import x509

from bartizan.core.model import PolicyKey
from bartizan.core.pki.forecast_running import Running
from bartizan.core.pki.pem import self_signed, signed_by

Certificates: TypeAlias = tuple[x509.Certificate, ...]
Why: TypeAlias = Literal["Untrusted", "Expired"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One side of an edge that would not be let through."""

    refused: PolicyKey
    by: PolicyKey
    why: Why
    """Untrusted: no way leads from what it shows to what the other trusts. Expired: it shows a certificate that has ended;
    that happens whether anything rotates or not."""
    phase: str
    """In which it happens first."""
    at: datetime
    certain: bool
    """Whether it is known that the side at fault does not get or load what is new in time; otherwise nobody knows."""
    because: str
    """Who is at fault and what is known of it, in words."""


class Refusals:
    """Looks at every edge again and again, and remembers when one is refused for the first time."""

    def __init__(self, running: Iterable[Running]) -> None:
        """Take the edges from what each policy calls."""
        by_key = {one.consumer.key: one for one in running}
        self._meetings: list[tuple[Running, Running]] = []
        for key in sorted(by_key):
            for called in sorted(by_key[key].consumer.calls & by_key.keys()):
                self._meetings += [(by_key[key], by_key[called]), (by_key[called], by_key[key])]
        self._found: dict[tuple[PolicyKey, PolicyKey], Refusal] = {}
        self._ways: dict[tuple[Certificates, Certificates], bool] = {}

    @property
    def found(self) -> tuple[Refusal, ...]:
        """What was found, in the order of time."""
        return tuple(sorted(self._found.values(), key=lambda one: (one.at, one.refused, one.by)))

    def look(self, phase: str, now: datetime) -> None:
        """Have everybody show what they have to those they meet."""
        for shows, judges in self._meetings:
            key = (shows.consumer.key, judges.consumer.key)
            if key in self._found or not shows.served.authority:
                continue
            why: Why | None = None
            if shows.served.not_after < now:
                why = "Expired"
            elif not self._leads(shows.chain, judges.trusts):
                why = "Untrusted"
            if why:
                self._found[key] = _refusal(shows, judges, why, phase, now)

    def _leads(self, chain: Certificates, trusts: Certificates) -> bool:
        way = (chain, trusts)
        if way not in self._ways:
            self._ways[way] = leads(chain, trusts)
        return self._ways[way]


def leads(chain: Certificates, trusts: Certificates) -> bool:
    """Whether a path leads from what follows a certificate, nearest first, to a root that is trusted (RFC 5280 section 6.1)."""
    return any(
        _allows(root, below) and signed_by(one, root)
        for below, one in enumerate(chain, start=1)
        for root in trusts
        if self_signed(root)
    )


def _allows(root: x509.Certificate, below: int) -> bool:
    """Whether the root lets so many authorities stand below it."""
    bound = root.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
    return bound is None or bound >= below


def _refusal(shows: Running, judges: Running, why: Why, phase: str, now: datetime) -> Refusal:
    fault = judges if why == "Untrusted" and judges.stays else shows
    sides = (shows,) if why == "Expired" else (shows, judges)
    both_change = not (shows.stays or judges.stays)
    return Refusal(
        refused=shows.consumer.key,
        by=judges.consumer.key,
        why=why,
        phase=phase,
        at=now,
        certain=all(one.certain for one in sides if one.stays) and not (both_change and fault.consumer.on_node),
        because=_because(fault, both_change=both_change),
    )


def _because(fault: Running, *, both_change: bool) -> str:
    if both_change and fault.consumer.on_node:
        return (
            f"{fault.consumer.name} has certificates that its nodes ask for, at half of their lives and not earlier; in an "
            "emergency its pods are evicted one at a time, and how many are by then is not known"
        )
    if both_change:
        return "no bridge leads from the new root to the old one"
    held_up = fault.consumer.held_up
    return f"{fault.consumer.name} {'has a Secret that is held up' if held_up else fault.consumer.why}"

"""How authorities and the certificates under them stand, as one value: what metrics say at the moment somebody asks.

It is read from what is remembered anyway (the TrustDomains' status, the ledger), so nothing can be counted twice or forgotten
when an authority, a trust domain or a leader goes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bartizan.api.names import KubeObject
from bartizan.core.pki.remembered import known_authorities
from bartizan.core.reasons import ConditionType

_STABLE: Final = "Stable"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityStanding:
    """One generation of an authority."""

    trust_domain: str
    id: str
    role: str
    """Root or Issuing."""
    generation: int
    not_after: datetime
    leaves: int
    """How many certificates it has signed that have not expired; none for a root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainStanding:
    """One trust domain."""

    name: str
    ready: bool
    reason: str
    """Why it is ready, or is not; empty before it was looked at."""
    phase: str
    """Of the rotation: Stable where there is none."""
    since: datetime | None
    """When that phase began, where it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Everything at one moment."""

    authorities: tuple[AuthorityStanding, ...] = ()
    domains: tuple[DomainStanding, ...] = ()
    waiting: int = 0
    """How many policies wait for their turn at the signer."""
    longest_wait: timedelta = timedelta(0)
    """How long the one that has waited longest has done so."""
    contested: tuple[tuple[str, str], ...] = ()
    """Namespace and name of the certificate Secrets that somebody else keeps writing."""


def authority_standings(items: Iterable[KubeObject], leaves: Mapping[str, int]) -> tuple[AuthorityStanding, ...]:
    """Return the authorities that TrustDomains name in their status; `leaves` counts certificates by authority id."""
    return tuple(
        AuthorityStanding(
            trust_domain=item["metadata"]["name"],
            id=entry.id,
            role=entry.role,
            generation=entry.generation,
            not_after=entry.not_after,
            leaves=leaves.get(entry.id, 0),
        )
        for item in items
        for entry in known_authorities(item.get("status") or {})
    )


def domain_standing(item: KubeObject) -> DomainStanding:
    """Return how a TrustDomain stands, by its status."""
    status = item.get("status") or {}
    conditions = status.get("conditions") or ()
    ready: KubeObject = next((one for one in conditions if one.get("type") == ConditionType.READY), {})
    rotation = status.get("rotation") or {}
    return DomainStanding(
        name=item["metadata"]["name"],
        ready=ready.get("status") == "True",
        reason=str(ready.get("reason") or ""),
        phase=str(rotation.get("phase") or _STABLE),
        since=_moment(rotation.get("since")),
    )


def _moment(text: object) -> datetime | None:
    """Return a moment as Kubernetes writes it, or None for anything else."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None

"""How a trust domain stands, for a person: authorities, rotation, and the policies that lag behind.

Everything is read from the TrustDomain's and the policies' status, so whoever may read those needs nothing else. What takes
further rights (the ledger's ConfigMaps) is added where it could be read, and named where it could not.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import AuthorityStatus, Condition, RotationStatus
from bartizan.core.conditions import read_conditions
from bartizan.core.model import TrustDomainView
from bartizan.core.pki.authority import AUTHORITY_BACKDATE, Role
from bartizan.core.pki.consumers import Consumer
from bartizan.core.pki.evidence import bundle_id
from bartizan.core.pki.leaf import public_key_id
from bartizan.core.pki.pem import read_certificates, self_signed
from bartizan.core.pki.remembered import known_authorities, rotation_of

_LATE: Final = 4
"""A certificate is renewed at half of its life: one with less than a quarter left is late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """How a trust domain stands at one moment."""

    name: str
    domain: str
    issuer: str
    """Who signs: builtIn, certManager, vaultPKI or csrSigner."""
    now: datetime
    conditions: tuple[Condition, ...]
    authorities: tuple[AuthorityStatus, ...]
    leaves: Mapping[str, int] | None
    """By authority (id), how many of its certificates have not ended; None: the ledger could not be read."""
    rotation: RotationStatus
    next_rotations: Mapping[str, datetime]
    """By role, when the next rotation begins if nobody asks for one."""
    bundle: str
    """The bundle's hash; empty: there is none yet."""
    roots: int
    """How many roots it holds."""
    policies: int
    """How many policies name the trust domain."""
    certificates: int
    """How many of them have a certificate."""
    behind: tuple[str, ...]
    """Policies whose certificate another authority signed than the one that signs now."""
    ending: tuple[tuple[str, datetime], ...]
    """Policies whose certificate has less than a quarter of its life left, and when it ends."""
    unseen: tuple[str, ...] = ()
    """What could not be looked at."""


def overview(
    view: TrustDomainView,
    item: KubeObject,
    *,
    policies: int,
    consumers: Iterable[Consumer],
    leaves: Mapping[str, int] | None,
    unseen: tuple[str, ...],
    now: datetime,
) -> Overview:
    """Return how the trust domain stands; `item` is the object itself, `policies` how many name it."""
    status, every = item.get("status") or {}, tuple(consumers)
    entries = known_authorities(status)
    signers = {one.id for one in entries if one.role == Role.ISSUING and one.state == "Active"}
    bundle = status.get("bundle")
    return Overview(
        name=view.name,
        domain=view.spec.domain,
        issuer=view.spec.issuer.kind,
        now=now,
        conditions=read_conditions(item),
        authorities=entries,
        leaves=leaves,
        rotation=rotation_of(status),
        next_rotations={} if view.spec.external else _next_rotations(view, status, entries),
        bundle=bundle_id(bundle) if isinstance(bundle, str) else "",
        roots=sum(map(self_signed, read_certificates(bundle if isinstance(bundle, str) else None))),
        policies=policies,
        certificates=len(every),
        behind=tuple(one.name for one in every if signers and _is_behind(one, signers)),
        ending=_ending(every, now),
        unseen=unseen,
    )


def _is_behind(one: Consumer, signers: Collection[str]) -> bool:
    if one.on_node and one.asked:
        return one.asked.on_current_authority < one.asked.total
    return one.authority not in signers


def _ending(consumers: Iterable[Consumer], now: datetime) -> tuple[tuple[str, datetime], ...]:
    late = (
        (one.name, one.not_after)
        for one in consumers
        if not one.on_node and one.not_after - now < (one.not_after - one.not_before) / _LATE
    )
    return tuple(sorted(late, key=lambda one: (one[1], one[0])))


def _next_rotations(
    view: TrustDomainView, status: KubeObject, entries: Iterable[AuthorityStatus]
) -> Mapping[str, datetime]:
    """Return half of the life of the newest of each role; while `abort` holds the root back, three quarters."""
    held = view.spec.rotation.abort == "current"
    bundle = status.get("bundle")
    begun = {
        public_key_id(one): one.not_valid_before_utc
        for one in read_certificates(bundle if isinstance(bundle, str) else None)
        if self_signed(one)
    }
    lives = {Role.ROOT: view.spec.lifetimes.root, Role.ISSUING: view.spec.lifetimes.issuing}
    found = {}
    for role, life in lives.items():
        newest = max((one for one in entries if one.role == role), key=lambda one: one.generation, default=None)
        if newest is None:
            continue
        start = begun.get(newest.id, newest.not_after - life - AUTHORITY_BACKDATE)
        quarters = 3 if held and role is Role.ROOT else 2
        found[role.value] = start + (newest.not_after - start) * quarters / 4
    return found

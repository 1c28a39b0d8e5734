"""Which authority to make, to sign with, to keep, to drop, or to report as lost.

A root stands in every trust bundle and signs only issuing authorities; an issuing authority travels in every chain, so its
rotation needs no change of trust anywhere. Three rules keep every certificate valid for every peer at all times:

- the next generation is made at half of the life of the last, so an authority always outlives what it signs;
- a new root is published first and signs only `SETTLE` later, when every peer has renewed its own certificate, and with it
  read the bundle, at least once;
- an authority is kept, and its root trusted, until it has expired.

A key that is gone is never made again by itself (`lost`): whoever can make bartizan mint a new root by deleting a Secret
would cut every workload off from every other. What can still sign goes on signing meanwhile.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import AuthorityStatus
from bartizan.core.model import TrustDomainView
from bartizan.core.pki.authority import (
    Authority,
    Role,
    UnreadableAuthority,
    read_authority,
)
from bartizan.core.pki.external.roots import further_roots
from bartizan.core.pki.leaf import public_key_id
from bartizan.core.pki.pem import signed_by, to_pem
from bartizan.core.pki.remembered import known_authorities, remembered_roots

SETTLE: Final = timedelta(hours=168)
"""How long a new root is published before it signs: the longest lifetime of a certificate (`spec.mtls.lifetime`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAuthority:
    """One generation to be made now. The Secret's name is deterministic, its data immutable: a second writer is refused."""

    role: Role
    generation: int
    root: Authority | None
    """Who signs it; None: it signs itself."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LostAuthority:
    """An authority that should be there and is not, or a Secret that should hold one and does not."""

    secret_name: str
    problem: str
    """Completes "Secret <name> …"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityPlan:
    """What to do about a trust domain's authorities, and what can be used meanwhile."""

    create: NewAuthority | None
    """Make this one, write its Secret, and plan again."""
    signer: Authority | None
    """Who signs certificates now."""
    issuing: tuple[Authority, ...]
    """All issuing authorities whose certificates are accepted, oldest first."""
    roots: tuple[Authority, ...]
    """The roots whose keys are at hand, oldest first."""
    bundle: tuple[x509.Certificate, ...]
    """The roots to trust, oldest first; one whose key is lost is trusted until it ends. Then those of `spec.bundle`."""
    expired: tuple[Authority, ...]
    """To be deleted."""
    lost: tuple[LostAuthority, ...]
    remembered: tuple[AuthorityStatus, ...]
    """Entries of the status that must stay in it: the lost ones, so that they stay lost after the next look."""

    @property
    def bundle_pem(self) -> str:
        """The trust bundle."""
        return to_pem(self.bundle)

    @property
    def chains(self) -> tuple[tuple[x509.Certificate, ...], ...]:
        """What may follow a certificate in tls.crt: one chain for each authority in `issuing`."""
        return tuple(self.chain_of(authority) for authority in self.issuing)

    def chain_of(self, authority: Authority) -> tuple[x509.Certificate, ...]:
        """Return what follows a certificate that `authority` signed, nearest first: the authority, then its bridge."""
        return (authority.certificate,)


def plan_authorities(
    view: TrustDomainView, secrets: Iterable[KubeObject], status: KubeObject, now: datetime
) -> AuthorityPlan:
    """Return what to do, one step at a time.

    `secrets` are all those with the labels of `authority_selector(view.name)` in the release's namespace, `status` is the
    TrustDomain's `.status` as observed. A Secret that the status does not know yet is adopted if its chain verifies: the
    controller died between two writes.
    """
    read = [read_authority(item, trust_domain=view.name, domain=view.spec.domain) for item in secrets]
    found = sorted((one for one in read if isinstance(one, Authority)), key=lambda one: (one.role, one.generation))
    ledger = known_authorities(status)
    gone = tuple(entry for entry in ledger if entry.not_after > now and not any(_is(entry, one) for one in found))
    bundle = _trusted(found, remembered_roots(status, gone), now)
    issuing = tuple(one for one in found if one.role is Role.ISSUING and one.not_after >= now)
    anchored = tuple(one for one in issuing if any(signed_by(one.certificate, root) for root in bundle))
    lost = _lost(read, found, gone, [one for one in issuing if one not in anchored])
    roots = tuple(one for one in found if one.role is Role.ROOT and one.not_after >= now)
    highest = {role: _highest(role, found, ledger) for role in Role}
    return AuthorityPlan(
        create=None if lost else _next(roots, anchored, highest, now),
        signer=next((one for one in reversed(anchored) if one.stands_at(now)), None),
        issuing=anchored,
        roots=roots,
        bundle=(*bundle, *(one for one in further_roots(view, now) if one not in bundle)),
        expired=()
        if lost
        else tuple(one for one in found if one.not_after < now and one.generation < highest[one.role]),
        lost=lost,
        remembered=gone,
    )


def _next(
    roots: tuple[Authority, ...], issuing: tuple[Authority, ...], highest: dict[Role, int], now: datetime
) -> NewAuthority | None:
    """Return the one generation that is due, roots first."""
    if not roots or now >= roots[-1].half_life:
        return _generation(Role.ROOT, highest[Role.ROOT] + 1, roots, None)
    if not issuing or now >= issuing[-1].half_life:
        return _generation(Role.ISSUING, highest[Role.ISSUING] + 1, issuing, _signing_root(roots, now))
    return None


def _generation(role: Role, number: int, before: tuple[Authority, ...], root: Authority | None) -> NewAuthority:
    why = f"generation {before[-1].generation} is past half of its life" if before else "there is none in force"
    message = f"make {role.lower()} authority generation {number}: {why}"
    return NewAuthority(role=role, generation=number, root=root, message=message)


def _signing_root(roots: tuple[Authority, ...], now: datetime) -> Authority:
    """Return the newest root that every peer trusts by now, or the oldest left where none has been published that long."""
    return next((root for root in reversed(roots) if now - root.not_before >= SETTLE), roots[0])


def _highest(role: Role, found: Iterable[Authority], ledger: Iterable[AuthorityStatus]) -> int:
    """Return the last generation that was ever seen: a number is never used twice, even after the key is gone."""
    at_hand = [one.generation for one in found if one.role is role]
    return max([0, *at_hand, *(entry.generation for entry in ledger if entry.role == role)])


def _is(entry: AuthorityStatus, authority: Authority) -> bool:
    return (entry.id, entry.role, entry.generation) == (authority.id, authority.role, authority.generation)


def _trusted(
    found: Iterable[Authority], remembered: Iterable[x509.Certificate], now: datetime
) -> tuple[x509.Certificate, ...]:
    """Return the roots that have not ended, oldest first: those at hand, and those known only from the status."""
    at_hand = [
        one.certificate for one in found if one.role is Role.ROOT and signed_by(one.certificate, one.certificate)
    ]
    every: dict[str, x509.Certificate] = {}
    for certificate in [*at_hand, *remembered]:
        if certificate.not_valid_after_utc >= now:
            every.setdefault(public_key_id(certificate), certificate)
    return tuple(sorted(every.values(), key=lambda one: (one.not_valid_before_utc, public_key_id(one))))


def _lost(
    read: Iterable[Authority | UnreadableAuthority],
    found: Iterable[Authority],
    gone: Iterable[AuthorityStatus],
    unanchored: Iterable[Authority],
) -> tuple[LostAuthority, ...]:
    """Return what is missing, each Secret once, with the most precise problem."""
    problems = {one.secret_name: one.problem for one in read if isinstance(one, UnreadableAuthority)}
    present = {one.secret_name: one for one in found}
    for entry in gone:
        other = present.get(entry.secret_name)
        text = (
            f"holds another authority ({other.id}) than the one in use ({entry.id})"
            if other
            else f"with {entry.id} is gone"
        )
        problems.setdefault(entry.secret_name, text)
    for one in unanchored:
        problems.setdefault(one.secret_name, "holds an issuing authority that no root at hand has signed")
    return tuple(LostAuthority(secret_name=name, problem=problem) for name, problem in sorted(problems.items()))

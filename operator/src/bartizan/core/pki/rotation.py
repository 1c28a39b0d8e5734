"""Which authorities are in force, which one is to be made, and which are lost: what follows from the status and the Secrets.

A root stands in every trust bundle and signs only issuing authorities; an issuing authority travels in every chain, so its
rotation needs no change of trust anywhere. How one follows another is a sequence of phases (`rotation_phases`) that the status
records before anything is done; here is what each phase *means*, so that a controller that starts anew, and everybody else who
holds status and Secrets, comes to the same answer.

A key that is gone is never made again by itself (`lost`): whoever can make bartizan mint a new root by deleting a Secret
would cut every workload off from every other. What can still sign goes on signing meanwhile.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from cryptography import x509

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import AuthorityStatus, Generations, RotationStatus
from bartizan.core.model import TrustDomainView
from bartizan.core.pki.authority import Authority, Role, read_authority
from bartizan.core.pki.creation import NewAuthority, next_authority
from bartizan.core.pki.external.roots import further_roots
from bartizan.core.pki.leaf import public_key_id
from bartizan.core.pki.pem import to_pem
from bartizan.core.pki.remembered import generations_of, known_authorities, remembered_roots, rotation_of
from bartizan.core.pki.sorting import LostAuthority, Sorted, lost_authorities, sort_authorities
from bartizan.core.pki.trust import Trust, newest
from bartizan.core.pki.waves import Wave

__all__ = ["AuthorityPlan", "LostAuthority", "NewAuthority", "plan_authorities"]
ACTING = frozenset({"Activated", "Draining", "Retirable", "Retired"})
"""The phases in which the authority that comes may sign."""


@dataclass(frozen=True, kw_only=True)
class AuthorityPlan:
    """What to do about a trust domain's authorities, and what can be used meanwhile. Chains and bundle are made once."""

    record: RotationStatus
    """How far the rotation is, as written down."""
    trust: Trust
    create: NewAuthority | None
    """Make this one, write its Secret, and plan again."""
    signer: Authority | None
    """Who signs certificates now."""
    issuing: tuple[Authority, ...]
    """All issuing authorities whose certificates are accepted, oldest first."""
    coming: Authority | None
    """A root that was made and is not published yet."""
    draining: Mapping[str, Wave] = field(default_factory=dict)
    """Issuing authorities (ids) whose certificates are issued anew, and when."""
    retired: tuple[Authority, ...]
    """By the status not accepted any more; they stay listed until their Secrets are gone."""
    removable: tuple[Authority, ...]
    """Retired, expired or stray: their Secrets are to be deleted."""
    lost: tuple[LostAuthority, ...]
    remembered: tuple[AuthorityStatus, ...]
    """Entries of the status whose Secrets are gone and that must stay in it, so that they stay lost after the next look."""
    generations: Generations
    """The highest numbers ever seen."""

    @property
    def roots(self) -> tuple[Authority, ...]:
        """The roots in use whose keys are at hand, oldest first."""
        return self.trust.at_hand

    @property
    def bundle(self) -> tuple[x509.Certificate, ...]:
        """What peers are to trust; a root whose key is lost is trusted until it ends."""
        return self.trust.bundle

    @cached_property
    def bundle_pem(self) -> str:
        """The trust bundle."""
        return to_pem(self.bundle)

    @cached_property
    def chains(self) -> tuple[tuple[x509.Certificate, ...], ...]:
        """What may follow a certificate in tls.crt: one chain for each authority in `issuing`."""
        return tuple(self.chain_of(authority) for authority in self.issuing)

    def chain_of(self, authority: Authority) -> tuple[x509.Certificate, ...]:
        """Return what follows a certificate that `authority` signed, nearest first: the authority, then its bridges."""
        return self.trust.chain_of(authority.certificate)

    def below(self, roots: Iterable[str]) -> tuple[Authority, ...]:
        """Return the issuing authorities under any of the roots (ids)."""
        wanted = frozenset(roots)
        return tuple(one for one in self.issuing if self.root_id(one) in wanted)

    def root_id(self, issuing: Authority) -> str:
        """Return the id of the root that an issuing authority is under; empty: none in use."""
        root = self.trust.root_of(issuing.certificate)
        return public_key_id(root) if root else ""


def plan_authorities(
    view: TrustDomainView, secrets: Iterable[KubeObject], status: KubeObject, now: datetime
) -> AuthorityPlan:
    """Return what is in force and what is to be made, one at a time.

    `secrets` are all those with the labels of `authority_selector(view.name)` in the release's namespace, `status` is the
    TrustDomain's `.status` as observed. A Secret that the status does not know yet is adopted if it was to be made and its
    chain verifies: the controller died between two writes.
    """
    read = [read_authority(item, trust_domain=view.name, domain=view.spec.domain) for item in secrets]
    found = [one for one in read if isinstance(one, Authority)]
    entries = known_authorities(status)
    record, high = rotation_of(status), generations_of(status, entries)
    sort = sort_authorities(found, entries, high, record, now)
    trust = _trust(sort, remembered_roots(status, sort.gone), further_roots(view, status, now), now)
    issuing = tuple(one for one in sort.used if one.role is Role.ISSUING and one.not_after >= now)
    anchored = tuple(one for one in issuing if trust.root_of(one.certificate))
    given_up = frozenset({*view.spec.rotation.distrust, *(record.from_ if record.cause == "Emergency" else ())})
    lost = lost_authorities(read, sort.gone, [one for one in issuing if one not in anchored], given_up)
    reached = _reached(found, high)
    signer = _signer(trust, anchored, record, now)
    return AuthorityPlan(
        record=record,
        trust=trust,
        create=None if lost else next_authority(trust, anchored, record, coming=sort.coming, reached=reached, now=now),
        signer=signer,
        issuing=anchored,
        coming=sort.coming,
        draining=_draining(view, trust, anchored, record, signer),
        retired=sort.retired,
        removable=() if lost else (*sort.retired, *sort.strays, *_expired(sort.used, reached, now)),
        lost=lost,
        remembered=sort.gone,
        generations=reached,
    )


def _trust(
    sort: Sorted, remembered: Iterable[x509.Certificate], further: Iterable[x509.Certificate], now: datetime
) -> Trust:
    """Return the roots that have not ended, oldest first: those at hand, and those known only from the status."""
    at_hand = tuple(one for one in sort.used if one.role is Role.ROOT and one.not_after >= now)
    every: dict[str, x509.Certificate] = {}
    for certificate in (*(one.certificate for one in at_hand), *remembered):
        if certificate.not_valid_after_utc >= now:
            every.setdefault(public_key_id(certificate), certificate)
    roots = sorted(every.values(), key=lambda one: (one.not_valid_before_utc, public_key_id(one)))
    return Trust(roots=tuple(roots), at_hand=at_hand, further=tuple(further))


def _signer(trust: Trust, issuing: tuple[Authority, ...], record: RotationStatus, now: datetime) -> Authority | None:
    """Return the newest issuing authority under the root whose turn it is, or the newest at all while that has none."""
    valid = [one for one in issuing if one.stands_at(now)]
    if record.role == "Root" and record.phase in ACTING:
        turn = [one for one in valid if public_key_id(trust.root_of(one.certificate) or one.certificate) == record.to]
    elif record.role == "Root" and record.phase != "Stable":
        turn = [one for one in valid if public_key_id(trust.root_of(one.certificate) or one.certificate) != record.to]
    else:
        turn = []
    return newest(turn) or newest(valid)


def _draining(
    view: TrustDomainView,
    trust: Trust,
    issuing: tuple[Authority, ...],
    record: RotationStatus,
    signer: Authority | None,
) -> Mapping[str, Wave]:
    """Return the issuing authorities that drain. One that has only been followed at half of its life needs no wave.

    Its certificates are renewed in their own time, long before it ends.
    """
    if record.phase not in {"Draining", "Retirable"} or record.since is None:
        return {}
    if record.role == "Issuing" and record.cause == "HalfLife":
        return {}
    spread = record.phase == "Draining" and record.cause != "Emergency"
    wave = Wave(start=record.since, end=record.since + (view.spec.rotation.settle if spread else timedelta(0)))
    going = frozenset(record.from_)
    keys = ((one, {one.id, public_key_id(trust.root_of(one.certificate) or one.certificate)}) for one in issuing)
    return {one.id: wave for one, ids in keys if ids & going and one != signer}


def _expired(used: Iterable[Authority], reached: Generations, now: datetime) -> tuple[Authority, ...]:
    newest_of = {Role.ROOT: reached.root, Role.ISSUING: reached.issuing}
    return tuple(one for one in used if one.not_after < now and one.generation < newest_of[one.role])


def _reached(found: Iterable[Authority], high: Generations) -> Generations:
    """Return the last generations that were ever seen: a number is never used twice, even after the key is gone."""
    every = tuple(found)
    roots = [one.generation for one in every if one.role is Role.ROOT]
    issuing = [one.generation for one in every if one.role is Role.ISSUING]
    return Generations(root=max([high.root, *roots]), issuing=max([high.issuing, *issuing]))

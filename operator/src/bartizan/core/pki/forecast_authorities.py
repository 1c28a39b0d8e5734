"""What a forecast takes the place of a trust domain's authorities with, as far as its public status tells of them.

A forecast must not ask for anybody's keys, and the rules of rotation look at certificates. So each authority of the status gets
a likeness: the same role, generation, life and path length, under a key of no worth. Roots are read from the published bundle.
Of issuing authorities the status gives the end alone; the beginning follows from the lifetime, and the root from the phase.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from cryptography import x509

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import AuthorityStatus
from bartizan.core.model import TrustDomainView
from bartizan.core.pki.authority import AUTHORITY_BACKDATE, Authority, Role
from bartizan.core.pki.leaf import public_key_id
from bartizan.core.pki.pem import read_certificates, self_signed
from bartizan.core.pki.remembered import known_authorities, rotation_of
from bartizan.core.pki.rotation import ACTING

_NOT_ACCEPTED: Final = frozenset({"Retired", "Lost"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """What a stand-in has in common with an authority."""

    role: Role
    generation: int
    not_before: datetime
    not_after: datetime
    path_length: int | None = None
    """Of a root: how many authorities it allows below it; None: any number."""


class Maker(Protocol):
    """Makes the authorities of a forecast (`bartizan.signers.stand_ins.StandInSigner`)."""

    def make_root(
        self, view: TrustDomainView, *, generation: int, now: datetime, old: Authority | None = None
    ) -> Authority:
        """Return the next root."""
        ...

    def make_issuing(self, view: TrustDomainView, root: Authority, *, generation: int, now: datetime) -> Authority:
        """Return the next issuing authority."""
        ...

    def make_like(self, view: TrustDomainView, like: Likeness, root: Authority | None) -> Authority:
        """Return a stand-in under `root`; for a root: bridged with it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """The stand-ins, and the status as it would be if they were the authorities."""

    authorities: tuple[Authority, ...]
    status: KubeObject
    ids: Mapping[str, str]
    """By an authority's own id, its stand-in's."""


def cast_for(view: TrustDomainView, status: KubeObject, now: datetime, maker: Maker) -> Cast:
    """Return stand-ins for the authorities that a `.status` lists as accepted."""
    entries = accepted(status, now)
    real = _real_roots(status)
    roots: list[Authority] = []
    ids: dict[str, str] = {}
    for entry in sorted((one for one in entries if one.role == Role.ROOT), key=lambda one: one.generation):
        like = _root_like(entry, real.get(entry.id), view, now)
        before = roots[-1] if roots and _crossed(status, set(ids)) else None
        roots.append(maker.make_like(view, like, before))
        ids[entry.id] = roots[-1].id
    issuing, under = [], roots_by_issuing(status, now)
    by_id = {one.id: one for one in roots}
    for entry in (one for one in entries if one.role == Role.ISSUING):
        root = by_id.get(ids.get(under.get(entry.id, ""), ""))
        if root is None:
            continue
        issuing.append(maker.make_like(view, _issuing_like(entry, root, view, now), root))
        ids[entry.id] = issuing[-1].id
    every = (*roots, *issuing)
    return Cast(authorities=every, status=_renamed(status, entries, every, ids), ids=ids)


def accepted(status: KubeObject, now: datetime) -> list[AuthorityStatus]:
    """Return the authorities of a `.status` that are accepted now and whose keys are there."""
    return [one for one in known_authorities(status) if one.state not in _NOT_ACCEPTED and one.not_after > now]


def roots_by_issuing(status: KubeObject, now: datetime) -> Mapping[str, str]:
    """Return the root (id) that each issuing authority (id) is under: the one that comes, if that signs already, or the last.

    The status does not say it; the phase does.
    """
    record, entries = rotation_of(status), accepted(status, now)
    roots = sorted((one for one in entries if one.role == Role.ROOT), key=lambda one: one.generation)
    coming = next((one for one in roots if record.role == "Root" and one.id == record.to), None)
    older = [one for one in roots if one != coming]
    signs = record.phase in ACTING - {"Activated"}
    found = {}
    for entry in (one for one in entries if one.role == Role.ISSUING):
        if coming and ((signs and entry.state == "Active") or not older):
            found[entry.id] = coming.id
        elif older:
            found[entry.id] = older[-1].id
    return found


def _real_roots(status: KubeObject) -> Mapping[str, x509.Certificate]:
    bundle = status.get("bundle")
    found = read_certificates(bundle if isinstance(bundle, str) else None)
    return {public_key_id(one): one for one in found if self_signed(one)}


def _crossed(status: KubeObject, older: Iterable[str]) -> bool:
    """Whether the bundle holds one of the older roots as certified by another: then there are bridges."""
    bundle = status.get("bundle")
    found = read_certificates(bundle if isinstance(bundle, str) else None)
    ids = frozenset(older)
    return any(public_key_id(one) in ids and not self_signed(one) for one in found)


def _root_like(entry: AuthorityStatus, real: x509.Certificate | None, view: TrustDomainView, now: datetime) -> Likeness:
    if real is None:
        start = min(entry.not_after - view.spec.lifetimes.root - AUTHORITY_BACKDATE, now - AUTHORITY_BACKDATE)
        return Likeness(role=Role.ROOT, generation=entry.generation, not_before=start, not_after=entry.not_after)
    bound = real.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
    return Likeness(
        role=Role.ROOT,
        generation=entry.generation,
        not_before=real.not_valid_before_utc,
        not_after=real.not_valid_after_utc,
        path_length=bound,
    )


def _issuing_like(entry: AuthorityStatus, root: Authority, view: TrustDomainView, now: datetime) -> Likeness:
    begun = min(entry.not_after - view.spec.lifetimes.issuing, now) - AUTHORITY_BACKDATE
    return Likeness(
        role=Role.ISSUING,
        generation=entry.generation,
        not_before=max(begun, root.not_before),
        not_after=min(entry.not_after, root.not_after),
    )


def _renamed(
    status: KubeObject, entries: Iterable[AuthorityStatus], made: Iterable[Authority], ids: Mapping[str, str]
) -> KubeObject:
    """Return the status with the stand-ins in the place of the authorities."""
    by_id = {one.id: one for one in made}
    listed = []
    for entry in entries:
        one = by_id.get(ids.get(entry.id, ""))
        if one is None:
            continue
        update = {"id": one.id, "secret_name": one.secret_name, "not_after": one.not_after}
        listed.append(entry.model_copy(update=update).model_dump(mode="json", by_alias=True, exclude_none=True))
    record = rotation_of(status)
    going = tuple(ids[one] for one in record.from_ if one in ids)
    coming = ids.get(record.to) if record.to else None
    moved = record.model_copy(update={"from_": going, "to": coming})
    renamed: dict[str, Any] = {
        "authorities": listed,
        "rotation": moved.model_dump(mode="json", by_alias=True, exclude_none=True),
    }
    return {**renamed, **({"generations": status["generations"]} if "generations" in status else {})}

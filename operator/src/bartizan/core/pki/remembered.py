"""What a TrustDomain's status remembers of its authorities and of their rotation.

The status is the only place that still knows an authority after its Secret was deleted. It is read entry by entry and field
by field: an entry that a newer or older version of bartizan wrote must not be forgotten over a field that is new.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from cryptography import x509
from pydantic import ValidationError

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import AuthorityStatus, Generations, RotationStatus
from bartizan.core.pki.leaf import public_key_id
from bartizan.core.pki.pem import read_certificates, self_signed

_FIELDS: Final = ("id", "role", "generation", "secretName", "notAfter", "state")
_ROTATION_FIELDS: Final = tuple(field.alias or "" for field in RotationStatus.model_fields.values())


def known_authorities(status: KubeObject) -> tuple[AuthorityStatus, ...]:
    """Return the authorities a `.status` lists; what is not an entry at all is passed over."""
    listed = status.get("authorities")
    entries = (_entry(item) for item in listed) if isinstance(listed, list) else ()
    return tuple(entry for entry in entries if entry)


def remembered_roots(status: KubeObject, gone: Iterable[AuthorityStatus]) -> tuple[x509.Certificate, ...]:
    """Return the certificates of `gone` roots as far as the published bundle still holds them."""
    ids = {entry.id for entry in gone}
    bundle = status.get("bundle")
    certificates = read_certificates(bundle if isinstance(bundle, str) else None)
    return tuple(one for one in certificates if public_key_id(one) in ids and self_signed(one))


def rotation_of(status: KubeObject) -> RotationStatus:
    """Return how far the rotation was when it was last written down; Stable where nothing readable was."""
    item = status.get("rotation")
    if not isinstance(item, Mapping):
        return RotationStatus()
    fields: dict[str, Any] = {key: item[key] for key in _ROTATION_FIELDS if key in item}
    try:
        return RotationStatus.model_validate(fields)
    except ValidationError as error:
        # What names the phase must be readable; the rest can be found out again.
        wrong = {part for one in error.errors() for part in one["loc"][:1]}
        kept = {key: value for key, value in fields.items() if key not in wrong}
        return RotationStatus() if "phase" in wrong else RotationStatus.model_validate(kept)


def generations_of(status: KubeObject, listed: Iterable[AuthorityStatus]) -> Generations:
    """Return the highest generation numbers written down, also by a version that wrote no such field."""
    entries = tuple(listed)
    written = status.get("generations")
    high = {
        role: max((entry.generation for entry in entries if entry.role.lower() == role), default=0)
        for role in ("root", "issuing")
    }
    for role, number in written.items() if isinstance(written, Mapping) else ():
        if role in high and isinstance(number, int):
            high[role] = max(high[role], number)
    return Generations(**high)


def _entry(item: object) -> AuthorityStatus | None:
    if not isinstance(item, Mapping):
        return None
    try:
        return AuthorityStatus.model_validate({key: item[key] for key in _FIELDS if key in item})
    except ValidationError:
        return None

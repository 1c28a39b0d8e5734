"""What a TrustDomain's status remembers of its authorities.

The status is the only place that still knows an authority after its Secret was deleted. It is read entry by entry and field
by field: an entry that a newer or older version of bartizan wrote must not be forgotten over a field that is new.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from cryptography import x509
from pydantic import ValidationError

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import AuthorityStatus
from bartizan.core.pki.leaf import public_key_id
from bartizan.core.pki.pem import read_certificates

_FIELDS: Final = ("id", "role", "generation", "secretName", "notAfter")


def known_authorities(status: KubeObject) -> tuple[AuthorityStatus, ...]:
    """Return the authorities a `.status` lists; what is not an entry at all is passed over."""
    listed = status.get("authorities")
    entries = (_entry(item) for item in listed) if isinstance(listed, list) else ()
    return tuple(entry for entry in entries if entry)


def remembered_roots(status: KubeObject, gone: Iterable[AuthorityStatus]) -> tuple[x509.Certificate, ...]:
    """Return the certificates of `gone` authorities as far as the published bundle still holds them."""
    ids = {entry.id for entry in gone}
    bundle = status.get("bundle")
    certificates = read_certificates(bundle if isinstance(bundle, str) else None)
    return tuple(certificate for certificate in certificates if public_key_id(certificate) in ids)


def _entry(item: object) -> AuthorityStatus | None:
    if not isinstance(item, Mapping):
        return None
    try:
        return AuthorityStatus.model_validate({key: item[key] for key in _FIELDS if key in item})
    except ValidationError:
        return None

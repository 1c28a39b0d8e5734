"""A certificate as a stranger shows it: bytes that anybody may have made, read without ever raising.

Nothing is verified here. What is read says which certificate it is, so that it can be compared with what was issued.
"""

import hashlib
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.utils import CryptographyDeprecationWarning

MOST_DER: Final = 16 * 1024
"""The longest certificate that is read, in bytes."""
_MOST_ID: Final = 32
"""The longest identifier of an authority that is told, in bytes; those of RFC 5280 section 4.2.1.2 have 20."""
_MOST_SERIAL: Final = 160
"""In bits: RFC 5280 section 4.1.2.2 allows 20 octets."""
_UNREADABLE: Final = (ValueError, TypeError, OverflowError, UnsupportedAlgorithm, x509.DuplicateExtension,
                      x509.UnsupportedGeneralNameType, x509.InvalidVersion, CryptographyDeprecationWarning)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedLeaf:
    """Which certificate it is."""

    fingerprint: str
    """SHA-256 of the whole certificate, hex."""
    authority: str = ""
    """The key identifier of the authority that it says signed it (AKI), hex; empty where it says none."""
    serial: str = ""
    """Hex, without leading zeros; empty where it is longer than RFC 5280 allows."""
    not_after: datetime
    """Its last moment, whole seconds."""


def read_served(der: bytes) -> ServedLeaf | None:
    """Return what a certificate says of itself; None where it is none that can be read."""
    if len(der) > MOST_DER:
        return None
    try:
        with warnings.catch_warnings(action="error", category=CryptographyDeprecationWarning):
            return leaf_of(x509.load_der_x509_certificate(der))
    except _UNREADABLE:
        return None


def leaf_of(certificate: x509.Certificate) -> ServedLeaf:
    """Return which certificate it is.

    Raises:
        ValueError: it holds something that RFC 5280 does not allow (and what else `read_served` catches).
    """
    serial = certificate.serial_number
    return ServedLeaf(
        fingerprint=hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest(),
        authority=authority_key_id(certificate),
        serial=format(serial, "x") if 0 <= serial < 1 << _MOST_SERIAL else "",
        not_after=certificate.not_valid_after_utc.replace(microsecond=0).astimezone(UTC),
    )


def authority_key_id(certificate: x509.Certificate) -> str:
    """Return the identifier by which a certificate names the key that signed it, hex; empty where it names none."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except x509.ExtensionNotFound:
        return ""
    return (found or b"").hex() if len(found or b"") <= _MOST_ID else ""


def own_key_id(certificate: x509.Certificate) -> str:
    """Return the identifier by which what an authority signs names it, hex: its subject key identifier.

    Where it bears none, the one that signers derive from its key (RFC 5280 section 4.2.1.2, first method).
    """
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest.hex()
    except x509.ExtensionNotFound:
        return x509.SubjectKeyIdentifier.from_public_key(certificate.public_key()).digest.hex()

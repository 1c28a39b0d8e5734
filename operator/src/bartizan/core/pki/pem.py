"""Reading and writing what certificate Secrets hold: base64 of PEM.

Anyone with access to a Secret may have written anything into it, so reading never raises: what cannot be understood is None,
and the decision says so in words.
"""

import base64
import binascii
import warnings
from collections.abc import Iterable, Mapping
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.utils import CryptographyDeprecationWarning

from bartizan.api.names import KubeObject

CERTIFICATE_KEY: Final = "tls.crt"
PRIVATE_KEY: Final = "tls.key"
BUNDLE_KEY: Final = "ca.crt"
COMBINED_KEY: Final = "tls-combined.pem"
"""Key, then chain, in one file: the order of a pod certificate's credential bundle (KEP-4317)."""


def data_of(secret: KubeObject, key: str) -> bytes | None:
    """Return one entry of a Secret's data, decoded; None where it is missing, empty or not base64."""
    data = secret.get("data")
    text = data.get(key) if isinstance(data, Mapping) else None
    if not isinstance(text, str):
        return None
    try:
        return base64.b64decode(text, validate=True) or None
    except (binascii.Error, ValueError):
        return None


def encoded(pem: str | bytes) -> str:
    """Return text as it stands in a Secret's data."""
    return base64.b64encode(pem.encode() if isinstance(pem, str) else pem).decode()


def read_certificates(pem: bytes | str | None) -> tuple[x509.Certificate, ...]:
    """Return the certificates in a PEM text, in order; none where any of it cannot be read."""
    if not pem:
        return ()
    try:
        with warnings.catch_warnings(action="error", category=CryptographyDeprecationWarning):
            return tuple(x509.load_pem_x509_certificates(pem.encode() if isinstance(pem, str) else pem))
    except (ValueError, CryptographyDeprecationWarning):  # a warning: against RFC 5280, and tolerated for others only
        return ()


def to_pem(certificates: Iterable[x509.Certificate]) -> str:
    """Return certificates as PEM, in order."""
    return "".join(certificate.public_bytes(Encoding.PEM).decode() for certificate in certificates)


def fits(certificate: x509.Certificate, key_pem: bytes) -> bool:
    """Whether `key_pem` is the unencrypted private key of the certificate."""
    try:
        key = serialization.load_pem_private_key(key_pem, password=None)
        mine = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return mine == public_key_der(certificate)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False


def public_key_der(certificate: x509.Certificate) -> bytes:
    """Return the certificate's SubjectPublicKeyInfo.

    Raises:
        ValueError: the certificate holds no readable public key.
        UnsupportedAlgorithm: the key is of a kind that is not known.
    """
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def self_signed(certificate: x509.Certificate) -> bool:
    """Whether the certificate signed itself."""
    return signed_by(certificate, certificate)


def signed_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether `issuer` signed the certificate and does not end before it."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return certificate.not_valid_after_utc <= issuer.not_valid_after_utc

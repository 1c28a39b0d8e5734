"""A certificate as decisions see it, and the moment it is renewed.

Everything a rule asks for is taken out of the X.509 structure once, where a malformed extension can still be answered with
"unreadable"; after that only plain values are compared.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID

from bartizan.core.pki.pem import fits, public_key_der

_EARLIEST: Final = 45
_LATEST: Final = 55
_PERCENT: Final = 100
_ID_LENGTH: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class LeafView:
    """A certificate, the chain sent with it and the key that came with it."""

    certificate: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    """The issuing authorities that follow it, nearest first."""
    key_pem: bytes = field(repr=False)
    key_fits: bool
    """Whether the key is the certificate's."""
    uris: tuple[str, ...]
    dns_names: tuple[str, ...]
    """Sorted."""
    subject: str
    """The common name where it is the subject's only attribute, else the whole subject (RFC 4514); mostly empty."""
    key_algorithm: str
    """As in `spec.mtls.key.algorithm`; a key of another kind is called by its class."""
    serial: str
    """Hex, without leading zeros."""
    not_before: datetime
    not_after: datetime
    bundle_pem: bytes = b""

    @property
    def span(self) -> timedelta:
        """From its first to its last moment."""
        return self.not_after - self.not_before


def view_leaf(certificates: tuple[x509.Certificate, ...], key_pem: bytes, bundle_pem: bytes = b"") -> LeafView | None:
    """Return the view of a chain that begins with the leaf, or None where any part of the leaf is malformed."""
    if not certificates:
        return None
    leaf = certificates[0]
    try:
        names = _alternative_names(leaf)
        return LeafView(
            certificate=leaf,
            chain=certificates[1:],
            key_pem=key_pem,
            key_fits=fits(leaf, key_pem),
            uris=tuple(names.get_values_for_type(x509.UniformResourceIdentifier)) if names else (),
            dns_names=tuple(sorted(names.get_values_for_type(x509.DNSName))) if names else (),
            subject=_subject(leaf.subject),
            key_algorithm=_key_algorithm(leaf),
            serial=format(leaf.serial_number, "x"),
            not_before=leaf.not_valid_before_utc,
            not_after=leaf.not_valid_after_utc,
            bundle_pem=bundle_pem,
        )
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return None


def _alternative_names(certificate: x509.Certificate) -> x509.SubjectAlternativeName | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None


def _subject(name: x509.Name) -> str:
    attributes = list(name)
    if len(attributes) == 1 and attributes[0].oid == NameOID.COMMON_NAME:
        return str(attributes[0].value)
    return name.rfc4514_string()


def _key_algorithm(certificate: x509.Certificate) -> str:
    key = certificate.public_key()
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "Ed25519"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ECDSAP256" if isinstance(key.curve, ec.SECP256R1) else f"ECDSA {key.curve.name}"
    return type(key).__name__.removeprefix("_").removesuffix("PublicKey")


def public_key_id(certificate: x509.Certificate) -> str:
    """Return what bartizan calls an authority: the first 16 hex digits of the SHA-256 of its public key.

    The empty text stands for a key that cannot be read.
    """
    try:
        return hashlib.sha256(public_key_der(certificate)).hexdigest()[:_ID_LENGTH]
    except (ValueError, UnsupportedAlgorithm):
        return ""


def renewal_time(leaf: LeafView, *, namespace: str, name: str) -> datetime:
    """Return when the certificate is renewed: between 45 % and 55 % of its span, the same whenever it is asked.

    The place within that window is taken from a hash of the Secret's name and the serial, so that certificates issued
    together are not renewed together, and a restart of the controller changes nothing.
    """
    span = leaf.span // timedelta(seconds=1)
    earliest = -(-span * _EARLIEST // _PERCENT)
    latest = max(earliest, span * _LATEST // _PERCENT)
    digest = hashlib.sha256(f"{namespace}/{name}/{leaf.serial}".encode()).digest()
    return leaf.not_before + timedelta(seconds=earliest + int.from_bytes(digest[:8]) % (latest - earliest + 1))

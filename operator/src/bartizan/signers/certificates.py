"""The X.509 shape of everything bartizan signs, in one place so that it can be read against the standards.

Sources: SPIFFE X509-SVID.md (one URI SAN, CA flags, key usage), RFC 5280 (§4.1.2.2 serial, §4.2.1.6 critical SAN when the
subject is empty), KEP-4317 (back-dating). Two deviations from what other issuers do, on purpose: no name constraints of type
URI (a common verifier refuses the whole chain), and distinct subjects per generation (errors name the right one).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bartizan.api.v1alpha1.identity import KeyAlgorithm
from bartizan.signers.errors import AuthorityNotUsableError

_LAST_MOMENT: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""The last moment a certificate can name (RFC 5280 §4.1.2.5)."""
_CN_LENGTH: Final = 64

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
LeafKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicLeafKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """From when to when, whole seconds."""

    start: datetime
    end: datetime


def validity(
    now: datetime, *, lifetime: timedelta, backdate: timedelta, within: x509.Certificate | None = None
) -> Validity:
    """Return a validity of `lifetime` from now, begun `backdate` earlier, that does not leave its issuer's.

    Raises:
        AuthorityNotUsableError: the issuer is not valid now.
    """
    now = now.replace(microsecond=0)
    room = _LAST_MOMENT - now
    start, end = now - backdate, now + min(lifetime, room)
    if within is None:
        return Validity(start=start, end=end)
    first, last = within.not_valid_before_utc, within.not_valid_after_utc
    if not first <= now < last:
        raise AuthorityNotUsableError(
            f"authority {within.subject.rfc4514_string()} is valid from {first:%Y-%m-%dT%H:%M:%SZ} to "
            f"{last:%Y-%m-%dT%H:%M:%SZ}, and it is {now:%Y-%m-%dT%H:%M:%SZ}: it cannot sign now"
        )
    return Validity(start=max(start, first), end=min(end, last))


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a new P-256 key: the one kind that every verifier accepts for authorities and leaves."""
    return ec.generate_private_key(ec.SECP256R1())


def new_leaf_key(algorithm: KeyAlgorithm) -> LeafKey:
    """Return a new key for a workload."""
    return ed25519.Ed25519PrivateKey.generate() if algorithm == "Ed25519" else new_key()


def key_pem(key: LeafKey) -> bytes:
    """Return a key as unencrypted PKCS #8."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def load_key(pem: bytes, *, of: str) -> SigningKey:
    """Return the key of the authority called `of`.

    Raises:
        AuthorityNotUsableError: it is not an unencrypted EC or RSA key. The message never quotes it.
    """
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise AuthorityNotUsableError(f"the key of {of} cannot be read: it must be unencrypted PEM") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise AuthorityNotUsableError(f"the key of {of} is neither EC nor RSA: it cannot sign")
    return key


def authority_name(text: str) -> x509.Name:
    """Return a subject of a common name alone, cut to what X.520 allows of one."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:_CN_LENGTH])])


def authority_builder(
    key: ec.EllipticCurvePrivateKey, *, subject: x509.Name, domain: str, path_length: int | None, times: Validity
) -> x509.CertificateBuilder:
    """Return an authority's certificate without issuer."""
    return (
        _builder(key.public_key(), subject, times)
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(key_usage(signs_certificates=True), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"spiffe://{domain}")]), critical=False
        )
    )


def cross_signed(
    certificate: x509.Certificate, issuer: x509.Certificate, issuer_key: SigningKey
) -> x509.Certificate | None:
    """Return an authority's certificate signed by another one, or None where they are not valid at the same time.

    It names and holds the same key, and says the same of it (RFC 5280 §3.2: a cross-certificate).
    """
    start = max(certificate.not_valid_before_utc, issuer.not_valid_before_utc)
    end = min(certificate.not_valid_after_utc, issuer.not_valid_after_utc)
    if start >= end:
        return None
    builder = (
        x509.CertificateBuilder()
        .subject_name(certificate.subject)
        .public_key(certificate.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )
    for extension in certificate.extensions:
        if not isinstance(extension.value, x509.AuthorityKeyIdentifier):
            builder = builder.add_extension(extension.value, critical=extension.critical)
    return signed(builder, issuer_key, issuer)


def leaf_builder(
    key: PublicLeafKey,
    *,
    uris: tuple[str, ...],
    dns_names: tuple[str, ...],
    client: bool,
    times: Validity,
    common_name: str = "",
) -> x509.CertificateBuilder:
    """Return the certificate of the public key `key` without issuer; `client` lets it authenticate clients too.

    The names are critical only where the subject is empty (RFC 5280 §4.2.1.6: where it is not, they should not be).
    """
    names = [*map(x509.UniformResourceIdentifier, uris), *map(x509.DNSName, dns_names)]
    purposes = [ExtendedKeyUsageOID.SERVER_AUTH, *([ExtendedKeyUsageOID.CLIENT_AUTH] if client else [])]
    return (
        _builder(key, authority_name(common_name) if common_name else x509.Name([]), times)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=not common_name)
    )


def self_signed(
    builder: x509.CertificateBuilder, key: ec.EllipticCurvePrivateKey, subject: x509.Name
) -> x509.Certificate:
    """Return the certificate signed by its own key."""
    own = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return builder.issuer_name(subject).add_extension(own, critical=False).sign(key, hashes.SHA256())


def signed(builder: x509.CertificateBuilder, key: SigningKey, issuer: x509.Certificate) -> x509.Certificate:
    """Return the certificate signed by `issuer`, whose key is `key`.

    It points to the issuer by the identifier the issuer bears itself: others compute it differently (Go: SHA-256, cut).
    """
    try:
        own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        pointer = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
    except x509.ExtensionNotFound:
        pointer = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    return builder.issuer_name(issuer.subject).add_extension(pointer, critical=False).sign(key, hashes.SHA256())


def _builder(key: PublicLeafKey, subject: x509.Name, times: Validity) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(times.start)
        .not_valid_after(times.end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    """Return what a key is for: signing certificates, or signing in a handshake."""
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )

"""What the built-in signer signs, extension by extension."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from bartizan.core.pki.pem import fits, read_certificates
from bartizan.signers.certificates import new_key
from bartizan.signers.errors import AuthorityNotUsableError
from unit.pki.builders import HOUR, NOW, SIGNER, a_pki, a_trust_domain

PKI = a_pki()
MINUTE = timedelta(minutes=1)


def sign(profile=PKI.profile, now=NOW):
    """Return leaf, issuing authority and key of a certificate just signed."""
    issued = SIGNER.sign_leaf(profile, PKI.issuing, now=now)
    leaf, issuing = read_certificates(issued.chain_pem)
    return leaf, issuing, issued.key_pem.encode()


def extension(certificate, kind):
    """Return one extension."""
    return certificate.extensions.get_extension_for_class(kind)


def usages(certificate):
    """Return the names of the key usages that are set."""
    value = extension(certificate, x509.KeyUsage).value
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
    )
    return [name for name in names if getattr(value, name)]


def critical(certificate):
    """Return the names of the critical extensions."""
    return {one.oid._name for one in certificate.extensions if one.critical}


def test_leaf():
    """A leaf has exactly the names asked for, no subject, and may be used as server and client only."""
    leaf, issuing, key = sign()
    names = extension(leaf, x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == ["spiffe://prod.example.com/ns/shop/sa/orders"]
    assert names.get_values_for_type(x509.DNSName) == list(PKI.profile.dns_names)
    assert leaf.subject == x509.Name([])
    assert leaf.issuer == issuing.subject
    assert issuing == PKI.issuing.certificate
    assert critical(leaf) == {"basicConstraints", "keyUsage", "subjectAltName"}
    assert extension(leaf, x509.BasicConstraints).value == x509.BasicConstraints(ca=False, path_length=None)
    assert usages(leaf) == ["digital_signature"]
    assert list(extension(leaf, x509.ExtendedKeyUsage).value) == [
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.CLIENT_AUTH,
    ]
    assert fits(leaf, key)
    assert key.startswith(b"-----BEGIN PRIVATE KEY-----")


def test_leaf_with_a_common_name():
    """A common name is the whole subject, and then the names need not be critical (RFC 5280 §4.2.1.6)."""
    leaf, _, _ = sign(replace(PKI.profile, common_name="orders@shop"))
    assert leaf.subject.rfc4514_string() == "CN=orders@shop"
    assert critical(leaf) == {"basicConstraints", "keyUsage"}
    names = extension(leaf, x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [PKI.profile.spiffe_id]


def test_ed25519_leaf():
    """An Ed25519 leaf has the same usages, is signed by the P-256 authority, and its key is PKCS #8."""
    leaf, issuing, key = sign(replace(PKI.profile, key_algorithm="Ed25519"))
    assert isinstance(leaf.public_key(), ed25519.Ed25519PublicKey)
    assert isinstance(leaf.signature_hash_algorithm, hashes.SHA256)
    assert usages(leaf) == ["digital_signature"]
    assert fits(leaf, key)
    leaf.verify_directly_issued_by(issuing)


def test_algorithms():
    """Every key is P-256 and every signature SHA-256."""
    for certificate in (*sign()[:2], PKI.root.certificate):
        assert isinstance(certificate.public_key().curve, ec.SECP256R1)
        assert isinstance(certificate.signature_hash_algorithm, hashes.SHA256)


def test_key_identifiers_make_a_chain():
    """Each authority key identifier is the subject key identifier of the next."""
    leaf, issuing, _ = sign()
    chain = (leaf, issuing, PKI.root.certificate, PKI.root.certificate)
    for lower, upper in pairwise(chain):
        points_to = extension(lower, x509.AuthorityKeyIdentifier).value.key_identifier
        assert points_to == extension(upper, x509.SubjectKeyIdentifier).value.digest


@pytest.mark.parametrize(
    ("authority", "path_length", "subject"),
    [
        (PKI.root, None, "CN=bartizan root 1 of prod.example.com"),
        (PKI.issuing, 0, "CN=bartizan issuing 1 of prod.example.com"),
    ],
)
def test_authority(authority, path_length, subject):
    """An authority signs certificates and nothing else, to the depth it needs, for its trust domain."""
    certificate = authority.certificate
    assert critical(certificate) == {"basicConstraints", "keyUsage"}
    assert extension(certificate, x509.BasicConstraints).value == x509.BasicConstraints(
        ca=True, path_length=path_length
    )
    assert usages(certificate) == ["key_cert_sign", "crl_sign"]
    names = extension(certificate, x509.SubjectAlternativeName).value
    assert list(names) == [x509.UniformResourceIdentifier("spiffe://prod.example.com")]
    assert certificate.subject.rfc4514_string() == subject
    for left_out in (ExtensionOID.EXTENDED_KEY_USAGE, ExtensionOID.NAME_CONSTRAINTS):
        with pytest.raises(x509.ExtensionNotFound):
            certificate.extensions.get_extension_for_oid(left_out)


def test_validity():
    """A leaf begins two minutes early, an authority an hour; each ends its lifetime after its issue."""
    leaf, issuing, _ = sign(now=NOW + timedelta(microseconds=500))
    root = PKI.root.certificate
    assert [(one.not_valid_before_utc, one.not_valid_after_utc) for one in (leaf, issuing, root)] == [
        (NOW - 2 * MINUTE, NOW + 24 * HOUR),
        (NOW - HOUR, NOW + 2160 * HOUR),
        (NOW - HOUR, NOW + 87600 * HOUR),
    ]


def test_nothing_outlives_its_issuer():
    """A leaf ends with its issuing authority, an issuing authority with its root."""
    late = PKI.issuing.not_after - HOUR
    assert sign(now=late)[0].not_valid_after_utc == PKI.issuing.not_after
    late = PKI.root.not_after - HOUR
    assert SIGNER.make_issuing(PKI.domain, PKI.root, generation=9, now=late).not_after == PKI.root.not_after


def test_nothing_begins_before_its_issuer():
    """With a clock set back, a leaf begins with its authority at the earliest."""
    early = PKI.issuing.not_before + MINUTE
    assert sign(now=early)[0].not_valid_before_utc == PKI.issuing.not_before


def test_serials_and_keys_are_never_repeated():
    """Two certificates of one workload share neither serial nor key, and serials are positive and at most 159 bits."""
    leaves = [sign()[0] for _ in range(20)]
    assert (
        len({one.serial_number for one in leaves}) == len({one.public_key().public_numbers() for one in leaves}) == 20
    )
    bits = [one.serial_number.bit_length() for one in leaves]
    assert 128 <= min(bits) <= max(bits) <= 159


def test_long_domains_and_lifetimes_are_legal():
    """The longest trust domain and a lifetime past the calendar's end still give a certificate."""
    domain = ".".join(["a" * 60] * 4)
    view = a_trust_domain(domain=domain, lifetimes={"root": "99999999h", "issuing": "2160h"})
    root = SIGNER.make_root(view, generation=1, now=NOW)
    assert root.not_after.year == 9999
    assert root.certificate.subject.rfc4514_string() == "CN=" + f"bartizan root 1 of {domain}"[:64]


ED25519 = b"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f\n-----END PRIVATE KEY-----\n"
REFUSALS = [
    (
        "a root asked to sign a leaf",
        lambda: SIGNER.sign_leaf(PKI.profile, PKI.root, now=NOW),
        "bartizan-authority-default-root-1 is a root: it signs authorities only",
    ),
    (
        "an issuing authority asked to sign an authority",
        lambda: SIGNER.make_issuing(PKI.domain, PKI.issuing, generation=2, now=NOW),
        "bartizan-authority-default-issuing-1 is not a root: only a root signs authorities",
    ),
    (
        "an authority past its end",
        lambda: sign(now=PKI.issuing.not_after),
        "authority CN=bartizan issuing 1 of prod.example.com is valid from 2026-03-01T11:00:00Z to 2026-05-30T12:00:00Z, and it is 2026-05-30T12:00:00Z: it cannot sign now",
    ),
    (
        "an authority before its beginning",
        lambda: sign(now=NOW - 2 * HOUR),
        "authority CN=bartizan issuing 1 of prod.example.com is valid from 2026-03-01T11:00:00Z to 2026-05-30T12:00:00Z, and it is 2026-03-01T10:00:00Z: it cannot sign now",
    ),
    (
        "a key that is nonsense",
        lambda: SIGNER.sign_leaf(PKI.profile, with_key(b"secret words"), now=NOW),
        "the key of bartizan-authority-default-issuing-1 cannot be read: it must be unencrypted PEM",
    ),
    (
        "a key that is neither EC nor RSA",
        lambda: SIGNER.sign_leaf(PKI.profile, with_key(ED25519), now=NOW),
        "the key of bartizan-authority-default-issuing-1 is neither EC nor RSA: it cannot sign",
    ),
]


def with_key(key_pem):
    """Return the issuing authority with another key."""
    return replace(PKI.issuing, key_pem=key_pem)


@pytest.mark.parametrize(("case", "act", "message"), REFUSALS, ids=[c[0] for c in REFUSALS])
def test_refusals(case, act, message):
    """What must not or cannot sign says so, and the message holds no key."""
    with pytest.raises(AuthorityNotUsableError) as raised:
        act()
    assert str(raised.value) == message
    assert raised.value.__cause__ is None


def test_new_keys_differ():
    """Every key is new."""
    assert new_key().private_numbers() != new_key().private_numbers()

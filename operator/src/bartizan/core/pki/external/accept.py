"""What an issuer sends back, held against the profile: one small rule each, and nothing is published that breaks one.

An external issuer is trusted to sign and not to decide: a role or an issuer that somebody widened must not give a workload a
name, a purpose or a lifetime that its policy does not have. Rules are those of SPIFFE's X509-SVID (§2 to §5) and RFC 5280; the
path is verified by pyca's verifier, which many peers use too.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final, TypeAlias, TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError

from bartizan.api.duration import format_duration
from bartizan.core.pki.leaf import LeafView, view_leaf
from bartizan.core.pki.pem import read_certificates
from bartizan.core.pki.profile import LeafProfile

MOST_TEXT: Final = 65536
"""How many characters a chain may have."""
MOST_CHAIN: Final = 8
"""How many certificates."""
LEAST_LIFETIME: Final = timedelta(minutes=30)
"""Shorter ones would be renewed more than four times an hour, for every policy."""
MOST_BACKDATE: Final = timedelta(minutes=15)
"""How far before its issue a certificate may begin (Kubernetes' signers: 5 minutes, Vault's default: 30 seconds)."""
MOST_AHEAD: Final = timedelta(minutes=5)
"""How late our clock may be behind the issuer's."""
_Extension = TypeVar("_Extension", bound=x509.ExtensionType)
_PURPOSES: Final = {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
_SPOKEN: Final = {
    ExtendedKeyUsageOID.SERVER_AUTH: "serverAuth",
    ExtendedKeyUsageOID.CLIENT_AUTH: "clientAuth",
    ExtendedKeyUsageOID.CODE_SIGNING: "codeSigning",
    ExtendedKeyUsageOID.EMAIL_PROTECTION: "emailProtection",
    ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE: "any",
}
_HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)


class Rule(StrEnum):
    """Which rule a certificate breaks; a closed set, because messages name it."""

    READABLE = "Readable"
    KEY = "Key"
    NAMES = "Names"
    CONSTRAINTS = "Constraints"
    USAGE = "Usage"
    ALGORITHM = "Algorithm"
    VALIDITY = "Validity"
    AUTHORITY = "Authority"
    CHAIN = "Chain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the certificate must be."""

    profile: LeafProfile
    roots: tuple[x509.Certificate, ...]
    now: datetime


@dataclass(frozen=True, slots=True)
class Broken:
    """The first rule that the certificate breaks; `problem` is a sentence about it."""

    rule: Rule
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A certificate that may be published."""

    leaf: LeafView
    chain: tuple[x509.Certificate, ...]
    """The leaf and the authorities between it and its root, in order; the root is in the bundle, not in the chain."""


_Check: TypeAlias = Callable[[Wanted, LeafView], str]


def accept(chain_pem: str, key_pem: bytes, wanted: Wanted) -> Accepted | Broken:
    """Return the certificate and its chain in order, or what is wrong with it."""
    if len(chain_pem) > MOST_TEXT:
        return Broken(Rule.READABLE, f"it is {len(chain_pem)} characters long, and a chain has at most {MOST_TEXT}")
    certificates = read_certificates(chain_pem)
    leaf = view_leaf(certificates, key_pem)
    if leaf is None:
        return Broken(Rule.READABLE, "it is not X.509 certificates in PEM that can be read, the workload's first")
    if len(certificates) > MOST_CHAIN:
        return Broken(Rule.CHAIN, f"it holds {len(certificates)} certificates, and a chain has at most {MOST_CHAIN}")
    if broken := broken_rule(wanted, leaf):
        return broken
    path = _path(wanted, leaf)
    return path if isinstance(path, Broken) else Accepted(leaf=leaf, chain=path[:-1])


def broken_rule(wanted: Wanted, leaf: LeafView) -> Broken | None:
    """Return the first rule that the leaf breaks, its path left out; None where it breaks none."""
    try:
        return next((Broken(rule, problem) for rule, check in _CHECKS if (problem := check(wanted, leaf))), None)
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return Broken(Rule.READABLE, "it holds an extension that cannot be read")


def unanchored(wanted: Wanted, leaf: LeafView) -> Broken | None:
    """Return what is wrong with the path from the leaf to a root of the bundle; None where nothing is."""
    path = _path(wanted, leaf)
    return path if isinstance(path, Broken) else None


def _key(_: Wanted, leaf: LeafView) -> str:
    return "" if leaf.key_fits else "it is for another key than the one it was asked for"


def _names(wanted: Wanted, leaf: LeafView) -> str:
    """Exactly the profile's names, each once, and of no other type; a common name may only repeat one of them."""
    asked = sorted([wanted.profile.spiffe_id, *wanted.profile.dns_names])
    have = [_name(one) for one in _alternative_names(leaf.certificate)]
    more = sorted(set(have) - set(asked))
    if more:
        return f"it names {_some(more)}, which nobody asked for"
    if missing := sorted(set(asked) - set(have)):
        return f"it lacks {_some(missing)}"
    if sorted(have) != asked:
        return "it repeats a name"
    common = [str(one.value) for one in leaf.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if wanted.profile.common_name and common != [wanted.profile.common_name]:
        return f"its subject must have the common name {wanted.profile.common_name}, and has {_some(common) or 'none'}"
    foreign = sorted(set(common) - {*asked, wanted.profile.common_name})
    return f"its subject has the common name {_some(foreign)}, which nobody asked for" if foreign else ""


def _constraints(_: Wanted, leaf: LeafView) -> str:
    found = _extension(leaf.certificate, x509.BasicConstraints)
    return "it is an authority's: basicConstraints says CA" if found and found.ca else ""


def _usage(_: Wanted, leaf: LeafView) -> str:
    usage = _extension(leaf.certificate, x509.KeyUsage)
    if usage is None or not usage.digital_signature:
        return "keyUsage must have digitalSignature"
    if usage.key_cert_sign or usage.crl_sign:
        return "keyUsage must not have keyCertSign or cRLSign"
    purposes = set(_extension(leaf.certificate, x509.ExtendedKeyUsage) or ())
    if purposes == _PURPOSES:
        return ""
    have = _some(sorted(_SPOKEN.get(one, one.dotted_string) for one in purposes))
    return f"extendedKeyUsage must be serverAuth and clientAuth, and is {have or 'missing'}"


def _algorithm(_: Wanted, leaf: LeafView) -> str:
    signed_with = leaf.certificate.signature_hash_algorithm
    if signed_with is None or isinstance(signed_with, _HASHES):
        return ""
    return f"it is signed with {signed_with.name}, and only SHA-256, SHA-384, SHA-512 and Ed25519 are accepted"


def _validity(wanted: Wanted, leaf: LeafView) -> str:
    """Not longer than asked, and long enough to be worth a renewal."""
    asked, now = wanted.profile.lifetime, wanted.now
    if leaf.not_after <= now:
        return f"it ended {_moment(leaf.not_after)}"
    if leaf.not_before > now + MOST_AHEAD:
        return f"it begins {_moment(leaf.not_before)}, and it is {_moment(now)}"
    if leaf.span > asked + MOST_BACKDATE:
        return f"it lasts {format_duration(leaf.span)}, and {format_duration(asked)} was asked for"
    if leaf.span < min(asked, LEAST_LIFETIME):
        return f"it lasts {format_duration(leaf.span)}, and less than {format_duration(LEAST_LIFETIME)} is of no use"
    return ""


def _authority(_: Wanted, leaf: LeafView) -> str:
    """It must point to its issuer's key: verifiers find their way by it while two generations are about."""
    pointer = _extension(leaf.certificate, x509.AuthorityKeyIdentifier)
    return "" if pointer and pointer.key_identifier else "authorityKeyIdentifier is missing"


_CHECKS: Final[Sequence[tuple[Rule, _Check]]] = (
    (Rule.KEY, _key),
    (Rule.NAMES, _names),
    (Rule.CONSTRAINTS, _constraints),
    (Rule.USAGE, _usage),
    (Rule.ALGORITHM, _algorithm),
    (Rule.VALIDITY, _validity),
    (Rule.AUTHORITY, _authority),
)


def _path(wanted: Wanted, leaf: LeafView) -> Broken | tuple[x509.Certificate, ...]:
    """Return the leaf, the authorities above it and its root, in order."""
    try:
        path = _verified(leaf, wanted.roots, max(wanted.now, leaf.not_before))
    except (VerificationError, ValueError, UnsupportedAlgorithm) as error:
        words = " ".join(str(error).split()) or type(error).__name__
        return Broken(Rule.CHAIN, f"it does not lead to a root of spec.bundle: {words}")
    for below, above in pairwise(path):
        pointer = _extension(below, x509.AuthorityKeyIdentifier)
        bears = _extension(above, x509.SubjectKeyIdentifier)
        if pointer and bears and pointer.key_identifier not in {None, bears.key_identifier}:
            return Broken(Rule.AUTHORITY, f"authorityKeyIdentifier is not that of {above.subject.rfc4514_string()}")
        if leaf.not_after > above.not_valid_after_utc:
            ends = _moment(above.not_valid_after_utc)
            return Broken(
                Rule.VALIDITY, f"it outlives its authority {above.subject.rfc4514_string()}, which ends {ends}"
            )
    return path


def _verified(leaf: LeafView, roots: Sequence[x509.Certificate], when: datetime) -> tuple[x509.Certificate, ...]:
    """Return the path that pyca's verifier finds; names of the leaf were checked, and its purposes too."""
    authorities = (
        ExtensionPolicy.permit_all()
        .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, _is_authority)
        .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs_certificates)
    )
    verifier = (
        PolicyBuilder()
        .store(Store(list(roots)))
        .time(when)
        .max_chain_depth(MOST_CHAIN)
        .extension_policies(ca_policy=authorities, ee_policy=ExtensionPolicy.permit_all())
        .build_client_verifier()
    )
    return tuple(verifier.verify(leaf.certificate, list(leaf.chain)).chain)


def _is_authority(_: object, __: x509.Certificate, constraints: x509.BasicConstraints) -> None:
    if not constraints.ca:
        raise ValueError("a certificate in the chain is not an authority's")


def _signs_certificates(_: object, __: x509.Certificate, usage: x509.KeyUsage | None) -> None:
    if usage and not usage.key_cert_sign:
        raise ValueError("an authority in the chain may not sign certificates (keyUsage)")


def _alternative_names(certificate: x509.Certificate) -> list[x509.GeneralName]:
    return list(_extension(certificate, x509.SubjectAlternativeName) or ())


def _extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _name(name: x509.GeneralName) -> str:
    """Return a name as it was asked for; one of a type that is never asked for bears its type."""
    if isinstance(name, x509.UniformResourceIdentifier | x509.DNSName):
        return str(name.value)
    return f"{type(name).__name__} {name.value}"


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _moment(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")

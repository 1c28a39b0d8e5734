"""The trust bundle that the platform team writes into a TrustDomain, read once and with a sentence for what is wrong with it.

Every peer is told to trust what stands here, so only what is a root counts: an authority's certificate that signed itself. An
intermediate one as an anchor would be taken by some verifiers and refused by others (OpenSSL wants the whole chain).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509

from bartizan.api.names import KubeObject
from bartizan.core.model import TrustDomainView
from bartizan.core.pki.leaf import public_key_id
from bartizan.core.pki.pem import read_certificates, signed_by, to_pem
from bartizan.core.pki.remembered import known_authorities

MOST_ROOTS: Final = 16
_BEGIN: Final = "-----BEGIN "


@dataclass(frozen=True, slots=True, kw_only=True)
class Roots:
    """The roots of a bundle that stand; `problem` is what keeps the bundle from being used, empty where nothing does."""

    certificates: tuple[x509.Certificate, ...] = ()
    """In the order written, each once, without those that have ended."""
    problem: str = ""

    @property
    def pem(self) -> str:
        """The bundle as it is published: certificates and nothing between them."""
        return to_pem(self.certificates)

    @property
    def first_end(self) -> datetime | None:
        """When the first of them ends."""
        return min((one.not_valid_after_utc for one in self.certificates), default=None)


def read_roots(bundle: str | None, now: datetime) -> Roots:
    """Return the roots in a bundle; all or none: a typing mistake must not take a root out of every peer's trust."""
    if not bundle:
        return Roots()
    if bundle.count(_BEGIN) != bundle.count("-----BEGIN CERTIFICATE-----"):
        return Roots(problem="spec.bundle holds something else than certificates: a bundle is public, and keys are not")
    certificates = read_certificates(bundle)
    if not certificates:
        return Roots(problem="spec.bundle cannot be read: it must be X.509 certificates in PEM")
    for number, one in enumerate(certificates, start=1):
        if problem := _not_a_root(one):
            return Roots(problem=f"certificate {number} of spec.bundle ({_name(one)}) {problem}")
    if len(certificates) > MOST_ROOTS:
        return Roots(problem=f"spec.bundle holds {len(certificates)} roots, and at most {MOST_ROOTS} can be trusted")
    standing = tuple(one for one in certificates if one.not_valid_after_utc >= now)
    if not standing:
        return Roots(problem=f"all {len(certificates)} roots of spec.bundle have ended: write one that is valid")
    return Roots(certificates=tuple(dict.fromkeys(standing)))


def further_roots(view: TrustDomainView, status: KubeObject, now: datetime) -> tuple[x509.Certificate, ...]:
    """Return the roots that are trusted beside the built-in issuer's own.

    While the bundle cannot be used, those last published (`status` is the TrustDomain's) go on: nobody has taken them back.
    """
    if view.spec.external:
        return ()
    roots = read_roots(view.spec.bundle, now)
    return _last_published(status, now) if roots.problem else roots.certificates


def _last_published(status: KubeObject, now: datetime) -> tuple[x509.Certificate, ...]:
    """Return the roots of the published bundle that are none of ours, by what the status lists."""
    bundle = status.get("bundle")
    ours = {entry.id for entry in known_authorities(status)}
    published = read_certificates(bundle if isinstance(bundle, str) else None)
    standing = (one for one in published if not _not_a_root(one) and one.not_valid_after_utc >= now)
    return tuple(one for one in standing if public_key_id(one) not in ours)


def _not_a_root(certificate: x509.Certificate) -> str:
    try:
        ca = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        certificate.not_valid_before_utc, certificate.not_valid_after_utc  # noqa: B018 -- a malformed date raises here
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        ca = False
    if not ca:
        return "is not an authority's: basicConstraints must say CA"
    return "" if signed_by(certificate, certificate) else "did not sign itself: a bundle holds roots only"


def _name(certificate: x509.Certificate) -> str:
    try:
        return certificate.subject.rfc4514_string() or "without a subject"
    except ValueError:
        return "with a subject that cannot be read"

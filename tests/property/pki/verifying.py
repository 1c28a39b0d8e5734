"""Path building as a verifier does it, with real signatures, fast enough to be asked a thousand times in a walk.

What it says is held against OpenSSL and pyca in tests/parity/pki.
"""

from datetime import datetime
from functools import lru_cache

from cryptography import x509


@lru_cache(maxsize=100_000)
def signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether `issuer` names itself as, and is, the one who signed the certificate."""
    if certificate.issuer != issuer.subject:
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, Exception):  # noqa: BLE001 -- InvalidSignature, or anything odd: not signed
        return False
    return True


@lru_cache(maxsize=10_000)
def path_length(certificate: x509.Certificate) -> int | None:
    """Return how many authorities may stand below this one; None: any number; -1: it is no authority."""
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    if not constraints.ca:
        return -1
    return constraints.path_length


def verifies(
    leaf: x509.Certificate,
    chain: tuple[x509.Certificate, ...],
    bundle: tuple[x509.Certificate, ...],
    moment: datetime,
) -> bool:
    """Whether a path leads from the leaf over `chain` to a self-signed certificate in `bundle` (RFC 5280 §6)."""
    anchors = [one for one in bundle if one.issuer == one.subject]
    between = [*chain, *(one for one in bundle if one.issuer != one.subject)]

    def climb(certificate: x509.Certificate, below: int, seen: frozenset[bytes]) -> bool:
        if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
            return False
        for anchor in anchors:
            if carries(anchor, below) and in_time(anchor, moment) and signed(certificate, anchor):
                return True
        return any(
            climb(one, below + 1, seen | {one.signature})
            for one in between
            if one.signature not in seen and carries(one, below) and signed(certificate, one)
        )

    return climb(leaf, 0, frozenset())


def in_time(certificate: x509.Certificate, moment: datetime) -> bool:
    """Whether the certificate is valid then."""
    return certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc


def carries(authority: x509.Certificate, below: int) -> bool:
    """Whether the authority may have so many others between itself and the leaf."""
    bound = path_length(authority)
    return bound is None or bound >= below

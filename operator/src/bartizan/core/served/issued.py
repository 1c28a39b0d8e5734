"""What was issued, as far as a served certificate is compared with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from cryptography.hazmat.primitives.serialization import Encoding

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import ServedSighting
from bartizan.core.pki.pem import CERTIFICATE_KEY, data_of, read_certificates
from bartizan.core.pki.profile import BACKDATE
from bartizan.core.served.leaf import read_served


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedLeaf:
    """One certificate that a pod is to serve."""

    authority: str
    """The key identifier of the authority that signed it, hex; empty where that is not known any more."""
    not_after: datetime
    """Its last moment, whole seconds."""
    fingerprint: str = ""
    """SHA-256 of it, hex; empty where it was not kept: of one pod's certificates, authority and end tell which it is."""
    since: datetime
    """From when on it is there to be loaded."""

    def is_in(self, seen: ServedSighting) -> bool:
        """Whether this very certificate was served."""
        if self.fingerprint:
            return seen.fingerprint == self.fingerprint
        return self.authority in {"", seen.authority} and seen.not_after == self.not_after


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """What the pods of a policy are to serve: one certificate for all of them, or each its own."""

    shared: IssuedLeaf | None = None
    """The certificate in the policy's Secret."""
    own: Mapping[str, IssuedLeaf | None] = field(default_factory=dict)
    """By uid, the certificates that pods got for themselves; None: it got one, and nobody remembers which."""
    authorities: frozenset[str] = frozenset()
    """The key identifiers of all authorities that sign or signed for the policy, hex."""

    def to(self, uid: str) -> IssuedLeaf | None:
        """Return what the pod of that uid is to serve."""
        return self.own.get(uid, self.shared)

    @property
    def newest(self) -> IssuedLeaf | None:
        """The certificate that came last."""
        known = [leaf for leaf in (self.shared, *self.own.values()) if leaf]
        return max(known, key=lambda leaf: leaf.since, default=None)


def issued_in(secret: KubeObject | None, *, now: datetime) -> IssuedLeaf | None:
    """Return the certificate in a Secret as it was read back; None where there is none that can be read.

    It is there since it was issued, which is the profile's back-dating after it begins.
    """
    certificates = read_certificates(data_of(secret, CERTIFICATE_KEY)) if secret else ()
    leaf = read_served(certificates[0].public_bytes(Encoding.DER)) if certificates else None
    if leaf is None:
        return None
    since = min(certificates[0].not_valid_before_utc + BACKDATE, now)
    return IssuedLeaf(authority=leaf.authority, not_after=leaf.not_after, fingerprint=leaf.fingerprint, since=since)

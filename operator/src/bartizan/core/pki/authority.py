"""The Secret of one generation of an authority, written and read.

One immutable Secret per generation under a name that follows from domain, role and generation: two controllers that race to
make the same generation end with one key, because the API server refuses to change the data of an immutable Secret. The
Secrets have no owner: deleting a TrustDomain by mistake must not destroy the keys that every workload's identity rests on.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from cryptography import x509

from bartizan.api.names import (
    AUTHORITY_GENERATION_LABEL,
    AUTHORITY_ROLE_LABEL,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    TRUST_DOMAIN_LABEL,
    KubeObject,
)
from bartizan.core.emit import fingerprint, sealed
from bartizan.core.pki.leaf import public_key_id
from bartizan.core.pki.pem import (
    CERTIFICATE_KEY,
    PRIVATE_KEY,
    data_of,
    encoded,
    fits,
    read_certificates,
    signed_by,
    to_pem,
)

AUTHORITY_BACKDATE: Final = timedelta(hours=1)
"""Authorities begin earlier than leaves, so that a clock set back a little does not stop signing."""
BRIDGE_KEY: Final = "bridge.crt"
OLD_BY_NEW_KEY: Final = "old-by-new.crt"
_LABEL_LENGTH: Final = 63
_STEM_LENGTH: Final = 46


class Role(StrEnum):
    """What an authority signs: other authorities, or workloads. The value is spelled as in the TrustDomain's status."""

    ROOT = "Root"
    ISSUING = "Issuing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """One generation of an authority, with its key."""

    trust_domain: str
    """The TrustDomain object's name."""
    role: Role
    generation: int
    certificate: x509.Certificate
    key_pem: bytes = field(repr=False)
    bridge: x509.Certificate | None = None
    """Of a root: its key certified by the root before it, for peers that only know that one."""
    old_by_new: x509.Certificate | None = None
    """Of a root: the root before it, certified by this one."""
    secret_uid: str = ""
    """The uid of the Secret it was read from; empty before it was written."""

    @property
    def id(self) -> str:
        """SHA-256 of its public key, the first 16 hex digits."""
        return public_key_id(self.certificate)

    @property
    def secret_name(self) -> str:
        """The Secret that holds it."""
        return authority_secret_name(self.trust_domain, self.role, self.generation)

    @property
    def not_before(self) -> datetime:
        """Its first moment."""
        return self.certificate.not_valid_before_utc

    @property
    def not_after(self) -> datetime:
        """Its last moment."""
        return self.certificate.not_valid_after_utc

    @property
    def half_life(self) -> datetime:
        """When the next generation is made."""
        return self.not_before + (self.not_after - self.not_before) / 2

    def stands_at(self, moment: datetime) -> bool:
        """Whether it is valid at `moment`."""
        return self.not_before <= moment <= self.not_after


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableAuthority:
    """A Secret with the labels of an authority that holds none; `problem` completes "the Secret …"."""

    secret_name: str
    problem: str


def authority_label(trust_domain: str) -> str:
    """Return a TrustDomain's name as a label's value: itself, or shortened with a hash where it is over 63 characters."""
    if len(trust_domain) <= _LABEL_LENGTH:
        return trust_domain
    return f"{trust_domain[:_STEM_LENGTH].rstrip('.-')}-{fingerprint(trust_domain)}"


def authority_selector(trust_domain: str) -> str:
    """Return the label selector that lists the Secrets of a TrustDomain's authorities."""
    return f"{MANAGED_BY_LABEL}={MANAGED_BY},{TRUST_DOMAIN_LABEL}={authority_label(trust_domain)}"


def authority_secret_name(trust_domain: str, role: Role, generation: int) -> str:
    """Return the name of the Secret of one generation."""
    return f"bartizan-authority-{authority_label(trust_domain)}-{role.lower()}-{generation}"


def authority_labels(trust_domain: str, role: Role, generation: int) -> dict[str, str]:
    """Return the labels of the Secret of one generation."""
    return {
        MANAGED_BY_LABEL: MANAGED_BY,
        TRUST_DOMAIN_LABEL: authority_label(trust_domain),
        AUTHORITY_ROLE_LABEL: role.lower(),
        AUTHORITY_GENERATION_LABEL: str(generation),
    }


def authority_secret(authority: Authority, *, namespace: str) -> KubeObject:
    """Return the Secret that holds the authority, in the release's namespace; the hash in it leaves the key out."""
    extras = ((BRIDGE_KEY, authority.bridge), (OLD_BY_NEW_KEY, authority.old_by_new))
    certificates = ((CERTIFICATE_KEY, authority.certificate), *extras)
    public = sealed(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "namespace": namespace,
                "name": authority.secret_name,
                "labels": authority_labels(authority.trust_domain, authority.role, authority.generation),
            },
            "type": "Opaque",
            "immutable": True,
            "data": {key: encoded(to_pem((one,))) for key, one in certificates if one},
        }
    )
    return {**public, "data": {**public["data"], PRIVATE_KEY: encoded(authority.key_pem)}}


def read_authority(secret: KubeObject, *, trust_domain: str, domain: str) -> Authority | UnreadableAuthority:
    """Return the authority a Secret holds.

    `domain` is the SPIFFE trust domain it must speak for; a certificate of another one is not used.
    """
    meta = secret["metadata"]
    name = meta["name"]
    labels = meta.get("labels") or {}
    role = {"root": Role.ROOT, "issuing": Role.ISSUING}.get(labels.get(AUTHORITY_ROLE_LABEL, ""))
    number = labels.get(AUTHORITY_GENERATION_LABEL, "")
    generation = int(number) if number.isascii() and number.isdecimal() else 0
    if role is None or name != authority_secret_name(trust_domain, role, generation):
        return UnreadableAuthority(secret_name=name, problem="has labels that do not agree with its name")
    certificates = read_certificates(data_of(secret, CERTIFICATE_KEY))
    key_pem = data_of(secret, PRIVATE_KEY)
    if len(certificates) != 1 or key_pem is None:
        return UnreadableAuthority(
            secret_name=name, problem="does not hold one certificate in tls.crt and a key in tls.key"
        )
    if not fits(certificates[0], key_pem):
        return UnreadableAuthority(secret_name=name, problem="holds a key that is not the certificate's")
    if problem := _not_an_authority_of(certificates[0], domain):
        return UnreadableAuthority(secret_name=name, problem=problem)
    if role is Role.ROOT and not signed_by(certificates[0], certificates[0]):
        return UnreadableAuthority(secret_name=name, problem="holds a root that did not sign itself")
    if role is Role.ISSUING and signed_by(certificates[0], certificates[0]):
        return UnreadableAuthority(secret_name=name, problem="holds a root in the place of an issuing authority")
    return Authority(
        trust_domain=trust_domain,
        role=role,
        generation=generation,
        certificate=certificates[0],
        key_pem=key_pem,
        bridge=_bridge(secret, certificates[0]) if role is Role.ROOT else None,
        old_by_new=_old_by_new(secret, certificates[0]) if role is Role.ROOT else None,
        secret_uid=meta.get("uid", ""),
    )


def _bridge(secret: KubeObject, root: x509.Certificate) -> x509.Certificate | None:
    """Return the bridge to `root`, or None where there is none that certifies its key: without it peers only wait longer."""
    found = read_certificates(data_of(secret, BRIDGE_KEY))
    same = len(found) == 1 and public_key_id(found[0]) == public_key_id(root) and found[0].subject == root.subject
    return found[0] if same and found[0].issuer != root.subject else None


def _old_by_new(secret: KubeObject, root: x509.Certificate) -> x509.Certificate | None:
    """Return the former root as certified by `root`, or None where there is none."""
    found = read_certificates(data_of(secret, OLD_BY_NEW_KEY))
    return found[0] if len(found) == 1 and signed_by(found[0], root) and found[0].subject != root.subject else None


def _not_an_authority_of(certificate: x509.Certificate, domain: str) -> str:
    """Return what keeps a certificate from being an authority of the SPIFFE trust domain; empty: nothing."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        certificate.not_valid_before_utc, certificate.not_valid_after_utc  # noqa: B018 -- a malformed date raises here
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return "holds a certificate that is not an authority's"
    if not constraints.ca:
        return "holds a certificate that is not an authority's"
    wanted = f"spiffe://{domain}"
    return "" if uris == [wanted] else f"speaks for {', '.join(uris) or 'no trust domain'}, not for {wanted}"

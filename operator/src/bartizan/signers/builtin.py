"""bartizan's own signer: keys are made here, used here, and leave only inside values that do not print them.

Nothing is remembered between calls. Every leaf gets a new key; a key is never used again at a renewal.
"""

from datetime import datetime
from typing import Final

from cryptography import x509

from bartizan.core.model import TrustDomainView
from bartizan.core.pki.authority import AUTHORITY_BACKDATE, Authority, Role
from bartizan.core.pki.pem import to_pem
from bartizan.core.pki.profile import LeafProfile, backdate
from bartizan.core.pki.serving import SERVING_LIFETIME, ServingAuthority
from bartizan.signers.certificates import (
    authority_builder,
    authority_name,
    cross_signed,
    key_pem,
    leaf_builder,
    load_key,
    new_key,
    new_leaf_key,
    self_signed,
    signed,
    validity,
)
from bartizan.signers.errors import AuthorityNotUsableError
from bartizan.signers.protocol import IssuedLeaf

_ISSUING_PATH_LENGTH: Final = 0


class BuiltinSigner:
    """The `Signer` whose keys are in Secrets of the release's namespace."""

    def make_root(
        self, view: TrustDomainView, *, generation: int, now: datetime, old: Authority | None = None
    ) -> Authority:
        """Return a new self-signed root, with bridges both ways between it and the `old` one.

        A root bounds no path length: under a bridge its issuing authorities are one certificate further away.
        """
        key = new_key()
        subject = authority_name(f"bartizan root {generation} of {view.spec.domain}")
        times = validity(now, lifetime=view.spec.lifetimes.root, backdate=AUTHORITY_BACKDATE)
        builder = authority_builder(
            key,
            subject=subject,
            domain=view.spec.domain,
            path_length=None,
            times=times,
        )
        certificate = self_signed(builder, key, subject)
        bridge = old_by_new = None
        if old and old.stands_at(now):
            bridge = cross_signed(certificate, old.certificate, load_key(old.key_pem, of=old.secret_name))
            old_by_new = cross_signed(old.certificate, certificate, key)
        return Authority(
            trust_domain=view.name,
            role=Role.ROOT,
            generation=generation,
            certificate=certificate,
            key_pem=key_pem(key),
            bridge=bridge,
            old_by_new=old_by_new,
        )

    def make_issuing(self, view: TrustDomainView, root: Authority, *, generation: int, now: datetime) -> Authority:
        """Return a new issuing authority; it ends with its root at the latest.

        Raises:
            AuthorityNotUsableError: `root` is not a root, is not valid now, or its key cannot be read.
        """
        if root.role is not Role.ROOT:
            raise AuthorityNotUsableError(f"{root.secret_name} is not a root: only a root signs authorities")
        key = new_key()
        subject = authority_name(f"bartizan issuing {generation} of {view.spec.domain}")
        times = validity(
            now, lifetime=view.spec.lifetimes.issuing, backdate=AUTHORITY_BACKDATE, within=root.certificate
        )
        builder = authority_builder(
            key,
            subject=subject,
            domain=view.spec.domain,
            path_length=_ISSUING_PATH_LENGTH,
            times=times,
        )
        certificate = signed(builder, load_key(root.key_pem, of=root.secret_name), root.certificate)
        return Authority(
            trust_domain=view.name,
            role=Role.ISSUING,
            generation=generation,
            certificate=certificate,
            key_pem=key_pem(key),
        )

    def sign_leaf(
        self,
        profile: LeafProfile,
        authority: Authority,
        *,
        now: datetime,
        chain: tuple[x509.Certificate, ...] | None = None,
    ) -> IssuedLeaf:
        """Return a workload's certificate; it ends with its authority at the latest.

        Raises:
            AuthorityNotUsableError: `authority` is a root, is not valid now, or its key cannot be read.
        """
        if authority.role is not Role.ISSUING:
            raise AuthorityNotUsableError(f"{authority.secret_name} is a root: it signs authorities only")
        return _leaf(
            chain or (authority.certificate,),
            authority.key_pem,
            of=authority.secret_name,
            profile=profile,
            now=now,
        )

    def sign_serving(self, dns_names: tuple[str, ...], authority: ServingAuthority, *, now: datetime) -> IssuedLeaf:
        """Return the webhook's certificate, for servers only.

        Raises:
            AuthorityNotUsableError: the chart's authority is not valid now, or its key is neither RSA nor EC.
        """
        return _leaf(
            (authority.certificate,),
            authority.key_pem,
            of="the webhook's authority",
            profile=LeafProfile(spiffe_id="", dns_names=dns_names, lifetime=SERVING_LIFETIME),
            now=now,
        )


def _leaf(
    chain: tuple[x509.Certificate, ...],
    issuer_key_pem: bytes,
    *,
    of: str,
    profile: LeafProfile,
    now: datetime,
) -> IssuedLeaf:
    """Sign a leaf under a new key. One that names a workload serves as client too; one without a URI is a server's."""
    issuer, signing_key = chain[0], load_key(issuer_key_pem, of=of)
    key = new_leaf_key(profile.key_algorithm)
    builder = leaf_builder(
        key.public_key(),
        uris=(profile.spiffe_id,) if profile.spiffe_id else (),
        dns_names=profile.dns_names,
        client=bool(profile.spiffe_id),
        times=validity(now, lifetime=profile.lifetime, backdate=backdate(profile.lifetime), within=issuer),
        common_name=profile.common_name,
    )
    certificate = signed(builder, signing_key, issuer)
    return IssuedLeaf(chain_pem=to_pem((certificate, *chain)), key_pem=key_pem(key).decode())

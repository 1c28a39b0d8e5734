"""What the controller asks of whoever signs, so that another issuer can stand in for the built-in one."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from cryptography import x509

from bartizan.core.model import TrustDomainView
from bartizan.core.pki.authority import Authority
from bartizan.core.pki.profile import LeafProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedLeaf:
    """A certificate just signed, and the key made for it."""

    chain_pem: str
    """The leaf, then its issuing authority, then a bridge where there is one."""
    key_pem: str = field(repr=False)
    """PKCS #8, unencrypted."""


class Signer(Protocol):
    """Makes keys and signs. Nothing here decides whether: that is `bartizan.core.pki`."""

    def make_root(self, view: TrustDomainView, *, generation: int, now: datetime) -> Authority:
        """Return a new self-signed root."""
        ...

    def make_issuing(self, view: TrustDomainView, root: Authority, *, generation: int, now: datetime) -> Authority:
        """Return a new issuing authority signed by `root`.

        Raises:
            AuthorityNotUsableError: `root` cannot sign now.
        """
        ...

    def sign_leaf(
        self,
        profile: LeafProfile,
        authority: Authority,
        *,
        now: datetime,
        chain: tuple[x509.Certificate, ...] | None = None,
    ) -> IssuedLeaf:
        """Return a certificate under a new key, followed by `chain` (None: by the authority alone).

        Raises:
            AuthorityNotUsableError: `authority` cannot sign now.
        """
        ...

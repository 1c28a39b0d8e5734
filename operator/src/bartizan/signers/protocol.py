"""What the controller asks of whoever signs.

`Signer` is the built-in one: it has the keys and answers at once. `RemoteSigner` is everybody else: it is asked, and answers
later, or never. The same promises hold for the certificates of both (tests/contract/issuers).
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from cryptography import x509

from bartizan.core.model import PolicyView, TrustDomainView
from bartizan.core.pki.authority import Authority
from bartizan.core.pki.external.asking import Answer, SigningRequest
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

    def make_root(
        self, view: TrustDomainView, *, generation: int, now: datetime, old: Authority | None = None
    ) -> Authority:
        """Return a new self-signed root, with bridges between it and the `old` one.

        Raises:
            AuthorityNotUsableError: the key of `old` cannot sign.
        """
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


class RemoteSigner(Protocol):
    """Has certificates signed by somebody else. Nothing here waits for that, and nothing judges what comes back."""

    async def ask(self, policy: PolicyView, request: SigningRequest) -> None:
        """Make the request. Every other request of the policy is removed first: never two are open.

        Raises:
            RemoteSignerError: the issuer cannot be asked.
            BartizanError: the API server refused, or this replica may not write.
        """
        ...

    async def poll(self, request: SigningRequest) -> Answer:
        """Return how far the request has come.

        Raises:
            BartizanError: the API server could not be asked.
        """
        ...

    async def close(self) -> None:
        """Let go of what is under way; the object can be used again afterwards."""
        ...

"""What is asked of an issuer, and every answer there is, in words that fit all of them."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias

from bartizan.core.model import PolicyKey
from bartizan.core.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningRequest:
    """One request for one certificate. The key stays in this process until the certificate is published."""

    policy: PolicyKey
    policy_uid: str
    name: str
    """The request's own name, no other request's: the policy's with a piece of the CSR's hash."""
    csr_pem: str
    """PKCS #10, with exactly the profile's names."""
    spiffe_id: str
    dns_names: tuple[str, ...]
    """The names in the CSR, for issuers that want them beside it."""
    lifetime: timedelta
    key_pem: str = field(repr=False)
    """PKCS #8, unencrypted."""


@dataclass(frozen=True, slots=True)
class Pending:
    """The issuer has not answered; `message` completes "the request …"."""

    message: str


@dataclass(frozen=True, slots=True)
class Signed:
    """What came back, unread."""

    chain_pem: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The issuer will not answer this request with a certificate.

    `reason` tells who has to act: `IssuerDenied` (somebody said no), `IssuerFailed` (it could not be done).
    """

    reason: Reason
    message: str
    """A sentence without a full stop that names the issuer's object or path and what it said."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The request is not there any more: somebody removed it, or the cluster's own clean-up did."""


Answer: TypeAlias = Pending | Signed | Failed | Gone

"""TrustDomain: the certificate authority behind workload identities, and how it is doing."""

from datetime import datetime, timedelta

from pydantic import ConfigDict, Field

from bartizan.api.duration import Duration
from bartizan.api.v1alpha1.common import ApiModel, cel, cel_rules
from bartizan.api.v1alpha1.status import Conditions


class Lifetimes(ApiModel):
    """How long authorities live."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                "duration(self.issuing) >= duration('336h') && duration(self.root) >= duration('8760h')",
                "issuing must be at least 336h (twice the longest certificate) and root at least 8760h",
            ),
            cel("duration(self.root) > duration(self.issuing)", "root must outlive issuing"),
        )
    )

    root: Duration = timedelta(hours=87600)
    """The root authority's validity."""
    issuing: Duration = timedelta(hours=2160)
    """The issuing authority's validity. A new one is made at half of it."""


class TrustDomainSpec(ApiModel):
    """A trust domain with bartizan's built-in authority."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                "self.domain == oldSelf.domain",
                "domain cannot change: make a new TrustDomain",
                fieldPath=".domain",
            )
        )
    )

    domain: str = Field(pattern=r"^[a-z0-9]([-a-z0-9_]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9_]*[a-z0-9])?)*$", max_length=253)
    """The SPIFFE trust domain, such as `prod.example.com`: the first part of every SPIFFE ID. SPIFFE allows 255 characters,
    the host of a URI only 253 (RFC 1034)."""
    lifetimes: Lifetimes = Lifetimes()
    """How long authorities live."""


class AuthorityStatus(ApiModel):
    """One generation of an authority. The key is in a Secret of the release's namespace, never here."""

    id: str
    """SHA-256 of its public key, the first 16 hex digits."""
    role: str
    """Root or Issuing."""
    generation: int
    """Counts up from 1 within its role."""
    secret_name: str
    """The immutable Secret that holds it."""
    not_after: datetime
    """When it ends."""


class TrustDomainStatus(ApiModel):
    """What is known of the trust domain's authorities."""

    observed_generation: int = 0
    """The generation this status speaks of."""
    conditions: Conditions = ()
    """Ready."""
    authorities: tuple[AuthorityStatus, ...] = ()
    """All authorities in use."""
    bundle: str | None = None
    """The trust bundle, PEM: what peers must trust."""

"""TrustDomain: the certificate authority behind workload identities, and how it is doing."""

from datetime import datetime, timedelta

from pydantic import ConfigDict, Field

from bartizan.api.duration import Duration
from bartizan.api.v1alpha1.common import ApiModel, cel, cel_rules, spelled
from bartizan.api.v1alpha1.issuers import BuiltInIssuer, Issuer
from bartizan.api.v1alpha1.rotation import Generations, Rotation, RotationStatus
from bartizan.api.v1alpha1.status import Conditions


class Lifetimes(ApiModel):
    """How long authorities live."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                spelled(
                    "duration(self.issuing) >= duration('336h') && duration(self.root) >= duration('8760h')",
                    "issuing",
                    "root",
                ),
                "issuing must be at least 336h (twice the longest certificate) and root at least 8760h",
            ),
            cel(
                spelled("duration(self.root) > duration(self.issuing)", "root", "issuing"), "root must outlive issuing"
            ),
        )
    )

    root: Duration = timedelta(hours=87600)
    """The root authority's validity."""
    issuing: Duration = timedelta(hours=2160)
    """The issuing authority's validity. A new one is made at half of it."""


class TrustDomainSpec(ApiModel):
    """A trust domain and who signs for it."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                "self.domain == oldSelf.domain",
                "domain cannot change: make a new TrustDomain",
                fieldPath=".domain",
            ),
            cel(
                "has(self.issuer.builtIn) || has(self.bundle)",
                "an external issuer needs bundle: the roots that its certificates are verified with and peers trust",
            ),
            cel(
                "!has(self.bundle) || !self.bundle.contains('PRIVATE KEY')",
                "bundle holds a private key: everybody may read it. Leave only certificates in it, and replace that key",
                fieldPath=".bundle",
            ),
        )
    )

    domain: str = Field(pattern=r"^[a-z0-9]([-a-z0-9_]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9_]*[a-z0-9])?)*$", max_length=253)
    """The SPIFFE trust domain, such as `prod.example.com`: the first part of every SPIFFE ID. SPIFFE allows 255 characters,
    the host of a URI only 253 (RFC 1034)."""
    lifetimes: Lifetimes = Lifetimes()
    """How long authorities of the built-in issuer live."""
    rotation: Rotation = Rotation()
    """How authorities of the built-in issuer follow one another."""
    issuer: Issuer = Issuer(built_in=BuiltInIssuer())
    """Who signs. Whoever changes it changes the roots: put the next ones into `bundle` first."""
    bundle: str | None = Field(default=None, pattern=r"-----BEGIN CERTIFICATE-----", max_length=32768)
    """Roots to trust, PEM, at most 32768 characters. An external issuer's chains must end in one of them; with the built-in
    issuer they are trusted beside its own roots."""

    @property
    def external(self) -> bool:
        """Whether somebody else signs, so that bartizan keeps no authority for it."""
        return self.issuer.kind != "builtIn"


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
    state: str | None = None
    """Next (does not sign yet), Active (signs), Draining (signs no more, still accepted), Retired (not accepted any more) or
    Lost (its key is gone; what it signed is accepted)."""


class TrustDomainStatus(ApiModel):
    """What is known of the trust domain's authorities."""

    observed_generation: int = 0
    """The generation this status speaks of."""
    conditions: Conditions = ()
    """Ready, WishesHeard."""
    authorities: tuple[AuthorityStatus, ...] = ()
    """All authorities in use."""
    rotation: RotationStatus | None = None
    """How far the rotation is."""
    generations: Generations | None = None
    """The highest generation numbers ever used."""
    bundle: str | None = None
    """The trust bundle, PEM: what peers must trust."""

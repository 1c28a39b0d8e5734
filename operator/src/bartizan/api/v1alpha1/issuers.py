"""Who signs the certificates of a trust domain: bartizan's own authority, or one that the platform team runs already.

An external issuer is named here and never configured: what it may sign, for whom and for how long is decided where it runs, and
whatever comes back is held against the policy's profile before it is published.
"""

from typing import Literal

from pydantic import ConfigDict, Field

from bartizan.api.v1alpha1.common import ApiModel, DnsSubdomain, cel, cel_rules

IssuerKind = Literal["builtIn", "certManager", "vaultPKI", "csrSigner"]

_SEGMENT = r"[A-Za-z0-9_-][A-Za-z0-9_.-]*"
_PATH = rf"^{_SEGMENT}(/{_SEGMENT})*$"
_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SIGNER = rf"^{_LABEL}(\.{_LABEL})+/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
_PEM = r"-----BEGIN CERTIFICATE-----"


class BuiltInIssuer(ApiModel):
    """bartizan's own authority, whose keys are Secrets of the release's namespace. It has no settings here."""


class CertManagerIssuer(ApiModel):
    """An issuer of cert-manager, asked by a CertificateRequest in the policy's namespace."""

    name: DnsSubdomain
    """The issuer's name."""
    kind: str = Field(default="ClusterIssuer", pattern=r"^[A-Z][A-Za-z0-9]*$", max_length=63)
    """Its kind: ClusterIssuer, Issuer (one in each namespace that has policies), or an external issuer's."""
    group: DnsSubdomain = "cert-manager.io"
    """Its API group; an external issuer has its own."""


class VaultAuth(ApiModel):
    """How bartizan logs in to Vault: with a token of its own ServiceAccount, never with one that is written down."""

    path: str = Field(default="kubernetes", pattern=_PATH, min_length=1, max_length=128)
    """Where the auth method is mounted; of type kubernetes, or of type jwt, which takes the same login."""
    role: str = Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_.-]+$")
    """The auth method's role."""


class VaultPKIIssuer(ApiModel):
    """A role of Vault's PKI secrets engine, asked to sign a request (`<path>/sign/<role>`)."""

    server: str = Field(
        pattern=r"^https://([A-Za-z0-9.-]+|\[[0-9a-fA-F:]+\])(:[0-9]{1,5})?$", min_length=9, max_length=253
    )
    """Vault's address, such as `https://vault.vault.svc:8200`. Always TLS: a token goes over it."""
    path: str = Field(default="pki", pattern=_PATH, min_length=1, max_length=128)
    """Where the engine is mounted."""
    role: str = Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9_.-]+$")
    """The engine's role."""
    ca_bundle: str | None = Field(default=None, pattern=_PEM, max_length=32768)
    """The authorities that Vault's own TLS certificate is verified with, PEM; left out: those of bartizan's image."""
    auth: VaultAuth
    """How bartizan logs in."""


class CSRSigner(ApiModel):
    """A signer of Kubernetes' CertificateSigningRequests (certificates.k8s.io). Approving them is somebody else's."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                "!self.signerName.startsWith('kubernetes.io/')",
                "signerName must be a third party's: Kubernetes' own signers refuse SPIFFE IDs",
                fieldPath=".signerName",
            )
        )
    )

    signer_name: str = Field(pattern=_SIGNER, min_length=3, max_length=317)
    """The signer's name, such as `example.com/workloads`."""


class Issuer(ApiModel):
    """Exactly one issuer."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                "[has(self.builtIn), has(self.certManager), has(self.vaultPKI), has(self.csrSigner)]"
                ".filter(one, one).size() == 1",
                "an issuer is exactly one of: builtIn, certManager, vaultPKI, csrSigner",
            )
        )
    )

    built_in: BuiltInIssuer | None = None
    """bartizan's own authority."""
    cert_manager: CertManagerIssuer | None = None
    """An issuer of cert-manager. The chart's `issuers.certManager.enabled` gives bartizan the rights it takes."""
    vault_pki: VaultPKIIssuer | None = Field(default=None, alias="vaultPKI")
    """A role of Vault's PKI secrets engine. The chart's `issuers.vaultPKI.enabled` gives bartizan the token it takes."""
    csr_signer: CSRSigner | None = None
    """A signer of CertificateSigningRequests. The chart's `issuers.csrSigner.enabled` gives bartizan the rights it takes."""

    @property
    def kind(self) -> IssuerKind:
        """Which of them."""
        if self.cert_manager:
            return "certManager"
        if self.vault_pki:
            return "vaultPKI"
        return "csrSigner" if self.csr_signer else "builtIn"

"""Identity and mTLS: which trust domain signs, which names the certificate bears, where it is put.

The SPIFFE ID is derived from namespace and ServiceAccount and can't be typed, so that no policy can claim another's.
"""

from datetime import timedelta
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import ConfigDict, Field

from bartizan.api.duration import Duration
from bartizan.api.names import DEFAULT_NAME
from bartizan.api.v1alpha1.common import ApiModel, DnsSubdomain, ObjectName, PortName, cel, cel_rules, spelled

DnsName = Annotated[
    str,
    Field(
        pattern=r"^(\*\.)?[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)+$",
        min_length=3,
        max_length=253,
    ),
]
"""A DNS name of at least two labels of at most 63 characters (RFC 1035 §2.3.4), or `*.` and such a name."""


class Identity(ApiModel):
    """Who vouches for the service, and under which further names."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                "self.dnsNames.all(n, !n.endsWith('.svc') && !n.endsWith('.cluster.local') && n != 'cluster.local')",
                "names inside the cluster are derived from the Services that select the pods and cannot be claimed",
                fieldPath=".dnsNames",
            ),
            cel(
                "self.dnsNames.all(n, !n.matches('[.][0-9]+$'))",
                "an IP address is no DNS name, and no DNS name ends in a number",
                fieldPath=".dnsNames",
            ),
        )
    )

    trust_domain: ObjectName = DEFAULT_NAME
    """The TrustDomain object whose authority signs."""
    dns_names: tuple[DnsName, ...] = Field(default=(), max_length=16)
    """Further DNS names for the certificate. The Services' own names are added by themselves."""


CommonName = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9_]([-A-Za-z0-9_.@]*[A-Za-z0-9_])?$", min_length=1, max_length=64),
]
"""What may stand in a certificate's common name: at most 64 characters (RFC 5280, ub-common-name), none of which means
something in a distinguished name or in a Kubernetes user name (`system:…`)."""

KeyAlgorithm: TypeAlias = Literal["ECDSAP256", "Ed25519"]
"""What a workload's key is made for. Authorities are always ECDSA P-256: some verifiers refuse any other."""
DEFAULT_KEY: Final = "ECDSAP256"


class SecretRef(ApiModel):
    """The Secret that carries certificate, key and bundle."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                "'PEM' in self.formats && self.formats.all(f, self.formats.exists_one(g, g == f))",
                "formats must name PEM, which a Secret of type kubernetes.io/tls always holds, and each format once",
                fieldPath=".formats",
            )
        )
    )

    name: DnsSubdomain | None = None
    """Its name; left out: `<policy>-tls`. A Secret that somebody else made is never taken over."""
    formats: tuple[Literal["PEM", "Combined"], ...] = Field(default=("PEM",), min_length=1, max_length=2)
    """What it holds. PEM: `tls.crt`, `tls.key` and `ca.crt`. Combined: `tls-combined.pem` too, key and chain in one file, so
    that a program that reads it never gets the key of one certificate and the chain of another."""


class Key(ApiModel):
    """The private key behind the certificate. A new one is made at every renewal."""

    algorithm: KeyAlgorithm = DEFAULT_KEY
    """ECDSAP256 is accepted everywhere, Ed25519 by every peer that speaks TLS 1.3 with it. A change re-issues at once."""


class Confirm(ApiModel):
    """How it is found out that a new certificate is served."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                spelled(
                    "duration(self.within) >= duration('1m') && duration(self.within) <= duration('24h')", "within"
                ),
                "within must lie between 1m and 24h",
                fieldPath=".within",
            )
        )
    )

    port: PortName | None = None
    """The one of `network.ports` that serves the certificate. Left out: every TCP port is asked, and one that does not speak
    TLS is not held against the policy."""
    within: Duration = timedelta(minutes=10)
    """How long the pods have to serve a new certificate, 1m to 24h."""


class OnRotation(ApiModel):
    """What becomes of pods that hold an older certificate when there is a new one."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                "self.fallback == 'None' || self.strategy == 'Watch'",
                "fallback goes with strategy Watch only",
                fieldPath=".fallback",
            )
        )
    )

    strategy: Literal["Watch", "Restart", "None"] = "Watch"
    """Watch: the pods load the new one by themselves, and it is found out whether they do. Restart: every pod is replaced at
    every rotation, one at a time, within its PodDisruptionBudget. None: neither, it is only told what is seen."""
    fallback: Literal["Restart", "None"] = "None"
    """What becomes of a pod that was seen to serve an older one when `confirm.within` is over, for strategy Watch. Restart: it
    is evicted, one at a time, within its PodDisruptionBudget. None: nothing but being told."""
    confirm: Confirm = Confirm()
    """Where it is seen, and by when."""


class Mtls(ApiModel):
    """The certificate's life."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                spelled(
                    "duration(self.lifetime) >= duration('1h') && duration(self.lifetime) <= duration('168h')",
                    "lifetime",
                ),
                "lifetime must lie between 1h and 168h",
                fieldPath=".lifetime",
            )
        )
    )

    lifetime: Duration = timedelta(hours=24)
    """How long a certificate is valid, 1h to 168h. It is renewed at half of it."""
    delivery: Literal["Auto", "PodCertificate", "Secret"] = "Auto"
    """How certificate and key reach the pods. PodCertificate: each pod's key is made on its node and never leaves it
    (Kubernetes 1.37, or 1.36 with feature gates); Secret: one key for all pods, in a Secret; Auto: PodCertificate where the
    whole cluster can and bartizan itself signs, else Secret. A change is for new pods; those that run keep what they have."""
    secret: SecretRef = SecretRef()
    """Where the certificate is put, if the delivery is Secret."""
    key: Key = Key()
    """What its key is made for."""
    common_name: CommonName | None = None
    """The certificate's common name, for servers that know clients by it, such as PostgreSQL's `cert` authentication; left out:
    none. Such a name is a claim without a namespace, so it stands in the certificate only if nobody else can bear it:
    `<ServiceAccount>@<namespace>`, a DNS name of the policy's own Services, or a name that the SecurityBaseline grants this
    ServiceAccount in `mtls.commonNames`. Any other is left out, and the condition CertificateReady says so."""
    on_rotation: OnRotation = OnRotation()
    """What becomes of pods that hold an older certificate."""

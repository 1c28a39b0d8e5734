"""Identity and mTLS: which trust domain signs, which names the certificate bears, where it is put.

The SPIFFE ID is derived from namespace and ServiceAccount and can't be typed, so that no policy can claim another's.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import ConfigDict, Field

from bartizan.api.duration import Duration
from bartizan.api.names import DEFAULT_NAME
from bartizan.api.v1alpha1.common import ApiModel, DnsSubdomain, ObjectName, cel, cel_rules

DnsName = Annotated[
    str,
    Field(
        pattern=r"^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)+$",
        min_length=3,
        max_length=253,
    ),
]


class Identity(ApiModel):
    """Who vouches for the service, and under which further names."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                "self.dnsNames.all(n, !n.endsWith('.svc') && !n.endsWith('.cluster.local') && n != 'cluster.local')",
                "names inside the cluster are derived from the Services that select the pods and cannot be claimed",
                fieldPath=".dnsNames",
            )
        )
    )

    trust_domain: ObjectName = DEFAULT_NAME
    """The TrustDomain object whose authority signs."""
    dns_names: tuple[DnsName, ...] = Field(default=(), max_length=16)
    """Further DNS names for the certificate. The Services' own names are added by themselves."""


class SecretRef(ApiModel):
    """The Secret that carries certificate, key and bundle."""

    name: DnsSubdomain | None = None
    """Its name; left out: `<policy>-tls`. A Secret that somebody else made is never taken over."""


class Mtls(ApiModel):
    """The certificate's life."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                "duration(self.lifetime) >= duration('1h') && duration(self.lifetime) <= duration('168h')",
                "lifetime must lie between 1h and 168h",
                fieldPath=".lifetime",
            )
        )
    )

    lifetime: Duration = timedelta(hours=24)
    """How long a certificate is valid, 1h to 168h. It is renewed at half of it."""
    secret: SecretRef = SecretRef()
    """Where the certificate is put."""

"""SecurityBaseline: what the platform team knows about the cluster, and floors that no policy may lower."""

from datetime import timedelta
from typing import Literal

from pydantic import ConfigDict, Field

from bartizan.api.duration import Duration
from bartizan.api.v1alpha1.common import ApiModel, DnsLabel, LabelSelector, cel, cel_rules
from bartizan.api.v1alpha1.network import Cidr


class DnsService(ApiModel):
    """The cluster's DNS, the one destination that every pod may reach on port 53."""

    namespace: DnsLabel = "kube-system"
    """Where its pods run."""
    selector: LabelSelector = LabelSelector(match_labels={"k8s-app": "kube-dns"})
    """Its pods."""
    addresses: tuple[Cidr, ...] = Field(default=(), max_length=8)
    """Further addresses as blocks, such as a node-local cache's `169.254.20.10/32`."""


class BaselineNetwork(ApiModel):
    """What counts as inside the cluster, and what no policy may open."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                "self.clusterCIDRs.all(c, isCIDR(c))",
                "every entry must be an IPv4 or IPv6 block",
                fieldPath=".clusterCIDRs",
            )
        )
    )

    internet: Literal["Allow", "Forbid"] = "Allow"
    """Whether a policy may name the peer `internet`."""
    cluster_cidrs: tuple[Cidr, ...] = Field(default=(), alias="clusterCIDRs", max_length=64)
    """Pod, Service and node ranges beyond those read from Nodes and ServiceCIDRs; never part of `internet`."""
    dns: DnsService = DnsService()
    """The cluster's DNS."""


class BaselineMtls(ApiModel):
    """Limits on certificates."""

    max_lifetime: Duration = timedelta(hours=168)
    """The longest lifetime a policy gets; a longer one is shortened to it."""


class SecurityBaselineSpec(ApiModel):
    """The floors of the cluster. The one object that counts is named `default`."""

    network: BaselineNetwork = BaselineNetwork()
    """Network floors."""
    mtls: BaselineMtls = BaselineMtls()
    """Certificate floors."""

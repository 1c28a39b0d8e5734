"""SecurityBaseline: what the platform team knows about the cluster, and floors that no policy may lower."""

from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field

from bartizan.api.duration import Duration
from bartizan.api.pod_security import NEWEST_VERSION
from bartizan.api.v1alpha1.common import ApiModel, DnsLabel, DnsSubdomain, LabelSelector, cel, cel_rules, spelled
from bartizan.api.v1alpha1.identity import CommonName
from bartizan.api.v1alpha1.peers import Fqdn
from bartizan.api.v1alpha1.policy import PodSecurityVersion
from bartizan.api.v1alpha1.values import BLOCK, Cidr, is_block

_DNS_PREFIX: Final = {4: 24, 6: 112}
_TOO_WIDE: Final = (
    f"no entry may be wider than /{_DNS_PREFIX[4]} (IPv4) or /{_DNS_PREFIX[6]} (IPv6): "
    "every pod may reach it on port 53"
)


def _narrow(text: str) -> str:
    block = ip_network(text)
    if block.prefixlen < _DNS_PREFIX[block.version]:
        raise ValueError(f"{text} is too wide: {_TOO_WIDE}")
    return text


DnsBlock = Annotated[Cidr, AfterValidator(_narrow)]
"""A block of the few addresses at which DNS answers."""


class DnsService(ApiModel):
    """The cluster's DNS, the one destination that every pod may reach on port 53."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                f"self.addresses.all(a, {is_block('a')})",
                f"every entry must be {BLOCK}",
                fieldPath=".addresses",
            ),
            cel(
                "self.addresses.all(a, !isCIDR(a)"
                f" || cidr(a).prefixLength() >= (cidr(a).ip().family() == 4 ? {_DNS_PREFIX[4]} : {_DNS_PREFIX[6]}))",
                _TOO_WIDE,
                fieldPath=".addresses",
            ),
        )
    )

    namespace: DnsLabel = "kube-system"
    """Where its pods run."""
    selector: LabelSelector = LabelSelector(match_labels={"k8s-app": "kube-dns"})
    """Its pods."""
    addresses: tuple[DnsBlock, ...] = Field(default=(), max_length=8)
    """Further addresses as blocks, such as a node-local cache's `169.254.20.10/32`."""


class BaselineNetwork(ApiModel):
    """What counts as inside the cluster, and what no policy may open."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                f"self.clusterCIDRs.all(c, {is_block('c')})",
                f"every entry must be {BLOCK}",
                fieldPath=".clusterCIDRs",
            )
        )
    )

    internet: Literal["Allow", "Forbid"] = "Allow"
    """Whether a policy may name the peer `internet`."""
    cloud_metadata: Literal["Allow", "Forbid"] = "Forbid"
    """Whether a policy may name the peer `cloudMetadata`, behind which clouds hand out the machine's own credentials."""
    fqdn_deny_list: tuple[Fqdn, ...] = Field(default=(), max_length=256)
    """Names that no policy may call; `*.` and a name means everything below it."""
    gateway_namespaces: tuple[DnsLabel, ...] = Field(default=("envoy-gateway-system",), max_length=16)
    """Namespaces where a gateway controller runs the proxies of Gateways of other namespaces, as Envoy Gateway does unless told
    otherwise. Only the platform may run pods there."""
    cluster_cidrs: tuple[Cidr, ...] = Field(default=(), alias="clusterCIDRs", max_length=64)
    """Pod, Service and node ranges beyond those read from Nodes and ServiceCIDRs; never part of `internet`."""
    exposure: Literal["Any", "GatewayOnly"] = "Any"
    """GatewayOnly: in enforced namespaces Services of type NodePort and LoadBalancer, and externalIPs, are refused."""
    exposure_namespaces: tuple[DnsLabel, ...] = Field(default=(), max_length=64)
    """Enforced namespaces that may expose Services all the same: where gateways run."""
    dns: DnsService = DnsService()
    """The cluster's DNS."""


class CommonNameGrant(ApiModel):
    """A name that one ServiceAccount may bear as the common name of its certificates."""

    name: CommonName
    """The name, as in `spec.mtls.commonName` of a policy. A dotted name inside the cluster is left out all the same."""
    namespace: DnsLabel
    """Where the ServiceAccount is."""
    service_account_name: DnsSubdomain
    """The ServiceAccount."""


class BaselineMtls(ApiModel):
    """Limits on certificates."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                spelled(
                    "duration(self.maxLifetime) >= duration('1h') && duration(self.maxLifetime) <= duration('168h')",
                    "maxLifetime",
                ),
                "maxLifetime must lie between 1h and 168h",
                fieldPath=".maxLifetime",
            )
        )
    )

    max_lifetime: Duration = timedelta(hours=168)
    """The longest lifetime a policy gets; a longer one is shortened to it."""
    common_names: tuple[CommonNameGrant, ...] = Field(default=(), max_length=256)
    """Who may bear which common name, beyond `<ServiceAccount>@<namespace>`. Whoever bears a database user's name is that user
    to a database that goes by common names."""


class BaselinePodSecurity(ApiModel):
    """The least that is asked of pods, and what holds those that not exactly one policy selects."""

    level: Literal["baseline", "restricted"] = "baseline"
    """The least level of the Pod Security Standards: a policy that asks for less is held to this."""
    version: PodSecurityVersion = NEWEST_VERSION
    """The oldest version of the standards: a policy that names an older one is held to this."""


class SecurityBaselineSpec(ApiModel):
    """The floors of the cluster. The one object that counts is named `default`."""

    network: BaselineNetwork = BaselineNetwork()
    """Network floors."""
    widening: Literal["Own", "Review"] = "Own"
    """Own: whoever may update a policy may widen it. Review: new or wider rules, ports or pods take the RBAC verb `approve`."""
    mtls: BaselineMtls = BaselineMtls()
    """Certificate floors."""
    pod_security: BaselinePodSecurity = BaselinePodSecurity()
    """Floors of the Pod Security Standards."""

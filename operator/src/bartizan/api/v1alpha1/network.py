"""The network section: the service's own ports, who may call it, and whom it may call.

Neighbours are named by their policy (`service: payments`), never by labels or addresses that somebody else could carry.
Everything not listed is denied, both ways.
"""

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from bartizan.api.v1alpha1.common import (
    DNS_SUBDOMAIN,
    ApiModel,
    DnsLabel,
    LabelSelector,
    ObjectName,
    PortName,
    cel,
    cel_rules,
)
from bartizan.api.v1alpha1.container_port import ContainerPort
from bartizan.api.v1alpha1.peers import CLUSTER_NAMES, Fqdn, KubernetesApiPeer
from bartizan.api.v1alpha1.values import BLOCK, Cidr, Moment, is_block

Protocol = Literal["TCP", "UDP", "SCTP"]
PortNumber = Annotated[int, Field(ge=1, le=65535)]
GatewayName = Annotated[str, Field(pattern=DNS_SUBDOMAIN, min_length=1, max_length=63)]
"""The name of a Gateway as the value of a label, which is how its pods bear it."""
PEER_KINDS = ("service", "workload", "self", "gateway", "internet", "cidr", "fqdn", "kubernetesAPI", "cloudMetadata")
_CALLED_ONLY: Final = ("fqdn", "kubernetesAPI", "cloudMetadata")
_ONE_KIND = cel(
    "[" + ", ".join(f"has(self.{kind})" for kind in PEER_KINDS) + "].filter(x, x).size() == 1",
    "a peer names exactly one of: " + ", ".join(PEER_KINDS),
)


class Port(ApiModel):
    """A port on which the service's pods listen."""

    name: PortName
    """What rules call it by."""
    port: ContainerPort
    """The pod's own port (not the Service's): a number, or the name of a container port, whose number the pods tell."""
    protocol: Protocol = "TCP"
    """The transport protocol."""


class Empty(ApiModel):
    """A peer that needs no more words."""


class WorkloadPeer(ApiModel):
    """Pods without a policy of their own, found by labels. Labels can be forged there: prefer `service`."""

    namespace: DnsLabel
    """The namespace the pods run in."""
    selector: LabelSelector
    """Which pods of that namespace."""


class Peer(ApiModel):
    """The other end of an edge: exactly one kind."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            _ONE_KIND,
            cel(
                "!has(self.__namespace__) || has(self.service) || has(self.gateway)",
                "namespace goes with service and gateway only",
                fieldPath=".namespace",
            ),
            cel(
                "!has(self.onUnsupported) || has(self.fqdn)",
                "onUnsupported goes with fqdn only",
                fieldPath=".onUnsupported",
            ),
            cel(
                "!has(self.fqdn) || !(" + " || ".join(f"self.fqdn.endsWith('{end}')" for end in CLUSTER_NAMES) + ")",
                "a name inside the cluster has a policy: name it by service, or its pods by workload",
                fieldPath=".fqdn",
            ),
            cel("self.except.size() == 0 || has(self.cidr)", "except goes with cidr only", fieldPath=".except"),
            cel(
                f"!has(self.cidr) || {is_block('self.cidr')}",
                f"cidr must be {BLOCK}",
                fieldPath=".cidr",
            ),
            cel(
                "!has(self.cidr) || !isCIDR(self.cidr)"
                f" || self.except.all(e, {is_block('e')} && cidr(self.cidr).containsCIDR(cidr(e)))",
                "every entry of except must be a block inside cidr",
                fieldPath=".except",
            ),
        )
    )

    service: ObjectName | None = None
    """The name of another ServiceSecurityPolicy."""
    namespace: DnsLabel | None = None
    """The namespace of that policy or Gateway; left out: the policy's own."""
    workload: WorkloadPeer | None = None
    """Pods that have no policy."""
    self_: Empty | None = Field(default=None, alias="self")
    """The service's own pods, replica to replica."""
    gateway: GatewayName | None = None
    """Callers only: the name of a Gateway (gateway.networking.k8s.io); the pods that run it, found by their labels."""
    internet: Empty | None = None
    """Every address outside the cluster, IPv4 and IPv6; never pods, Services, nodes, link-local or cloud metadata."""
    cidr: Cidr | None = None
    """A block of addresses. The cloud's metadata addresses stay closed even if the block holds them."""
    except_: tuple[Cidr, ...] = Field(default=(), alias="except", max_length=64)
    """Blocks inside `cidr` that stay closed."""
    fqdn: Fqdn | None = None
    """Called side only: a DNS name outside the cluster, or `*.` and a name: everything below it."""
    on_unsupported: Literal["Snapshot", "Deny"] | None = None
    """What becomes of `fqdn` where nothing follows names, as with plain NetworkPolicy: Snapshot (when left out) opens the
    public addresses that the cluster's DNS gives, for as long as it gives them; Deny opens nothing. A wildcard is denied."""
    kubernetes_api: KubernetesApiPeer | None = Field(default=None, alias="kubernetesAPI")
    """Called side only: the cluster's API server, on its own ports."""
    cloud_metadata: Empty | None = None
    """Called side only, with a reason: the cloud's metadata addresses, which nothing else opens. Port 80 when none is listed.
    Allowed only where the SecurityBaseline allows it."""


Purpose = Annotated[str, Field(max_length=256)]
"""A sentence for the people who review the rule."""


class IngressRule(ApiModel):
    """Who may call, and on which of the service's ports."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                "!(" + " || ".join(f"has(self.from.{kind})" for kind in _CALLED_ONLY) + ")",
                f"{', '.join(_CALLED_ONLY)} never call: they go under egress",
                fieldPath=".from",
            )
        )
    )

    from_: Peer = Field(alias="from")
    """The caller."""
    ports: tuple[PortName, ...] = Field(default=(), max_length=32)
    """Names from `network.ports`; left out: all of them."""
    until: Moment | None = None
    """When the rule ends by itself (RFC 3339), on both sides of the edge; left out: never."""
    reason: Purpose | None = None
    """Why the caller may call, for the people who review it; shown in the status."""


class Decision(ApiModel):
    """The answer to one caller that asked, as `bartizan approve` and `bartizan deny` write it.

    It has a list of its own, apart from `ingress`, so that whoever applies the rest of the policy from a repository neither
    takes it back nor has to know of it.
    """

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                "self.verdict == 'Approved' || (self.ports.size() == 0 && !has(self.until))",
                "ports and until go with Approved: a denial holds on every port until it is changed",
                fieldPath=".verdict",
            )
        )
    )

    service: ObjectName
    """The name of the caller's ServiceSecurityPolicy."""
    namespace: DnsLabel
    """The namespace of that policy."""
    verdict: Literal["Approved", "Denied"]
    """Approved: the caller may call, as if `ingress` listed it. Denied: it may not, even if `ingress` lists it."""
    ports: tuple[PortName, ...] = Field(default=(), max_length=32)
    """Names from `network.ports` that are approved; left out: all of them."""
    until: Moment | None = None
    """When the approval ends by itself (RFC 3339), on both sides of the edge; left out: never."""
    reason: Purpose | None = None
    """Why; shown to the caller."""


class EgressPort(ApiModel):
    """A port of the called side: by name (a service's), or by number with an optional range."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel("has(self.name) != has(self.port)", "a port is given by exactly one of name and port"),
            cel(
                "!has(self.endPort) || (has(self.port) && self.endPort >= self.port)",
                "endPort needs port and must not be below it",
                fieldPath=".endPort",
            ),
            cel(
                "!has(self.protocol) || has(self.port)",
                "protocol goes with port; a name brings its own",
                fieldPath=".protocol",
            ),
        )
    )

    name: PortName | None = None
    """The name of a port in the called policy."""
    port: PortNumber | None = None
    """A port number."""
    end_port: PortNumber | None = None
    """The last port of a range that begins at `port`."""
    protocol: Protocol | None = None
    """The transport protocol of a numbered port; TCP when left out."""


class EgressRule(ApiModel):
    """Whom the service may call, and on which ports."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                "has(self.to.service) || has(self.to.self) || has(self.to.kubernetesAPI) || has(self.to.cloudMetadata)"
                " || self.ports.size() > 0",
                "ports must be listed unless the peer is a service or self, whose own ports are the default",
                fieldPath=".ports",
            ),
            cel(
                "!has(self.to.kubernetesAPI) || self.ports.size() == 0",
                "kubernetesAPI brings its own ports: leave ports out",
                fieldPath=".ports",
            ),
            cel("!has(self.to.gateway)", "a gateway only calls: it goes under ingress", fieldPath=".to"),
            cel(
                "!has(self.to.cloudMetadata) || (has(self.reason) && self.reason.size() > 0)",
                "cloudMetadata needs a reason: whoever reaches it may act as the machine",
                fieldPath=".to",
            ),
            cel(
                "has(self.to.service) || has(self.to.self) || self.ports.all(p, has(p.port))",
                "a port name only means something at a service or self: give the number",
                fieldPath=".ports",
            ),
        )
    )

    to: Peer
    """The called side."""
    ports: tuple[EgressPort, ...] = Field(default=(), max_length=32)
    """Which ports; left out for a service or self: all that it declares."""
    until: Moment | None = None
    """When the rule ends by itself (RFC 3339), on both sides of the edge; left out: never."""
    reason: Purpose | None = None
    """Why the call is needed, for the people who review it; shown in the status and in the called side's requests."""


class Network(ApiModel):
    """Ports, callers and calls of the service. Left out: nothing may call it and it may call nothing but DNS."""

    model_config = ConfigDict(
        json_schema_extra=cel_rules(
            cel(
                "self.ports.all(p, self.ports.exists_one(q, q.name == p.name))",
                "the names of ports must differ",
                fieldPath=".ports",
            ),
            cel(
                "self.ingress.all(r, r.ports.all(n, self.ports.exists(p, p.name == n)))",
                "an ingress rule names a port that network.ports does not have",
                fieldPath=".ingress",
            ),
            cel(
                "self.ingress.size() == 0 || self.ports.size() > 0",
                "ingress needs network.ports: list the ports on which the service listens",
                fieldPath=".ports",
            ),
        )
    )

    ports: tuple[Port, ...] = Field(default=(), max_length=32)
    """The pods' own ports. A worker that listens nowhere has none."""
    ingress: tuple[IngressRule, ...] = Field(default=(), max_length=128)
    """Who may call. Nobody else can."""
    egress: tuple[EgressRule, ...] = Field(default=(), max_length=128)
    """Whom the service may call. Nothing else but the cluster's DNS."""
    consent: Literal["Mutual"] = "Mutual"
    """Mutual: an edge between two policies lives only where the caller asks and the called side admits it."""
    decisions: Annotated[
        tuple[Decision, ...],
        Field(
            max_length=128,
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["namespace", "service"],
            },
        ),
    ] = ()
    """Callers that asked and were answered, at most one answer each. Approving takes the RBAC verb `approve` on the policy."""

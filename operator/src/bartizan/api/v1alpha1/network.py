"""The network section: the service's own ports, who may call it, and whom it may call.

Neighbours are named by their policy (`service: payments`), never by labels or addresses that somebody else could carry.
Everything not listed is denied, both ways.
"""

import re
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, AwareDatetime, ConfigDict, Field, WithJsonSchema

from bartizan.api.v1alpha1.common import ApiModel, DnsLabel, LabelSelector, ObjectName, cel, cel_rules

Protocol = Literal["TCP", "UDP", "SCTP"]
PortNumber = Annotated[int, Field(ge=1, le=65535)]
PortName = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", min_length=1, max_length=15)]
BLOCK: Final = "an IPv4 or IPv6 block without bits below its prefix, such as 203.0.113.0/24 or 2001:db8::/32"


def is_block(expression: str) -> str:
    """Return the CEL expression that says whether a string is such a block."""
    return f"(isCIDR({expression}) && cidr({expression}) == cidr({expression}).masked())"


def _block(text: str) -> str:
    """Refuse what is not an address block, so that no decision meets one even where the API server's rules were bypassed."""
    if not re.fullmatch(r"[0-9a-fA-F.:]+/[0-9]{1,3}", text):
        raise ValueError(f"not an address block: {text!r}; write {BLOCK}")
    ip_network(text)
    return text


Cidr = Annotated[str, Field(min_length=3, max_length=43), AfterValidator(_block)]
"""A block of addresses in CIDR notation (RFC 4632, RFC 4291), without bits below the prefix."""


def _in_utc(moment: datetime) -> datetime:
    """Return the same moment in UTC; refuse one that no calendar of ours reaches."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"not a moment that can be reckoned with: {moment.isoformat()}") from None


Moment = Annotated[
    AwareDatetime,
    AfterValidator(_in_utc),
    WithJsonSchema({"type": "string", "format": "date-time", "maxLength": 64}),
]
"""A moment as RFC 3339 spells it, with its zone; read as UTC."""

PEER_KINDS = ("service", "workload", "self", "internet", "cidr")
_ONE_KIND = cel(
    "[" + ", ".join(f"has(self.{kind})" for kind in PEER_KINDS) + "].filter(x, x).size() == 1",
    "a peer names exactly one of: " + ", ".join(PEER_KINDS),
)


class Port(ApiModel):
    """A port on which the service's pods listen."""

    name: PortName
    """What rules call it by."""
    port: PortNumber
    """The pod's own port number (not the Service's)."""
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
                "!has(self.__namespace__) || has(self.service)",
                "namespace goes with service only",
                fieldPath=".namespace",
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
    """The namespace of that policy; left out: the policy's own."""
    workload: WorkloadPeer | None = None
    """Pods that have no policy."""
    self_: Empty | None = Field(default=None, alias="self")
    """The service's own pods, replica to replica."""
    internet: Empty | None = None
    """Every address outside the cluster, IPv4 and IPv6; never pods, Services, nodes, link-local or cloud metadata."""
    cidr: Cidr | None = None
    """A block of addresses. The cloud's metadata addresses stay closed even if the block holds them."""
    except_: tuple[Cidr, ...] = Field(default=(), alias="except", max_length=64)
    """Blocks inside `cidr` that stay closed."""


Purpose = Annotated[str, Field(max_length=256)]
"""A sentence for the people who review the rule."""


class IngressRule(ApiModel):
    """Who may call, and on which of the service's ports."""

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
                "has(self.to.service) || has(self.to.self) || self.ports.size() > 0",
                "ports must be listed unless the peer is a service or self, whose own ports are the default",
                fieldPath=".ports",
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

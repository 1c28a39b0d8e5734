"""What a set of NetworkPolicies means for one packet, written from the API's text and independent of the compiler.

It judges previews, and it judges the compiler in tests. Source: `k8s.io/api/networking/v1` types: allows add up, there is no
deny and no order; a direction is isolated once any policy selects the pod for it; absent or empty `from`/`to` means everybody,
absent or empty `ports` means every port; a pod always reaches itself. Traffic between a node and its own pods (probes) is
outside NetworkPolicy and of this module.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any, Literal, TypeAlias

from bartizan.api.names import KubeObject

Direction: TypeAlias = Literal["Ingress", "Egress"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A pod: where it runs, what labels it and its namespace carry, its address and its named container ports."""

    namespace: str
    name: str
    ip: str
    labels: Mapping[str, str] = field(default_factory=dict)
    namespace_labels: Mapping[str, str] = field(default_factory=dict)
    """All of the namespace's labels, `kubernetes.io/metadata.name` included."""
    named_ports: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    """Container port names to number and protocol."""
    uid: str = ""
    """Which pod of that name it is; empty where nobody asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalEndpoint:
    """An address that is no pod's."""

    ip: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """The first packet of a connection, with the destination's own address and port (after any Service rewriting)."""

    source: Endpoint | ExternalEndpoint
    destination: Endpoint | ExternalEndpoint
    port: int
    protocol: str = "TCP"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleRef:
    """Which rule let a flow pass."""

    policy: str
    """Namespace and name of the NetworkPolicy."""
    direction: Direction
    index: int
    """Place in the policy's `ingress` or `egress`, from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What one end's policies say."""

    allowed: bool
    isolated: bool
    by: RuleRef | None = None
    """The first rule that allows it, by name of policy; None when nothing isolates or nothing allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a flow passes: both ends must let it."""

    egress: Ruling
    ingress: Ruling

    @property
    def allowed(self) -> bool:
        """Whether both ends allow the flow."""
        return self.egress.allowed and self.ingress.allowed


_FREE = Ruling(allowed=True, isolated=False)


def allows(flow: Flow, network_policies: Iterable[KubeObject], *, cidr_matches_pods: bool = True) -> Verdict:
    """Return whether `flow` passes and which rules decide.

    `cidr_matches_pods` says whether the plugin compares `ipBlock` with pods' addresses; Cilium does not.
    """
    if flow.source == flow.destination:
        return Verdict(egress=_FREE, ingress=_FREE)
    policies = sorted(network_policies, key=_name)
    return Verdict(
        egress=_ruling("Egress", flow, flow.source, flow.destination, policies, cidr_matches_pods=cidr_matches_pods),
        ingress=_ruling("Ingress", flow, flow.destination, flow.source, policies, cidr_matches_pods=cidr_matches_pods),
    )


def _ruling(
    direction: Direction,
    flow: Flow,
    subject: Endpoint | ExternalEndpoint,
    other: Endpoint | ExternalEndpoint,
    policies: list[KubeObject],
    *,
    cidr_matches_pods: bool,
) -> Ruling:
    """Return what the policies that select `subject` say about `flow`."""
    if isinstance(subject, ExternalEndpoint):
        return _FREE
    isolated = False
    for policy in policies:
        if not applies(policy, direction, subject):
            continue
        isolated = True
        for index, rule in enumerate(policy["spec"].get(direction.lower()) or []):
            peers = rule.get("from" if direction == "Ingress" else "to") or []
            near = policy["metadata"]["namespace"]
            reached = not peers or any(is_peer(p, other, near, cidr_matches_pods=cidr_matches_pods) for p in peers)
            if reached and _on_port(rule.get("ports") or [], flow):
                return Ruling(
                    allowed=True, isolated=True, by=RuleRef(policy=_name(policy), direction=direction, index=index)
                )
    return Ruling(allowed=not isolated, isolated=isolated)


def _name(policy: KubeObject) -> str:
    return f"{policy['metadata']['namespace']}/{policy['metadata']['name']}"


def applies(policy: KubeObject, direction: Direction, subject: Endpoint) -> bool:
    """Whether the policy selects the pod for this direction. Without policyTypes: ingress, and egress if it has rules."""
    spec = policy["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return (
        policy["metadata"]["namespace"] == subject.namespace
        and direction in types
        and _selects(spec.get("podSelector") or {}, subject.labels)
    )


def is_peer(
    peer: KubeObject, other: Endpoint | ExternalEndpoint, policy_namespace: str, *, cidr_matches_pods: bool
) -> bool:
    """Whether `other` is meant by one element of `from` or `to`."""
    if "ipBlock" in peer:
        return (cidr_matches_pods or isinstance(other, ExternalEndpoint)) and _in_block(peer["ipBlock"], other.ip)
    if isinstance(other, ExternalEndpoint) or not ("namespaceSelector" in peer or "podSelector" in peer):
        return False
    here = (
        _selects(peer["namespaceSelector"], other.namespace_labels)
        if "namespaceSelector" in peer
        else other.namespace == policy_namespace
    )
    return here and _selects(peer.get("podSelector") or {}, other.labels)


def _in_block(block: KubeObject, ip: str) -> bool:
    address = ip_address(ip)
    held = address in ip_network(block["cidr"], strict=False)
    return held and not any(address in ip_network(hole, strict=False) for hole in block.get("except") or [])


def _on_port(ports: list[KubeObject], flow: Flow) -> bool:
    """Whether the flow's port is meant; no ports at all means every port of every protocol."""
    return not ports or any(_is_port(port, flow) for port in ports)


def _is_port(port: KubeObject, flow: Flow) -> bool:
    if port.get("protocol", "TCP") != flow.protocol:
        return False
    number = port.get("port")
    if number is None:
        return True
    if isinstance(number, str):
        target = flow.destination
        return isinstance(target, Endpoint) and target.named_ports.get(number) == (flow.port, flow.protocol)
    end = port.get("endPort")
    return bool(number <= flow.port <= (number if end is None else end))


def _selects(selector: KubeObject, labels: Mapping[str, str]) -> bool:
    """Whether a selector, as JSON, selects `labels`; an empty one selects everything."""
    return all(labels.get(key) == value for key, value in (selector.get("matchLabels") or {}).items()) and all(
        _expression(expression, labels) for expression in selector.get("matchExpressions") or []
    )


def _expression(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    present = expression["key"] in labels
    listed = present and labels[expression["key"]] in (expression.get("values") or [])
    answers = {"In": listed, "NotIn": not listed, "Exists": present, "DoesNotExist": not present}
    return answers[expression["operator"]]

"""Edges between two policies: open only where the caller asks and the called side admits.

Consent is mutual and by port. Each side's rules about the other are added up and the two sums are cut with each other, so a
rule more never closes anything and a rule less never opens anything. A policy consents with itself by `ingress: from self`
alone, because caller and called side have one author; `egress: to self` alone is only half of that and opens nothing.
"""

from bartizan.api.v1alpha1 import EgressRule, IngressRule
from bartizan.core.model import PolicyKey, PolicyView, Snapshot
from bartizan.core.network.peers import policy_key, policy_peer
from bartizan.core.network.ports import PortRange, own_ports, port_texts, resolve_asked, resolve_names
from bartizan.core.network.rules import egress_problem, ingress_problem, policy_problem
from bartizan.core.network.verdicts import Draft, Edge
from bartizan.core.reasons import Mode, Reason


def admitted_ports(provider: PolicyView, consumer: PolicyKey) -> frozenset[PortRange]:
    """Return the ports on which `provider` admits `consumer`, whether or not the consumer asks."""
    network = provider.spec.network
    return frozenset(
        port
        for rule in network.ingress
        if policy_key(rule.from_, provider) == consumer and ingress_problem(provider, rule) is None
        for port in resolve_names(rule.ports, network.ports).found
    )


def asked_ports(consumer: PolicyView, provider: PolicyView) -> frozenset[PortRange]:
    """Return the ports of `provider` that `consumer` asks for, whether or not it is admitted."""
    ports = provider.spec.network.ports
    if consumer.key == provider.key:
        return own_ports(ports)
    return frozenset(
        port
        for rule in consumer.spec.network.egress
        if policy_key(rule.to, consumer) == provider.key and egress_problem(consumer, rule) is None
        for port in resolve_asked(rule.ports, ports).found
    )


def egress_to_policy(draft: Draft, policy: PolicyView, rule: EgressRule, key: PolicyKey, snapshot: Snapshot) -> Edge:
    """Return what the rule "call the policy `key`" comes to."""
    provider = _find(key, policy, snapshot)
    if isinstance(provider, str):
        return draft.pending(Reason.PEER_NOT_FOUND, (), provider)
    wanted = resolve_asked(rule.ports, provider.spec.network.ports)
    live = wanted.found & admitted_ports(provider, policy.key)
    refused = wanted.found - live if rule.ports else frozenset()
    lacking = _lacking(draft.name, wanted.missing, provider)
    if not wanted.found and wanted.missing:
        return draft.denied(Reason.PORT_NOT_FOUND, lacking)
    if not live:
        return draft.pending(Reason.PENDING_CONSENT, refused, _ask_provider(draft.name, policy, provider, refused))
    peers = (policy_peer(provider),)
    distance = _far_side(policy, provider, snapshot)
    if refused:
        left_out = _ask_provider(draft.name, policy, provider, refused)
        return draft.degraded(Reason.PENDING_CONSENT, live, peers, left_out, lacking, distance)
    if wanted.missing:
        return draft.degraded(Reason.PORT_NOT_FOUND, live, peers, lacking, distance)
    return draft.applied(live, peers, distance)


def ingress_from_policy(
    draft: Draft, policy: PolicyView, rule: IngressRule, key: PolicyKey, snapshot: Snapshot
) -> Edge:
    """Return what the rule "admit the policy `key`" comes to."""
    admitted = resolve_names(rule.ports, policy.spec.network.ports).found
    consumer = _find(key, policy, snapshot)
    if isinstance(consumer, str):
        return draft.pending(Reason.PEER_NOT_FOUND, admitted, consumer)
    live = admitted & asked_ports(consumer, policy)
    if not live:
        return draft.pending(Reason.PENDING_CONSENT, admitted, _ask_consumer(draft.name, policy, admitted))
    idle = _idle(draft.name, admitted - live) if rule.ports else ""
    edge = draft.applied(live, (policy_peer(consumer),), idle, _far_side(policy, consumer, snapshot))
    return Edge(edge.status, edge.grants, loops=key == policy.key)


def _find(key: PolicyKey, policy: PolicyView, snapshot: Snapshot) -> PolicyView | str:
    """Return the policy that a rule of `policy` names, or why there is none."""
    name = "/".join(key)
    if key == policy.key:
        return policy
    if key in snapshot.invalid:
        return f"policy {name} cannot be read and has no say until it is mended: {snapshot.invalid[key].problem}"
    peer = snapshot.policies.get(key)
    if peer is None:
        return f"no ServiceSecurityPolicy {name} exists: create it, or correct service or namespace"
    problem = policy_problem(peer)
    return peer if problem is None else f"policy {name} cannot be used: {problem}"


def _lacking(name: str, missing: tuple[str, ...], provider: PolicyView) -> str:
    if not missing:
        return ""
    has = ", ".join(sorted(f"{port.name} ({port.port}/{port.protocol})" for port in provider.spec.network.ports))
    return f"{name} has no port {', '.join(missing)}; it has {has or 'none'}"


def _ask_provider(name: str, policy: PolicyView, provider: PolicyView, ports: frozenset[PortRange]) -> str:
    if provider.key == policy.key:
        return f"ingress does not list self{_on(ports)}: add to network.ingress: from: {{self: {{}}}}"
    caller = f"service: {policy.name}"
    if provider.namespace != policy.namespace:
        caller += f", namespace: {policy.namespace}"
    return f"{name} does not admit {'/'.join(policy.key)}{_on(ports)}: its ingress must list from: {{{caller}}}"


def _ask_consumer(name: str, policy: PolicyView, ports: frozenset[PortRange]) -> str:
    return f"{name} does not ask for {'/'.join(policy.key)}{_on(ports)}: its egress must list it before it is admitted"


def _idle(name: str, ports: frozenset[PortRange]) -> str:
    return f"{name} does not ask for {', '.join(port_texts(ports))}" if ports else ""


def _on(ports: frozenset[PortRange]) -> str:
    return f" on {', '.join(port_texts(ports))}" if ports else ""


def _far_side(policy: PolicyView, peer: PolicyView, snapshot: Snapshot) -> str:
    """Return a note if the other end is not held by bartizan: the edge is open there to more than this policy."""
    mode = snapshot.mode(peer.namespace)
    if peer.namespace == policy.namespace or mode is Mode.ENFORCE:
        return ""
    return f"namespace {peer.namespace} is in mode {mode.value}, so the other end is not isolated"

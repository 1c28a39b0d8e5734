"""Edges between two policies: open only where the caller asks and the called side admits.

Consent is mutual, by port and by time. Each side's rules about the other are added up and the two sums are cut with each other,
so a rule more never closes anything and a rule less never opens anything. A denial stands above what the called side lists. A
policy consents with itself by `ingress: from self` alone, because caller and called side have one author; `egress: to self`
alone is only half of that and opens nothing.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from bartizan.api.v1alpha1 import EgressRule, IngressRule
from bartizan.core.model import END_OF_TIME, PolicyKey, PolicyView, Snapshot
from bartizan.core.network.callers import denial, ingress_rules
from bartizan.core.network.consent_words import (
    ask_consumer,
    ask_provider,
    denied_by,
    far_side,
    idle,
    lacking,
    lapsed_by,
    without_number,
)
from bartizan.core.network.expiry import Ends, ends
from bartizan.core.network.numbers import numbered
from bartizan.core.network.peers import policy_key, policy_peers
from bartizan.core.network.ports import PortRange, own_ports, resolve_asked, resolve_names
from bartizan.core.network.rules import egress_problem, ingress_problem, policy_problem
from bartizan.core.network.verdicts import Draft, Edge
from bartizan.core.reasons import Reason


def admissions(provider: PolicyView, consumer: PolicyKey) -> Ends:
    """Return the ports on which `provider` has ever admitted `consumer`, and until when, whether or not the consumer asks."""
    if denial(provider, consumer):
        return {}
    ports = provider.spec.network.ports
    return _longest(
        (port, ends(rule))
        for rule in ingress_rules(provider)
        if policy_key(rule.from_, provider) == consumer and ingress_problem(provider, rule) is None
        for port in resolve_names(rule.ports, ports).found
    )


def questions(consumer: PolicyView, provider: PolicyView) -> Ends:
    """Return the ports of `provider` that `consumer` has ever asked for, and until when, whether or not it is admitted."""
    ports = provider.spec.network.ports
    if consumer.key == provider.key:
        return dict.fromkeys(own_ports(ports), END_OF_TIME)
    return _longest(
        (port, ends(rule))
        for rule in consumer.spec.network.egress
        if policy_key(rule.to, consumer) == provider.key and egress_problem(consumer, rule) is None
        for port in resolve_asked(rule.ports, ports).found
    )


def admitted_ports(provider: PolicyView, consumer: PolicyKey, now: datetime) -> frozenset[PortRange]:
    """Return the ports on which `provider` admits `consumer` at `now`, whether or not the consumer asks."""
    return _at(admissions(provider, consumer), now)


def asked_ports(consumer: PolicyView, provider: PolicyView, now: datetime) -> frozenset[PortRange]:
    """Return the ports of `provider` that `consumer` asks for at `now`, whether or not it is admitted."""
    return _at(questions(consumer, provider), now)


def egress_to_policy(draft: Draft, policy: PolicyView, rule: EgressRule, key: PolicyKey, snapshot: Snapshot) -> Edge:
    """Return what the rule "call the policy `key`" comes to."""
    provider = _find(key, policy, snapshot)
    if isinstance(provider, str):
        return draft.pending(Reason.PEER_NOT_FOUND, (), provider)
    if no := denial(provider, policy.key):
        return draft.denied(Reason.CONSENT_DENIED, denied_by(draft.name, policy, no))
    wanted = resolve_asked(rule.ports, provider.spec.network.ports)
    granted = admissions(provider, policy.key)
    live = wanted.found & _at(granted, snapshot.now)
    refused = wanted.found - live if rule.ports else frozenset()
    missing = lacking(draft.name, wanted.missing, provider)
    if not wanted.found and (wanted.missing or provider.port_problems):
        return draft.denied(Reason.PORT_NOT_FOUND, missing or without_number(provider))
    lapsed = wanted.found & granted.keys()
    if not live and lapsed:
        return _lapsed(draft, lapsed, granted, f"it admitted {'/'.join(policy.key)}")
    if not live:
        return draft.pending(Reason.PENDING_CONSENT, refused, ask_provider(draft.name, policy, provider, refused))
    draft, peers = _bounded(draft, live, granted), policy_peers(provider, snapshot)
    distance = far_side(policy, provider, snapshot)
    if refused:
        left_out = ask_provider(draft.name, policy, provider, refused)
        return draft.degraded(Reason.PENDING_CONSENT, live, peers, left_out, missing, distance)
    if wanted.missing:
        return draft.degraded(Reason.PORT_NOT_FOUND, live, peers, missing, distance)
    return draft.applied(live, peers, distance)


def ingress_from_policy(
    draft: Draft, policy: PolicyView, rule: IngressRule, key: PolicyKey, snapshot: Snapshot
) -> Edge:
    """Return what the rule "admit the policy `key`" comes to."""
    admitted = resolve_names(rule.ports, policy.spec.network.ports).found
    if no := denial(policy, key):
        return draft.denied(Reason.CONSENT_DENIED, denied_by("this policy", draft.name, no), admitted)
    consumer = _find(key, policy, snapshot)
    if isinstance(consumer, str):
        return draft.pending(Reason.PEER_NOT_FOUND, admitted, consumer)
    asked = questions(consumer, policy)
    live = admitted & _at(asked, snapshot.now)
    lapsed = admitted & asked.keys()
    if not live and lapsed:
        return _lapsed(draft, lapsed, asked, f"it asked for {'/'.join(policy.key)}")
    if not live:
        return draft.pending(Reason.PENDING_CONSENT, admitted, ask_consumer(draft.name, policy, admitted))
    unused = idle(draft.name, admitted - live) if rule.ports else ""
    draft = _bounded(draft, live, asked)
    edge = draft.applied(live, policy_peers(consumer, snapshot), unused, far_side(policy, consumer, snapshot))
    return Edge(edge.status, edge.grants, loops=key == policy.key)


def _longest(pairs: Iterable[tuple[PortRange, datetime]]) -> Ends:
    """Return each port with the latest of its ends: several rules about one port add up."""
    found: dict[PortRange, datetime] = {}
    for port, end in pairs:
        found[port] = max(end, found.get(port, end))
    return found


def _at(moments: Ends, now: datetime) -> frozenset[PortRange]:
    return frozenset(port for port, end in moments.items() if end > now)


def _bounded(draft: Draft, live: frozenset[PortRange], others: Ends) -> Draft:
    """Return the draft that ends when the first of the two sides does, on the first of the ports."""
    soonest = min((draft.until or END_OF_TIME, *(others[port] for port in live)))
    return replace(draft, until=None if soonest == END_OF_TIME else soonest)


def _lapsed(draft: Draft, ports: frozenset[PortRange], others: Ends, what: str) -> Edge:
    """Return the edge that the other side let end."""
    ended = max(others[port] for port in ports)
    return replace(draft, until=ended).expired(Reason.CONSENT_EXPIRED, ports, lapsed_by(draft.name, what, ended))


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
    return numbered(peer, snapshot) if problem is None else f"policy {name} cannot be used: {problem}"

"""One declared rule in, one edge out: which kind of peer it is decides who answers."""

from collections.abc import Sequence
from dataclasses import replace

from bartizan.api.v1alpha1 import EgressRule, IngressRule, Peer
from bartizan.core.model import PolicyView, PortProblem, Snapshot
from bartizan.core.network.api_server import api_server_edge
from bartizan.core.network.consent import egress_to_policy, ingress_from_policy
from bartizan.core.network.expiry import ends, in_force, spoken
from bartizan.core.network.fqdn import fqdn_edge
from bartizan.core.network.gateways import gateway_edge
from bartizan.core.network.metadata import cloud_metadata_edge
from bartizan.core.network.outside import cidr_edge, internet_edge, workload_edge
from bartizan.core.network.peers import peer_name, policy_key
from bartizan.core.network.ports import PortRange, read_number, resolve_names
from bartizan.core.network.rules import egress_problem, ingress_problem
from bartizan.core.network.verdicts import Draft, Edge
from bartizan.core.reasons import Reason


def ingress_edge(policy: PolicyView, rule: IngressRule, snapshot: Snapshot) -> Edge:
    """Return what an ingress rule comes to."""
    draft = Draft(name=peer_name(rule.from_, policy), inward=True, purpose=rule.reason, until=rule.until)
    problem = ingress_problem(policy, rule)
    if problem:
        return draft.denied(Reason.INVALID_SPEC, problem)
    if not in_force(rule, snapshot.now):
        return draft.expired(Reason.EXPIRED, (), _ended(rule))
    problems = [one for one in policy.port_problems if not rule.ports or one.name in rule.ports]
    own = resolve_names(rule.ports, policy.spec.network.ports).found
    if problems and not own:
        return draft.denied(problems[0].reason, "; ".join(one.message for one in problems))
    key = policy_key(rule.from_, policy)
    if key is not None:
        return _said(ingress_from_policy(draft, policy, rule, key, snapshot), problems)
    if rule.from_.gateway is not None:
        return _said(gateway_edge(draft, own, rule.from_, policy, snapshot), problems)
    return _said(_outside_edge(draft, own, rule.from_, snapshot), problems)


def egress_edge(policy: PolicyView, rule: EgressRule, snapshot: Snapshot) -> Edge:
    """Return what an egress rule comes to."""
    draft = Draft(name=peer_name(rule.to, policy), inward=False, purpose=rule.reason, until=rule.until)
    problem = egress_problem(policy, rule)
    if problem:
        return draft.denied(Reason.INVALID_SPEC, problem)
    if not in_force(rule, snapshot.now):
        return draft.expired(Reason.EXPIRED, (), _ended(rule))
    key = policy_key(rule.to, policy)
    if key is not None:
        return egress_to_policy(draft, policy, rule, key, snapshot)
    numbers = frozenset(number for number in map(read_number, rule.ports) if number is not None)
    return _outside_edge(draft, numbers, rule.to, snapshot)


def _ended(rule: IngressRule | EgressRule) -> str:
    return f"ended by itself at {spoken(ends(rule))}: set until to a later time, or take the rule out"


def _said(edge: Edge, problems: Sequence[PortProblem]) -> Edge:
    """Return an open edge as degraded if ports it names by name have problems."""
    if not problems or edge.status.state != "Applied":
        return edge
    message = "; ".join([*(one.message for one in problems), *([edge.status.message] if edge.status.message else [])])
    update = {"state": "Degraded", "reason": problems[0].reason.value, "message": message}
    return replace(edge, status=edge.status.model_copy(update=update))


def _outside_edge(draft: Draft, ports: frozenset[PortRange], peer: Peer, snapshot: Snapshot) -> Edge:
    if peer.workload is not None:
        return workload_edge(draft, ports, peer.workload)
    if peer.cidr is not None:
        return cidr_edge(draft, ports, peer, snapshot)
    if peer.fqdn is not None:
        return fqdn_edge(draft, ports, peer, snapshot)
    if peer.kubernetes_api is not None:
        return api_server_edge(draft, snapshot)
    if peer.cloud_metadata is not None:
        return cloud_metadata_edge(draft, ports, snapshot)
    return internet_edge(draft, ports, snapshot)

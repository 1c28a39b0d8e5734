"""From a policy to its one NetworkPolicy, and what became of each declared edge.

One object holds isolation and allows of both directions, so that a single write never leaves a moment that is open or cut.
Its form is canonical: peers with the same ports share a rule and everything is sorted, so that reordering a policy's rules
changes nothing and drift is a difference in meaning.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bartizan.api.names import (
    BASELINE_NETWORK_POLICY,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    KubeObject,
    network_policy_name,
)
from bartizan.api.v1alpha1 import EdgeStatus
from bartizan.core.emit import owned_by, sealed
from bartizan.core.model import PolicyView, Snapshot
from bartizan.core.network.api_server import access_objects
from bartizan.core.network.backends.cilium import cilium_policy
from bartizan.core.network.callers import ingress_rules
from bartizan.core.network.dns import dns_grants
from bartizan.core.network.edges import egress_edge, ingress_edge
from bartizan.core.network.expiry import next_end
from bartizan.core.network.peers import neighbours
from bartizan.core.network.ports import PortRange, merged, port_entry
from bartizan.core.network.verdicts import Grant
from bartizan.core.select import to_kube

__all__ = ["CompiledNetwork", "baseline_policy", "compile_network", "neighbours"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledNetwork:
    """What a policy's network section comes to in this snapshot."""

    network_policy: KubeObject
    """The NetworkPolicy, owned by the policy and sealed."""
    edges: tuple[EdgeStatus, ...]
    """One status per declared rule: callers first, then called sides, by name."""
    access: tuple[KubeObject, ...] = ()
    """The Role and RoleBinding for the API server, owned and sealed like the NetworkPolicy; empty if nothing is granted."""
    beside: tuple[KubeObject, ...] = ()
    """What a network plugin of this cluster holds beside the NetworkPolicy; empty where there is none or nothing to hold."""
    changes_at: datetime | None = None
    """When next something of this ends by itself; None: only when somebody changes something."""


def compile_network(policy: PolicyView, snapshot: Snapshot) -> CompiledNetwork:
    """Return the NetworkPolicy of `policy` and the status of its edges at the snapshot's moment.

    Never fails: what cannot be read opens nothing and is said in the edge's status. Whether the object is written (the
    namespace's mode) is not decided here.
    """
    network = policy.spec.network
    ingress = [ingress_edge(policy, rule, snapshot) for rule in ingress_rules(policy)]
    egress = [egress_edge(policy, rule, snapshot) for rule in network.egress]
    inward = [grant for edge in ingress for grant in edge.grants]
    outward = [grant for edge in egress for grant in edge.grants]
    outward += [grant for edge in ingress if edge.loops for grant in edge.grants]
    outward += dns_grants(snapshot)
    spec: KubeObject = {
        "podSelector": to_kube(policy.spec.workload.selector),
        "policyTypes": ["Ingress", "Egress"],
        **_section("ingress", "from", inward),
        **_section("egress", "to", outward),
    }
    item = {**_shell(policy.namespace, network_policy_name(policy.name)), "spec": spec}
    statuses = [edge.status for edge in (*ingress, *egress)]
    cilium = cilium_policy(policy, snapshot, item) if snapshot.capabilities.cilium else None
    return CompiledNetwork(
        network_policy=owned_by(policy, item),
        edges=_ordered(statuses),
        access=access_objects(policy, snapshot.now),
        beside=() if cilium is None else (cilium,),
        changes_at=next_end(policy, snapshot),
    )


def baseline_policy(namespace: str) -> KubeObject:
    """Return the NetworkPolicy that isolates every pod of a namespace, both ways, whether or not a policy covers it."""
    item = _shell(namespace, BASELINE_NETWORK_POLICY)
    item["metadata"]["labels"] = {MANAGED_BY_LABEL: MANAGED_BY}
    return sealed({**item, "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}})


def _shell(namespace: str, name: str) -> KubeObject:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
    }


def _section(field: Literal["ingress", "egress"], direction: Literal["from", "to"], grants: list[Grant]) -> KubeObject:
    """Return the field with its rules; without rules the field is left out, as the API server would drop it."""
    rules = [{direction: peers, "ports": [port_entry(port) for port in ports]} for ports, peers in _joined(grants)]
    return {field: rules} if rules else {}


def _joined(grants: Iterable[Grant]) -> list[tuple[tuple[PortRange, ...], list[KubeObject]]]:
    """Return ports and peers of each rule: first all ports of a peer together, then all peers with the same ports."""
    ports_of: dict[str, set[PortRange]] = {}
    for grant in grants:
        if grant.ports:
            ports_of.setdefault(json.dumps(grant.peer, sort_keys=True), set()).update(grant.ports)
    peers_of: dict[tuple[PortRange, ...], list[KubeObject]] = {}
    for peer, ports in sorted(ports_of.items()):
        peers_of.setdefault(merged(ports), []).append(json.loads(peer))
    return sorted(peers_of.items(), key=lambda rule: rule[0])


def _ordered(statuses: Iterable[EdgeStatus]) -> tuple[EdgeStatus, ...]:
    """Return the statuses sorted, each once."""
    unique = {status.model_dump_json(): status for status in statuses}
    return tuple(sorted(unique.values(), key=lambda s: (s.to is not None, s.from_ or s.to or "", s.model_dump_json())))

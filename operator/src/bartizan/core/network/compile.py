"""From a policy to its one NetworkPolicy, and what became of each declared edge.

One object holds isolation and allows of both directions, so that a single write never leaves a moment that is open or cut.
Its form is canonical: peers with the same ports share a rule and everything is sorted, so that reordering a policy's rules
changes nothing and drift is a difference in meaning.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from bartizan.api.names import (
    BASELINE_NETWORK_POLICY,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    KubeObject,
    network_policy_name,
)
from bartizan.api.v1alpha1 import EdgeStatus, LabelSelector
from bartizan.core.emit import fingerprint, owned_by, sealed
from bartizan.core.model import PolicyView, Snapshot
from bartizan.core.network.api_server import access_objects
from bartizan.core.network.atoms import section
from bartizan.core.network.backends.cilium import cilium_policy
from bartizan.core.network.callers import ingress_rules
from bartizan.core.network.dns import dns_grants
from bartizan.core.network.edges import egress_edge, ingress_edge
from bartizan.core.network.expiry import next_end
from bartizan.core.network.numbers import numbered
from bartizan.core.select import to_kube


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
    former: tuple[KubeObject, ...] = ()
    """The same rules for pods that only a former selector selects: the most those may have while they still run."""


def compile_network(policy: PolicyView, snapshot: Snapshot) -> CompiledNetwork:
    """Return the NetworkPolicy of `policy` and the status of its edges at the snapshot's moment.

    Never fails: what cannot be read opens nothing and is said in the edge's status. Whether the object is written (the
    namespace's mode) is not decided here.
    """
    policy = numbered(policy, snapshot)
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
        **section("ingress", inward),
        **section("egress", outward),
    }
    item = {**_shell(policy.namespace, network_policy_name(policy.name)), "spec": spec}
    former = [
        {**_shell(policy.namespace, former_name(policy, selector)), "spec": {**spec, "podSelector": to_kube(selector)}}
        for selector in snapshot.former.get(policy.key, ())
    ]
    statuses = [edge.status for edge in (*ingress, *egress)]
    cilium = cilium_policy(policy, snapshot, item) if snapshot.capabilities.cilium else None
    return CompiledNetwork(
        network_policy=owned_by(policy, item),
        former=tuple(owned_by(policy, one) for one in former),
        edges=_ordered(statuses),
        access=access_objects(policy, snapshot.now),
        beside=() if cilium is None else (cilium,),
        changes_at=next_end(policy, snapshot),
    )


def former_name(policy: PolicyView, selector: LabelSelector) -> str:
    """Return the name of the NetworkPolicy for pods that only a former selector selects; no policy's name has a dot."""
    return f"{network_policy_name(policy.name)}.{fingerprint(to_kube(selector))[:8]}"


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


def _ordered(statuses: Iterable[EdgeStatus]) -> tuple[EdgeStatus, ...]:
    """Return the statuses sorted, each once."""
    unique = {status.model_dump_json(): status for status in statuses}
    return tuple(sorted(unique.values(), key=lambda s: (s.to is not None, s.from_ or s.to or "", s.model_dump_json())))

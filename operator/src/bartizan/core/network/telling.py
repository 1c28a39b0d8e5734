"""Which labels of pods tell anything: those that a selector in play looks at. Pods that differ in others only are one pod.

StatefulSets and Jobs give every pod a label of its own. A hundred replicas against a hundred others would be ten thousand pairs
with one and the same answer, and a revocation would wait for all of them.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import LabelSelector
from bartizan.core.model import PolicyView, Snapshot
from bartizan.core.network.gateways import NAME_LABEL, OWNING_NAME_LABEL, OWNING_NAMESPACE_LABEL
from bartizan.core.network.peers import selectors_of
from bartizan.core.select import to_kube

Labels = tuple[tuple[str, str], ...]
"""A pod's labels, sorted by key."""


_GATEWAYS: Final = frozenset({NAME_LABEL, OWNING_NAME_LABEL, OWNING_NAMESPACE_LABEL})


def told_by_policies(policies: Iterable[PolicyView], snapshot: Snapshot) -> frozenset[str]:
    """Return the label keys that decide which of the policies select a pod, or name it as a peer, DNS apart.

    Read from their specs: compiling each of them would cost more than what it is for.
    """
    selectors = (selector for policy in policies for selector in _spoken_of(policy, snapshot))
    return _GATEWAYS | {key for selector in selectors for key in _keys(to_kube(selector))}


def told_by_rules(network_policies: Iterable[KubeObject]) -> frozenset[str]:
    """Return the label keys that decide whom NetworkPolicies isolate and which pods their rules stand for."""
    return frozenset(key for item in network_policies for selector in _selectors(item) for key in _keys(selector))


def only(labels: Labels, keys: frozenset[str]) -> Labels:
    """Return the labels with these keys."""
    return tuple((key, value) for key, value in labels if key in keys)


def _spoken_of(policy: PolicyView, snapshot: Snapshot) -> Iterator[LabelSelector]:
    yield from selectors_of(policy, snapshot)
    network = policy.spec.network
    peers = [*(rule.from_ for rule in network.ingress), *(rule.to for rule in network.egress)]
    yield from (peer.workload.selector for peer in peers if peer.workload is not None)


def _selectors(network_policy: KubeObject) -> Iterator[KubeObject]:
    spec = network_policy["spec"]
    yield spec["podSelector"]
    for way, peers in (("ingress", "from"), ("egress", "to")):
        for rule in spec.get(way) or ():
            yield from (peer["podSelector"] for peer in rule.get(peers) or () if peer.get("podSelector"))


def _keys(selector: KubeObject) -> Iterator[str]:
    yield from selector.get("matchLabels") or ()
    yield from (one["key"] for one in selector.get("matchExpressions") or ())

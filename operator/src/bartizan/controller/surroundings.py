"""The picture of what is around policies: pods by shape, Ingresses, and other people's NetworkPolicies.

Pods come and go all the time and gaps seldom do. So pods are counted by shape, and a policy is told only when a shape that
concerns it appears or disappears: a Deployment that grows from three replicas to a hundred is no news.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from bartizan.api.kinds import INGRESS, NETWORK_POLICY
from bartizan.api.names import KubeObject
from bartizan.controller.shape_counts import ShapeCounts
from bartizan.core.gaps.pods import PodShape, read_pod
from bartizan.core.gaps.surroundings import (
    IngressView,
    Surroundings,
    concerns,
    foreign,
    read_ingress,
    workload_peers,
)
from bartizan.core.model import ObjectRef, PolicyKey, PolicyView, Snapshot
from bartizan.kube.store import Store


class SurroundingsPicture:
    """Views of what the store holds, and whose gaps depend on each."""

    def __init__(self, store: Store) -> None:
        """Read NetworkPolicies from `store`; pods and Ingresses are told by `changed`."""
        self._store = store
        self._pods = ShapeCounts[PodShape]()
        self._ingresses: defaultdict[str, dict[str, IngressView]] = defaultdict(dict)
        self._indexed: Mapping[PolicyKey, PolicyView] = {}
        self._by_namespace: defaultdict[str, list[PolicyView]] = defaultdict(list)

    def of(self, policy: PolicyView, snapshot: Snapshot) -> Surroundings:
        """Return what the policy's gaps are found in."""
        places = {policy.namespace, *(peer.namespace for peer in workload_peers(policy))}
        pods = (pod for place in places for pod in self._pods.of(place) if concerns(policy, pod))
        ingresses = self._ingresses.get(policy.namespace, {})
        return Surroundings(
            network_policies=foreign(self._store.list(NETWORK_POLICY, namespace=policy.namespace), snapshot.policies),
            pods=tuple(sorted(pods, key=repr)),
            ingresses=tuple(ingresses[name] for name in sorted(ingresses)),
        )

    def changed(self, ref: ObjectRef, item: KubeObject | None, snapshot: Snapshot) -> frozenset[PolicyKey]:
        """Take in that a pod or an Ingress came, changed or went, and return the policies whose gaps may differ."""
        if ref.kind == INGRESS.kind:
            return self._ingress_changed(ref, item, snapshot)
        return self._pod_changed(ref, item, snapshot)

    def _ingress_changed(self, ref: ObjectRef, item: KubeObject | None, snapshot: Snapshot) -> frozenset[PolicyKey]:
        held = self._ingresses[ref.namespace]
        before, after = held.pop(ref.name, None), read_ingress(item) if item else None
        if after:
            held[ref.name] = after
        if before == after:
            return frozenset()
        return frozenset(policy.key for policy in self._around(ref.namespace, snapshot))

    def _pod_changed(self, ref: ObjectRef, item: KubeObject | None, snapshot: Snapshot) -> frozenset[PolicyKey]:
        news = self._pods.changed(ref, read_pod(item) if item else None)
        return frozenset(self._concerned(news, ref.namespace, snapshot)) if news else frozenset()

    def _concerned(self, shapes: Iterable[PodShape], namespace: str, snapshot: Snapshot) -> Iterable[PolicyKey]:
        around = self._around(namespace, snapshot)
        return (policy.key for shape in shapes for policy in around if concerns(policy, shape))

    def _around(self, namespace: str, snapshot: Snapshot) -> list[PolicyView]:
        """Return the policies of the namespace and those that name it in a `workload` peer."""
        if self._indexed is not snapshot.policies:
            self._by_namespace.clear()
            for policy in snapshot.policies.values():
                for place in {policy.namespace, *(peer.namespace for peer in workload_peers(policy))}:
                    self._by_namespace[place].append(policy)
            self._indexed = snapshot.policies
        return self._by_namespace.get(namespace, [])

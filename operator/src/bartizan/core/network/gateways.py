"""Gateways as callers: the pods that a gateway controller runs for one Gateway object.

Two places are known. Implementations that deploy beside the Gateway label the pods with its name (GEP-1762: Istio, NGINX
Gateway Fabric, kgateway, Envoy Gateway in its namespace mode); Envoy Gateway's usual mode runs them in its own namespace and
labels them with the Gateway's name and namespace. Labels could be forged by whoever may run pods in those namespaces.
"""

from typing import Final

from bartizan.api.v1alpha1 import LabelSelector, Peer
from bartizan.core.model import PolicyView, Snapshot
from bartizan.core.network.peers import gateway_key, pods_peer
from bartizan.core.network.ports import PortRange
from bartizan.core.network.verdicts import Draft, Edge

NAME_LABEL: Final = "gateway.networking.k8s.io/gateway-name"
"""On what an implementation makes for a Gateway (gateway-api GEP-1762)."""
OWNING_NAME_LABEL: Final = "gateway.envoyproxy.io/owning-gateway-name"
OWNING_NAMESPACE_LABEL: Final = "gateway.envoyproxy.io/owning-gateway-namespace"


def gateway_edge(draft: Draft, ports: frozenset[PortRange], peer: Peer, policy: PolicyView, snapshot: Snapshot) -> Edge:
    """Return the edge with the pods of a Gateway, beside it and where controllers run them."""
    namespace, name = gateway_key(peer, policy)
    beside = pods_peer(namespace, LabelSelector(match_labels={NAME_LABEL: name}))
    owned = LabelSelector(match_labels={OWNING_NAME_LABEL: name, OWNING_NAMESPACE_LABEL: namespace})
    elsewhere = [pods_peer(place, owned) for place in sorted(set(snapshot.baseline.network.gateway_namespaces))]
    places = ", ".join(sorted({namespace, *snapshot.baseline.network.gateway_namespaces}))
    return draft.applied(ports, (beside, *elsewhere), f"pods labelled as this Gateway's in {places}")

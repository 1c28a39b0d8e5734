"""How gaps are put: the fix of each kind, selectors and lists in a person's words, within the bounds of the status."""

from collections.abc import Mapping, Sequence
from typing import Final

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import GapStatus
from bartizan.core.reasons import GapType

FIXES: Final[Mapping[GapType, str]] = {
    GapType.SHARED_IDENTITY: (
        "give each policy a ServiceAccount of its own (spec.workload.serviceAccountName) and run its pods as that"
    ),
    GapType.FOREIGN_ALLOW: (
        "delete it or narrow it to what is declared; if the traffic is wanted, declare it in spec.network instead"
    ),
    GapType.BYPASS_BY_NODE_PORT: (
        "make the Service type ClusterIP and let clients in by a gateway; a load balancer needs no node ports with "
        "allocateLoadBalancerNodePorts: false"
    ),
    GapType.BYPASS_BY_LOAD_BALANCER: "make the Service type ClusterIP and let clients in by a gateway",
    GapType.BYPASS_BY_EXTERNAL_IPS: "remove externalIPs from the Service and let clients in by a gateway",
    GapType.BYPASS_BY_HOST_PORT: "remove hostPort from the containers' ports and call the pods by a Service",
    GapType.BYPASS_BY_INGRESS: "delete the Ingress and route by a gateway that spec.network.ingress names",
    GapType.HOST_NETWORK_PEER: "run the pods without hostNetwork; what must keep it cannot be told from its node",
    GapType.UNVERIFIED_PEER: "give those pods a ServiceSecurityPolicy and name it as the peer: service instead of workload",
    GapType.PORT_FILTER_VOID_BY_MESH: (
        "name callers and ports in the mesh's own authorization (AuthorizationPolicy; Linkerd: Server) as well"
    ),
}
"""What closes a gap of each kind."""
MEANINGS: Final[Mapping[GapType, str]] = {
    GapType.SHARED_IDENTITY: (
        "Several policies name one ServiceAccount: their pods bear the same SPIFFE ID and can't be told apart by it."
    ),
    GapType.FOREIGN_ALLOW: (
        "A NetworkPolicy that is not bartizan's selects the service's pods and opens more than the policy declares. What "
        "NetworkPolicies allow adds up and none of them can deny, so bartizan's own cannot take it back."
    ),
    GapType.BYPASS_BY_NODE_PORT: "A Service in front of the pods has a port of every node, whoever reaches the node.",
    GapType.BYPASS_BY_LOAD_BALANCER: "A Service in front of the pods has a load balancer of its own.",
    GapType.BYPASS_BY_EXTERNAL_IPS: (
        "A Service in front of the pods takes traffic for addresses that are not the cluster's (CVE-2020-8554)."
    ),
    GapType.BYPASS_BY_HOST_PORT: "Pods of the service take a port of the node they run on.",
    GapType.BYPASS_BY_INGRESS: "An Ingress leads to a Service in front of the pods.",
    GapType.HOST_NETWORK_PEER: (
        "Pods of the service, or of a peer that it names by labels, are on their node's network. A NetworkPolicy neither "
        "holds for such a pod nor recognizes it by its labels."
    ),
    GapType.UNVERIFIED_PEER: (
        "The policy names a peer `workload`: pods by their labels, which whoever makes pods in that namespace can put on "
        "theirs."
    ),
    GapType.PORT_FILTER_VOID_BY_MESH: (
        "A mesh carries the pods' traffic through one port, so that a NetworkPolicy sees only that port. Closed, nothing "
        "passes between meshed pods; open, every port does."
    ),
}
"""What a gap of each kind is."""
_LONGEST: Final = 1024
_NAMED: Final = 4


def a_gap(kind: GapType, what: str, message: str) -> GapStatus:
    """Return the gap with the fix of its kind."""
    shown = message if len(message) <= _LONGEST else message[: _LONGEST - 1] + "…"
    return GapStatus(type=kind.value, object=what[:384], message=shown, fix=FIXES[kind])


def listed(words: Sequence[str]) -> str:
    """Return the first few words and how many there are besides."""
    more = len(words) - _NAMED
    return ", ".join(words[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def peer_words(peer: KubeObject | None, policy_namespace: str) -> str:
    """Return whom an element of `from` or `to` means."""
    if peer is None:
        return "everybody"
    if "ipBlock" in peer:
        holes = listed(peer["ipBlock"].get("except") or [])
        return f"{peer['ipBlock']['cidr']}" + (f" except {holes}" if holes else "")
    pods = selector_words(peer.get("podSelector") or {})
    who = f"pods with {pods}" if pods else "all pods"
    if "namespaceSelector" not in peer:
        return f"{who} of namespace {policy_namespace}"
    place = selector_words(peer["namespaceSelector"])
    return f"{who} of namespaces with {place}" if place else f"{who} of all namespaces"


def selector_words(selector: KubeObject) -> str:
    """Return a label selector, as JSON, the way `kubectl --selector` takes it; empty for one that selects everything."""
    words = [f"{key}={value}" for key, value in sorted((selector.get("matchLabels") or {}).items())]
    for one in selector.get("matchExpressions") or ():
        values = f"({','.join(one.get('values') or ())})"
        words.append(
            {
                "In": f"{one['key']} in {values}",
                "NotIn": f"{one['key']} notin {values}",
                "Exists": one["key"],
                "DoesNotExist": f"!{one['key']}",
            }[one["operator"]]
        )
    return listed(words)

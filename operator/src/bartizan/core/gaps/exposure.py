"""Ways in that no edge declares: Services, Ingresses and pods that open a door of their own to the outside.

The NetworkPolicy still stands behind most of these doors. But a node that passes a connection on puts its own address on it,
and the kubelet's node must reach its pods, so that the NetworkPolicy often has to let such a connection in.
"""

from collections.abc import Iterable, Iterator

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import GapStatus
from bartizan.core.gaps.pods import PodShape
from bartizan.core.gaps.surroundings import IngressView, is_mine
from bartizan.core.gaps.words import a_gap, listed
from bartizan.core.model import PolicyView, ServiceView
from bartizan.core.pki.profile import surely_selects
from bartizan.core.reasons import GapType


def leads_to(service: ServiceView, policy: PolicyView, pods: Iterable[PodShape]) -> bool:
    """Whether the Service has pods of the policy behind it, or will have: all of them, or one that runs."""
    if surely_selects(service, policy):
        return True
    if service.namespace != policy.namespace or not service.selector:
        return False
    wanted = service.selector.items()
    return any(is_mine(policy, pod) and wanted <= dict(pod.labels).items() for pod in pods)


def service_gaps(declared: KubeObject, services: Iterable[ServiceView]) -> Iterator[GapStatus]:
    """Yield the gaps that Services in front of the policy's pods are. `declared` is its NetworkPolicy.

    A Service that keeps the client's address, of a policy that admits clients by address, is none: it is what was declared.
    """
    by_address = _admits_addresses(declared)
    for service in services:
        if service.type == "ExternalName" or (service.keeps_client and by_address):
            continue
        what = f"Service {service.namespace}/{service.name}"
        if service.type == "LoadBalancer":
            message = f"its load balancer leads {listed(service.ports)} to the pods from outside, {_seen(service)}"
            yield a_gap(GapType.BYPASS_BY_LOAD_BALANCER, what, message)
        if service.node_ports or service.type == "NodePort":
            ports = listed(service.node_ports) or "a port"
            message = f"{ports} of every node leads to the pods, {_seen(service)}"
            yield a_gap(GapType.BYPASS_BY_NODE_PORT, what, message)
        if service.external_ips:
            message = (
                f"whatever the cluster's nodes get for {listed(service.external_ips)} on {listed(service.ports)} leads to "
                f"the pods, {_seen(service)}"
            )
            yield a_gap(GapType.BYPASS_BY_EXTERNAL_IPS, what, message)


def ingress_gaps(services: Iterable[ServiceView], ingresses: Iterable[IngressView]) -> Iterator[GapStatus]:
    """Yield the gaps that Ingresses to one of the policy's Services are."""
    names = {service.name for service in services}
    for ingress in ingresses:
        reached = sorted(ingress.services & names)
        if reached:
            message = f"it leads clients of its controller to Service {', '.join(reached)}, past any gateway"
            yield a_gap(GapType.BYPASS_BY_INGRESS, f"Ingress {ingress.namespace}/{ingress.name}", message)


def host_port_gaps(pods: Iterable[PodShape]) -> Iterator[GapStatus]:
    """Yield the gaps that ports of nodes on the policy's pods are."""
    for pod in pods:
        if pod.host_ports:
            message = (
                f"{listed(pod.host_ports)} of the node leads to the pod, past any Service; who calls by way of the node may "
                "bear the node's address"
            )
            yield a_gap(GapType.BYPASS_BY_HOST_PORT, pod.origin, message)


def _admits_addresses(declared: KubeObject) -> bool:
    rules = declared["spec"].get("ingress") or []
    return any("ipBlock" in peer for rule in rules for peer in rule["from"])


def _seen(service: ServiceView) -> str:
    if service.keeps_client:
        return "past any gateway; only the NetworkPolicy stands in the way"
    return "past any gateway; the pods see a node's address instead of the client's"

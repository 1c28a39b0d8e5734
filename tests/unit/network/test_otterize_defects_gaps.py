"""Otterize's defects that are about exposure, each as an acceptance test of ours (D1, D2, D4, D15)."""

from dataclasses import replace

from bartizan.core.gaps.find import find_gaps
from bartizan.core.gaps.pods import PodShape
from bartizan.core.gaps.surroundings import IngressView, Surroundings, foreign
from bartizan.core.network.compile import compile_network
from bartizan.core.network.semantics import Endpoint, ExternalEndpoint, Flow, allows
from bartizan.core.views import read_service
from unit.network.building import HTTP, a_policy, a_world

ORDERS = a_policy("shop/orders", ports=[HTTP], ingress=[{"from": {"service": "web"}}])
WEB = a_policy("shop/web", egress=[{"to": {"service": "orders"}}])
POD = PodShape(namespace="shop", origin="Deployment shop/orders", labels=(("app", "orders"),))
DOORS = {
    "NodePort": {"type": "NodePort", "ports": [{"port": 80, "targetPort": 8080, "nodePort": 30080}]},
    "LoadBalancer": {"type": "LoadBalancer", "ports": [{"port": 80, "targetPort": 8080}]},
    "externalIPs": {"ports": [{"port": 80, "targetPort": 8080}], "externalIPs": ["203.0.113.7"]},
}


def exposed(policy, *doors):
    """Return the NetworkPolicy of a policy with such Services and an Ingress in front, and its gaps' types."""
    services = [
        read_service(
            {"metadata": {"namespace": "shop", "name": door}, "spec": {**DOORS[door], "selector": {"app": "orders"}}}
        )
        for door in doors
    ]
    snapshot = replace(a_world(policy, WEB), services=tuple(services))
    ingress = IngressView(namespace="shop", name="public", services=frozenset(doors))
    written = compile_network(policy, snapshot).network_policy
    gaps = find_gaps(policy, written, snapshot, Surroundings(pods=(POD,), ingresses=(ingress,) if doors else ()))
    return written, [gap.type for gap in gaps]


def test_d2_exposing_a_service_opens_nothing_and_is_told():
    """A Service or an Ingress that opens a door changes not one rule: no source becomes allowed, and each door is a gap."""
    closed, none = exposed(ORDERS)
    opened, gaps = exposed(ORDERS, *DOORS)
    assert (opened, none) == (closed, [])
    assert gaps == ["BypassByNodePort", "BypassByLoadBalancer", "BypassByExternalIPs", "BypassByIngress"]


def test_d4_no_declared_edge_means_closed_also_for_a_service_that_is_exposed():
    """Without ingress and egress rules a load balancer in front lets nobody in and the pods let nothing out."""
    written, _ = exposed(a_policy("shop/orders", ports=[HTTP]), "LoadBalancer")
    pod = Endpoint(namespace="shop", name="orders", ip="10.244.0.9", labels={"app": "orders"})
    outside = ExternalEndpoint(ip="203.0.113.9")
    for source, destination in ((outside, pod), (pod, outside)):
        flow = Flow(source=source, destination=destination, port=8080)
        assert not allows(flow, [written]).allowed


def test_d15_the_port_of_a_service_is_not_opened_beside_the_pods_own():
    """A Service that maps 80 to 8080 opens 8080 and not 80, whatever its type."""
    written, _ = exposed(ORDERS, *DOORS)
    assert [rule["ports"] for rule in written["spec"]["ingress"]] == [[{"protocol": "TCP", "port": 8080}]]


def test_d1_labels_put_on_a_foreign_policy_do_not_hide_it():
    """A NetworkPolicy that copies bartizan's labels and opens the service is a gap like any other."""
    snapshot = a_world(ORDERS, WEB)
    labels = compile_network(ORDERS, snapshot).network_policy["metadata"]["labels"]
    posing = {
        "kind": "NetworkPolicy",
        "metadata": {"namespace": "shop", "name": "theirs", "labels": labels},
        "spec": {"podSelector": {}, "ingress": [{}]},
    }
    around = Surroundings(network_policies=foreign([posing], snapshot.policies), pods=(POD,))
    (gap,) = find_gaps(ORDERS, compile_network(ORDERS, snapshot).network_policy, snapshot, around)
    assert (gap.type, gap.object) == ("ForeignAllow", "NetworkPolicy shop/theirs")

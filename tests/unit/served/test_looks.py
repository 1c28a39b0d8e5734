"""Whom a probe asks for certificates."""

from dataclasses import replace
from datetime import UTC, datetime

from bartizan.api.v1alpha1 import ServedSighting
from bartizan.core.network.compile import compile_network
from bartizan.core.network.probing import Landscape, ready_pods
from bartizan.core.network.semantics import Endpoint
from bartizan.core.served.looks import MOST_LOOKS, asked_ports, looks, sightings
from bartizan.testing import a_pod, a_policy_view, a_snapshot

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HTTP, ADMIN = {"name": "http", "port": 8443}, {"name": "admin", "port": 9000}
PORTS = [HTTP, ADMIN, {"name": "udp", "port": 53, "protocol": "UDP"}, {"name": "named", "port": "web"}]
ORDERS = a_policy_view("orders", network={"ports": PORTS, "ingress": [{"from": {"service": "web"}, "ports": ["http"]}]})
WEB = a_policy_view("web", network={"ports": [HTTP], "egress": [{"to": {"service": "orders"}}]})
OTHER = a_policy_view("other", network={"ports": [HTTP], "ingress": [{"from": {"service": "web"}}]})


def running(name, number):
    """A ready pod of the policy of that name."""
    pod = a_pod(f"{name}-{number}", labels={"app": name})
    pod["metadata"]["uid"] = f"uid-{name}-{number}"
    return {**pod, "status": {"podIP": f"10.0.{number}.1", "conditions": [{"type": "Ready", "status": "True"}]}}


def a_landscape(*policies, pods) -> Landscape:
    """The policies with their own NetworkPolicies in force."""
    around = {"shop": {"kubernetes.io/metadata.name": "shop"}}
    snapshot = a_snapshot(*policies)
    return Landscape(
        policies={policy.key: policy for policy in policies},
        network_policies={"shop": tuple(compile_network(policy, snapshot).network_policy for policy in policies)},
        namespace_labels=around,
        pods=ready_pods(policies, pods, around),
        witness=Endpoint(namespace="bartizan-system", name="prober", ip="10.9.9.9"),
        witness_port=9097,
    )


def asked(found):
    """Which pods are asked on which ports."""
    return sorted((look.pod.name, look.port.first) for look in found)


def test_all_pods_of_called_services_are_asked_on_their_open_ports():
    """Every replica, on the ports that the caller may reach, and nobody whom it may not call."""
    pods = [running("orders", 1), running("orders", 2), running("web", 3), running("other", 4)]
    landscape = a_landscape(WEB, ORDERS, OTHER, pods=pods)
    assert asked(looks(WEB, {"app": "web"}, landscape, turn=1)) == [("orders-1", 8443), ("orders-2", 8443)]
    assert asked(looks(ORDERS, {"app": "orders"}, landscape, turn=1)) == []


def test_the_port_that_confirms_is_the_one_that_is_asked():
    """A policy that names its TLS port is asked there and nowhere else; without one every TCP port of a known number is."""
    mtls = {"onRotation": {"confirm": {"port": "admin"}}}
    named = a_policy_view("orders", network={"ports": PORTS}, mtls=mtls)
    assert [port.first for port in asked_ports(ORDERS)] == [8443, 9000]
    assert [port.first for port in asked_ports(named)] == [9000]


def test_many_pods_are_asked_in_turn():
    """No more than fit into an answer, and after some runs every pod was among them."""
    pods = [running("orders", n) for n in range(1, 51)]
    landscape = a_landscape(WEB, ORDERS, pods=pods)
    rounds = [asked(looks(WEB, {"app": "web"}, landscape, turn=turn)) for turn in range(30)]
    assert {len(found) for found in rounds} == {MOST_LOOKS}
    assert len({one for found in rounds for one in found}) == 50


def plain(uid, **changes):
    """What was seen of a pod that does not speak TLS."""
    seen = ServedSighting(of="shop/orders", pod="x", uid=uid, port="8443/TCP", at=NOW, seen="NotTLS")
    return seen.model_copy(update=changes)


def test_what_is_not_tls_is_remembered_as_long_as_its_pod_lives():
    """A pod that answered in plain text stays in the report and is not asked again; a successor is."""
    landscape = a_landscape(WEB, ORDERS, pods=[running("orders", 1), running("orders", 2)])
    before = (plain("uid-orders-1"), plain("uid-of-old"), plain("uid-orders-2", seen="Unclear"))
    found = looks(WEB, {"app": "web"}, landscape, turn=1, before=before)
    assert asked(found) == [("orders-2", 8443)]
    later = replace(landscape)
    told = sightings(found, ["unclear"], later, at=NOW, before=before)
    assert [(one.uid, one.seen) for one in told] == [("uid-orders-2", "Unclear"), ("uid-orders-1", "NotTLS")]

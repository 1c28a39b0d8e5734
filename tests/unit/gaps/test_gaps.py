"""Gaps from Services, Ingresses, pods and peers, as whole values."""

import re
from pathlib import Path

import pytest

from bartizan.core.gaps.find import find_gaps
from bartizan.core.gaps.pods import Mesh, PodShape, read_pod, slim, slim_pod
from bartizan.core.gaps.reference import reference
from bartizan.core.gaps.surroundings import IngressView, Surroundings, read_ingress
from bartizan.core.gaps.words import FIXES, MEANINGS
from bartizan.core.model import ServiceView
from bartizan.core.network.compile import compile_network
from bartizan.core.reasons import GapType
from bartizan.core.views import read_service
from bartizan.testing import a_pod, a_policy_view, a_snapshot

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "gaps.md"
HTTP = {"name": "http", "port": 8080}
RUNNER = {"workload": {"namespace": "tools", "selector": {"matchLabels": {"app": "runner"}}}}
PAST = "past any gateway; the pods see a node's address instead of the client's"
ONLY = "past any gateway; only the NetworkPolicy stands in the way"


def found(*, services=(), pods=(), ingresses=(), network=None):
    """Return type, object and message of each gap of policy orders."""
    policy = a_policy_view(network={"ports": [HTTP], **(network or {})})
    snapshot = a_snapshot(policy, services=services)
    around = Surroundings(pods=tuple(pods), ingresses=tuple(ingresses))
    gaps = find_gaps(policy, compile_network(policy, snapshot).network_policy, snapshot, around)
    assert [gap.fix for gap in gaps] == [FIXES[GapType(gap.type)] for gap in gaps]
    return [(gap.type, gap.object, gap.message) for gap in gaps]


def service(spec, name="orders", selector=None):
    """Return the view of a Service in front of orders."""
    chosen = {"app": "orders"} if selector is None else selector
    return read_service({"metadata": {"name": name, "namespace": "shop"}, "spec": {"selector": chosen, **spec}})


def shape(**parts):
    """Return pods of orders."""
    return PodShape(
        **{"namespace": "shop", "origin": "Deployment shop/orders", "labels": (("app", "orders"),), **parts}
    )


PORTS = {"ports": [{"port": 80, "nodePort": 30080}, {"port": 443, "protocol": "TCP", "nodePort": 30443}]}
LOCAL = {"externalTrafficPolicy": "Local"}
ADMITS = {"ingress": [{"from": {"cidr": "203.0.113.0/24"}}]}
AGENT = PodShape(namespace="tools", origin="DaemonSet tools/agent", labels=(("app", "runner"),), host_network=True)
CASES = {
    "a Service inside the cluster": ({"services": [service({"ports": [{"port": 80}]})]}, []),
    "NodePort": (
        {"services": [service({"type": "NodePort", **PORTS})]},
        [("BypassByNodePort", "Service shop/orders", f"30080/TCP, 30443/TCP of every node leads to the pods, {PAST}")],
    ),
    "a load balancer, with the node ports it brings": (
        {"services": [service({"type": "LoadBalancer", **PORTS})]},
        [
            (
                "BypassByNodePort",
                "Service shop/orders",
                f"30080/TCP, 30443/TCP of every node leads to the pods, {PAST}",
            ),
            (
                "BypassByLoadBalancer",
                "Service shop/orders",
                f"its load balancer leads 443/TCP, 80/TCP to the pods from outside, {PAST}",
            ),
        ],
    ),
    "external addresses": (
        {"services": [service({"ports": [{"port": 80}], "externalIPs": ["203.0.113.7"]})]},
        [
            (
                "BypassByExternalIPs",
                "Service shop/orders",
                f"whatever the cluster's nodes get for 203.0.113.7 on 80/TCP leads to the pods, {PAST}",
            )
        ],
    ),
    "clients keep their address, and none is declared": (
        {"services": [service({"type": "NodePort", **LOCAL, "ports": [{"port": 80, "nodePort": 30080}]})]},
        [("BypassByNodePort", "Service shop/orders", f"30080/TCP of every node leads to the pods, {ONLY}")],
    ),
    "clients keep their address, and the policy names addresses": (
        {"services": [service({"type": "NodePort", **LOCAL, **PORTS})], "network": ADMITS},
        [],
    ),
    "addresses are declared but the node hides them": (
        {"services": [service({"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080}]})], "network": ADMITS},
        [("BypassByNodePort", "Service shop/orders", f"30080/TCP of every node leads to the pods, {PAST}")],
    ),
    "an alias of a name": ({"services": [service({"type": "ExternalName", "externalIPs": ["203.0.113.7"]})]}, []),
    "another service's Service": ({"services": [service({"type": "NodePort"}, selector={"app": "web"})]}, []),
    "a Service that selects by what only running pods have": (
        {
            "services": [service({"type": "NodePort"}, selector={"track": "stable"})],
            "pods": [shape(labels=(("app", "orders"), ("track", "stable")))],
        },
        [("BypassByNodePort", "Service shop/orders", f"a port of every node leads to the pods, {PAST}")],
    ),
    "a Service without selector": ({"services": [service({"type": "NodePort"}, selector={})]}, []),
    "a port of the node": (
        {"pods": [shape(host_ports=("8080/TCP",))]},
        [
            (
                "BypassByHostPort",
                "Deployment shop/orders",
                "8080/TCP of the node leads to the pod, past any Service; who calls by way of the node may bear the node's address",
            )
        ],
    ),
    "an Ingress to its Service, and one to another": (
        {
            "services": [service({})],
            "ingresses": [
                IngressView(namespace="shop", name="public", services=frozenset({"orders", "web"})),
                IngressView(namespace="shop", name="other", services=frozenset({"web"})),
            ],
        },
        [
            (
                "BypassByIngress",
                "Ingress shop/public",
                "it leads clients of its controller to Service orders, past any gateway",
            )
        ],
    ),
    "its own pods on the node's network": (
        {"pods": [shape(host_network=True)]},
        [
            (
                "HostNetworkPeer",
                "Deployment shop/orders",
                "the service's own pods are on their node's network: no NetworkPolicy holds for them, either way",
            )
        ],
    ),
    "a peer by labels, some of it on the node's network": (
        {"pods": [AGENT], "network": {"ingress": [{"from": RUNNER}]}},
        [
            (
                "HostNetworkPeer",
                "DaemonSet tools/agent",
                "it bears the labels of a declared peer but its node's address: the edge does not hold for it",
            ),
            (
                "UnverifiedPeer",
                "Namespace tools",
                "a rule trusts pods with app=runner: whoever may make pods in namespace tools can put these labels on one",
            ),
        ],
    ),
    "pods on their node's network that nobody names": ({"pods": [AGENT]}, []),
    "the same peer both ways is one gap": (
        {"network": {"ingress": [{"from": RUNNER}], "egress": [{"to": RUNNER, "ports": [{"port": 1}]}]}},
        [
            (
                "UnverifiedPeer",
                "Namespace tools",
                "a rule trusts pods with app=runner: whoever may make pods in namespace tools can put these labels on one",
            )
        ],
    ),
    "a peer by labels whose rule has ended": (
        {"pods": [AGENT], "network": {"ingress": [{"from": RUNNER, "until": "2020-01-01T00:00:00Z"}]}},
        [],
    ),
    "pods in a mesh": (
        {"pods": [shape(mesh=Mesh.AMBIENT)]},
        [
            (
                "PortFilterVoidByMesh",
                "Deployment shop/orders",
                "Istio ambient: port 15008/TCP carries all traffic between meshed pods, and NetworkPolicies see that port only: closed, none of it passes; open, all ports do",
            )
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_hole_is_named_with_object_and_fix(case):
    """What is around the policy gives exactly these gaps."""
    around, expected = CASES[case]
    assert found(**around) == expected


PODS = {
    "plain": (a_pod(), PodShape(namespace="shop", origin="Pod shop/orders-0", labels=(("app", "orders"),))),
    "a port of the node, and names": (
        a_pod(
            containers=[
                {"name": "a", "ports": [{"containerPort": 80, "hostPort": 8080, "name": "http"}]},
                {"name": "b", "ports": [{"containerPort": 53, "hostPort": 53, "protocol": "UDP"}]},
            ]
        ),
        shape(origin="Pod shop/orders-0", host_ports=("53/UDP", "8080/TCP"), named_ports=(("http", 80, "TCP"),)),
    ),
    "the node's network, where the API server fills hostPort in": (
        a_pod(hostNetwork=True, containers=[{"name": "a", "ports": [{"containerPort": 80, "hostPort": 80}]}]),
        shape(origin="Pod shop/orders-0", host_network=True),
    ),
    "ambient by annotation": (
        a_pod(annotations={"ambient.istio.io/redirection": "enabled"}),
        shape(origin="Pod shop/orders-0", mesh=Mesh.AMBIENT),
    ),
    "ambient by label": (
        a_pod(labels={"istio.io/dataplane-mode": "ambient"}),
        shape(origin="Pod shop/orders-0", mesh=Mesh.AMBIENT, labels=(("istio.io/dataplane-mode", "ambient"),)),
    ),
    "a native sidecar of Istio": (
        a_pod(initContainers=[{"name": "istio-proxy", "restartPolicy": "Always"}]),
        shape(origin="Pod shop/orders-0", mesh=Mesh.SIDECAR),
    ),
    "Linkerd": (
        a_pod(containers=[{"name": "app"}, {"name": "linkerd-proxy"}]),
        shape(origin="Pod shop/orders-0", mesh=Mesh.LINKERD),
    ),
}


@pytest.mark.parametrize("case", PODS)
def test_a_slimmed_pod_reads_like_the_whole_one(case):
    """What is dropped before a pod is kept makes no difference to what is read of it."""
    pod, expected = PODS[case]
    assert (read_pod(pod), read_pod(slim_pod(pod))) == (expected, expected)


def test_a_pod_is_slimmed_to_what_is_read():
    """Environment, images, volumes and annotations are not kept; other kinds are."""
    pod = a_pod(
        labels={"app": "orders", "pod-template-hash": "abc"},
        annotations={"vault": "secret"},
        containers=[{"name": "a", "image": "x", "env": [{"name": "PASSWORD", "value": "hunter2"}]}],
        volumes=[{"name": "v"}],
    )
    pod["metadata"] |= {
        "uid": "1",
        "resourceVersion": "7",
        "managedFields": [{}],
        "ownerReferences": [{"kind": "ReplicaSet", "name": "orders-abc", "controller": True}],
    }
    assert slim(pod) == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "orders-0",
            "namespace": "shop",
            "uid": "1",
            "resourceVersion": "7",
            "labels": {"app": "orders", "pod-template-hash": "abc"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": "orders-abc", "controller": True}],
        },
        "spec": {},
        "status": {"phase": ""},
    }
    assert read_pod(slim(pod)).origin == "Deployment shop/orders"
    assert read_pod({**pod, "status": {"phase": "Succeeded"}}) is None
    other = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}}
    assert slim(other) is other


def test_an_ingress_names_its_services():
    """Default backend and paths count; resource backends and rules without paths don't hold it up."""
    spec = {
        "defaultBackend": {"service": {"name": "a"}},
        "rules": [
            {"host": "x"},
            {"http": {"paths": [{"backend": {"service": {"name": "b"}}}, {"backend": {"resource": {}}}]}},
        ],
    }
    item = {"metadata": {"namespace": "shop", "name": "i"}, "spec": spec}
    assert read_ingress(item) == IngressView(namespace="shop", name="i", services=frozenset({"a", "b"}))


def test_a_service_is_read_with_its_ways_from_outside():
    """Type, ports, node ports, external addresses and whether clients keep their address."""
    spec = {"type": "NodePort", **PORTS, **LOCAL, "externalIPs": ["b", "a"]}
    assert service(spec) == ServiceView(
        namespace="shop",
        name="orders",
        selector={"app": "orders"},
        type="NodePort",
        ports=("443/TCP", "80/TCP"),
        node_ports=("30080/TCP", "30443/TCP"),
        external_ips=("a", "b"),
        keeps_client=True,
    )


def test_every_type_has_a_meaning_and_a_fix_and_the_reference_holds_them():
    """docs/reference/gaps.md is the rendered one and names each type once, in its own section."""
    assert set(MEANINGS) == set(FIXES) == set(GapType)
    page = PAGE.read_text(encoding="utf-8")
    assert page == reference()
    assert re.findall(r"^## (\w+)$", page, re.MULTILINE) == [kind.value for kind in GapType]

"""Gaps over the API server in memory: they come and go with what makes them, and nothing is written for what does not matter."""

import pytest

from bartizan.api.kinds import INGRESS, NETWORK_POLICY, POLICY
from bartizan.core.model import ObjectRef
from bartizan.testing import a_namespace, a_pod, a_policy, a_service

RUNNER = {"workload": {"namespace": "tools", "selector": {"matchLabels": {"app": "runner"}}}}
EDGES = {"ports": [{"name": "http", "port": 8080}], "ingress": [{"from": RUNNER}]}
STATUS = ("apply-status", "ServiceSecurityPolicy", "shop/orders", "bartizan/status")
UNVERIFIED = ("UnverifiedPeer", "Namespace tools")


def ref(kind, name, namespace="shop"):
    """Return where an object is."""
    return ObjectRef(api_version=kind.api_version, kind=kind.kind, namespace=namespace, name=name)


def gaps(cluster):
    """Return type and object of the gaps of policy orders, and the count."""
    status = cluster.kube.peek(ref(POLICY, "orders"))["status"]
    return [(gap["type"], gap["object"]) for gap in status.get("gaps", ())], status["summary"]["gaps"]


def a_foreign_policy(name="theirs", rules=({},)):
    """Return a NetworkPolicy that opens orders, or with other rules does something else."""
    return {
        "apiVersion": NETWORK_POLICY.api_version,
        "kind": NETWORK_POLICY.kind,
        "metadata": {"name": name, "namespace": "shop", "labels": {"bartizan.dev/policy": "web"}},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": list(rules)},
    }


def an_ingress():
    """Return an Ingress to Service orders."""
    return {
        "apiVersion": INGRESS.api_version,
        "kind": INGRESS.kind,
        "metadata": {"name": "public", "namespace": "shop"},
        "spec": {"defaultBackend": {"service": {"name": "orders", "port": {"number": 80}}}},
    }


def a_node_port():
    """Return a Service of type NodePort to orders."""
    service = a_service("door", selector={"app": "orders"})
    return {**service, "spec": {**service["spec"], "type": "NodePort"}}


def on_the_node(name, namespace, app):
    """Return a pod on its node's network."""
    return a_pod(name, namespace, labels={"app": app}, hostNetwork=True)


CASES = {
    "a foreign NetworkPolicy": (a_foreign_policy(), ("ForeignAllow", "NetworkPolicy shop/theirs")),
    "one that is called as the policy is": (a_foreign_policy("orders"), ("ForeignAllow", "NetworkPolicy shop/orders")),
    "a Service": (a_node_port(), ("BypassByNodePort", "Service shop/door")),
    "an Ingress": (an_ingress(), ("BypassByIngress", "Ingress shop/public")),
    "a pod of the service": (on_the_node("orders-0", "shop", "orders"), ("HostNetworkPeer", "Pod shop/orders-0")),
    "a pod of a peer elsewhere": (on_the_node("agent", "tools", "runner"), ("HostNetworkPeer", "Pod tools/agent")),
    "a pod with a port of its node": (
        a_pod(containers=[{"name": "a", "image": "x", "ports": [{"containerPort": 80, "hostPort": 80}]}]),
        ("BypassByHostPort", "Pod shop/orders-0"),
    ),
    "a pod in a mesh": (
        a_pod(annotations={"ambient.istio.io/redirection": "enabled"}),
        ("PortFilterVoidByMesh", "Pod shop/orders-0"),
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_a_gap_comes_and_goes_with_what_makes_it(rig, case):
    """Within seconds of the object's coming the gap is in the status, and within seconds of its going it is not."""
    item, gap = CASES[case]
    async with rig(a_namespace(), a_namespace("tools", None), a_service(), a_policy(network=EDGES)) as cluster:
        assert gaps(cluster) == ([UNVERIFIED], 1)
        cluster.kube.put(item)
        await cluster.settle()
        found, count = gaps(cluster)
        assert (sorted(found), count) == (sorted([gap, UNVERIFIED]), 2)
        cluster.kube.remove(ObjectRef.of(item))
        await cluster.settle()
        assert gaps(cluster) == ([UNVERIFIED], 1)


async def test_pods_that_change_nothing_write_nothing(rig):
    """A rollout of a hundred plain pods, and status updates of all, lead to no write and to few looks."""
    async with rig(a_namespace(), a_policy(network=EDGES)) as cluster:
        cluster.said()
        for number in range(100):
            cluster.kube.put(a_pod(f"orders-{number}"))
        await cluster.settle()
        for number in range(100):
            cluster.kube.put({**a_pod(f"orders-{number}"), "status": {"phase": "Running", "podIP": f"10.0.0.{number}"}})
        await cluster.settle()
        assert cluster.said() == []


async def test_many_changes_at_once_are_one_status(rig):
    """Twenty pods that open doors together are told in one write."""
    async with rig(a_namespace(), a_policy(network=EDGES)) as cluster:
        cluster.said()
        for number in range(20):
            cluster.kube.put(on_the_node(f"orders-{number}", "shop", "orders"))
        await cluster.settle()
        assert cluster.said() == [STATUS]
        assert gaps(cluster)[1] == 21


async def test_more_than_fifty_gaps_are_counted(rig):
    """The status lists fifty and counts all."""
    pods = [on_the_node(f"orders-{number}", "shop", "orders") for number in range(60)]
    async with rig(a_namespace(), a_policy(network=EDGES), *pods) as cluster:
        found, count = gaps(cluster)
        assert (len(found), count) == (50, 61)


async def test_one_in_the_place_of_another_policy_s_is_told_to_all(rig):
    """Who holds the name that another policy's NetworkPolicy would bear, and opens it, is found within seconds as well."""
    name = "ssp-web"
    closed, web = a_foreign_policy(name, rules=()), a_policy("web")
    async with rig(a_namespace(), a_policy(network=EDGES), closed, web) as cluster:
        assert gaps(cluster) == ([UNVERIFIED], 1)
        cluster.kube.put(a_foreign_policy(name))
        await cluster.settle()
        assert gaps(cluster) == ([("ForeignAllow", "NetworkPolicy shop/ssp-web"), UNVERIFIED], 2)
        cluster.kube.put(closed)
        await cluster.settle()
        assert gaps(cluster) == ([UNVERIFIED], 1)


async def test_somebody_else_s_isolation_is_left_alone_and_told(rig):
    """A NetworkPolicy called bartizan-baseline that bartizan did not make is neither taken over nor overlooked."""
    posing = a_foreign_policy()
    posing["metadata"] = {"name": "bartizan-baseline", "namespace": "shop"}
    async with rig(a_namespace(), a_policy(network=EDGES), posing) as cluster:
        assert gaps(cluster)[0] == [("ForeignAllow", "NetworkPolicy shop/bartizan-baseline"), UNVERIFIED]
        assert cluster.kube.peek(ref(NETWORK_POLICY, "bartizan-baseline"))["spec"] == posing["spec"]

"""Gaps on a real API server: each object that opens a way past a policy is told while it exists, and only then."""

import pytest

from bartizan.api.kinds import INGRESS, NAMESPACE, NETWORK_POLICY, POD, POLICY, SERVICE

pytestmark = [pytest.mark.api, pytest.mark.timeout(180)]
SYSTEM = "gap-system"
NS = "gap-shop"
TOOLS = "gap-tools"
RUNNER = {"workload": {"namespace": TOOLS, "selector": {"matchLabels": {"app": "runner"}}}}
UNVERIFIED = ("UnverifiedPeer", f"Namespace {TOOLS}")
BEHIND = {"selector": {"app": "orders"}, "ports": [{"port": 80, "targetPort": 8080}]}


def an_object(kind, name, spec, *, namespace=NS, labels=None, annotations=None):
    """Return an object as its author would apply it."""
    meta = {"name": name, "namespace": namespace, "labels": labels or {}, "annotations": annotations or {}}
    return kind, {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, "spec": spec}


def a_pod(name, *, namespace=NS, app="orders", annotations=None, ports=(), **spec):
    """Return a pod that no node ever runs."""
    container = {"name": "app", "image": "registry.example/app:1", "ports": list(ports)}
    whole = {"containers": [container], "automountServiceAccountToken": False, **spec}
    return an_object(POD, name, whole, namespace=namespace, labels={"app": app}, annotations=annotations)


HOST_PORT = {"containerPort": 8080, "hostPort": 18080, "protocol": "TCP"}
AMBIENT = {"ambient.istio.io/redirection": "enabled"}
OPENS = {"podSelector": {"matchLabels": {"app": "orders"}}, "policyTypes": ["Ingress"], "ingress": [{}]}
BACKEND = {"defaultBackend": {"service": {"name": "orders", "port": {"number": 80}}}}
CASES = [
    (an_object(NETWORK_POLICY, "theirs", OPENS), ["ForeignAllow"]),
    (an_object(SERVICE, "node", {**BEHIND, "type": "NodePort"}), ["BypassByNodePort"]),
    (an_object(SERVICE, "lb", {**BEHIND, "type": "LoadBalancer"}), ["BypassByLoadBalancer", "BypassByNodePort"]),
    (an_object(SERVICE, "addresses", {**BEHIND, "externalIPs": ["203.0.113.7"]}), ["BypassByExternalIPs"]),
    (an_object(INGRESS, "public", BACKEND), ["BypassByIngress"]),
    (a_pod("door", ports=[HOST_PORT]), ["BypassByHostPort"]),
    (a_pod("own", hostNetwork=True), ["HostNetworkPeer"]),
    (a_pod("agent", namespace=TOOLS, app="runner", hostNetwork=True), ["HostNetworkPeer"]),
    (a_pod("meshed", annotations=AMBIENT), ["PortFilterVoidByMesh"]),
]


async def test_each_way_past_a_policy_is_told_while_it_exists(world, controller, until, trust_domain, policy):
    """Each object gives its gaps within seconds; deleted, it gives none; in between nothing else is told."""
    # Where only warnings are given, pods that the gate would refuse can exist.
    for name, mode in ((SYSTEM, None), (TOOLS, None), (NS, "warn")):
        await world.govern(name, mode)
    network = {"ports": [{"name": "http", "port": 8080}], "ingress": [{"from": RUNNER}]}
    _, behind = an_object(SERVICE, "orders", BEHIND)
    await world.put(trust_domain(), behind, policy("orders", NS, network=network))
    async with controller(SYSTEM) as process:

        async def told(expected):
            status = (await world.get(POLICY, "orders", NS)).get("status", {})
            found = sorted(gap["type"] for gap in status.get("gaps", ()))
            return found == sorted([*expected, UNVERIFIED[0]]) and status["summary"]["gaps"] == len(found)

        await until(lambda: told([]), within=40)
        for (kind, item), expected in CASES:
            meta = item["metadata"]
            await world.put(item)
            await until(lambda expected=expected: told(expected), within=10)
            await world.delete(kind, meta["name"], meta["namespace"])
            await until(lambda: told([]), within=60)
        assert await process.end() == 0
    # Both are the chart's, and no chart was installed.
    expected = {"no floors", "no webhook authority"}
    assert {line["event"] for line in process.lines() if line["level"] in {"error", "critical"}} <= expected
    for name in (NS, TOOLS):
        await world.delete(NAMESPACE, name)

"""What the controller makes of a SecurityBaseline that comes and goes."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bartizan.api.kinds import NODE, POLICY, POLICY_INDEX, SECURITY_BASELINE
from bartizan.controller.intake import Intake
from bartizan.controller.world import World
from bartizan.core.model import ObjectRef
from bartizan.core.views import NO_BASELINE
from bartizan.testing import a_namespace, a_policy

INTERNET = {"egress": [{"to": {"internet": {}}, "ports": [{"port": 443}]}]}
BEYOND = {
    "egress": [
        {"to": {"cloudMetadata": {}}, "reason": "identity"},
        {"to": {"fqdn": "api.example.com"}, "ports": [{"port": 443}]},
    ]
}
ORDERS = ObjectRef(api_version=POLICY.api_version, kind=POLICY.kind, namespace="shop", name="orders")
INDEX = ObjectRef(api_version=POLICY_INDEX.api_version, kind=POLICY_INDEX.kind, namespace="shop", name="index")
NODE_ONE = {"apiVersion": "v1", "kind": NODE.kind, "metadata": {"name": "one"}, "spec": {"podCIDR": "10.244.0.0/24"}}
FORBIDS = {"internet": "Forbid"}
DNS = {"namespace": "dns", "selector": {"matchLabels": {"app": "dns"}}}


def a_baseline(**network):
    """Return the SecurityBaseline that counts."""
    return {
        "apiVersion": SECURITY_BASELINE.api_version,
        "kind": SECURITY_BASELINE.kind,
        "metadata": {"name": "default", "generation": 1},
        "spec": {"network": network},
    }


def edge(cluster):
    """Return state, reason and message of the policy's one edge."""
    said = cluster.kube.peek(ORDERS)["status"]["edges"][0]
    return (said["state"], said.get("reason"), said.get("message", ""))


@pytest.mark.parametrize("network", [{}, FORBIDS], ids=["internet allowed before", "internet forbidden before"])
async def test_deleting_the_floors_closes_the_internet(rig, network):
    """Without a SecurityBaseline nothing beyond the cluster opens, and the edge says how to mend it."""
    item = a_baseline(**network)
    async with rig(item, NODE_ONE, a_namespace(), a_policy(network=INTERNET)) as cluster:
        before = edge(cluster)[0]
        cluster.kube.remove(ObjectRef.of(item))
        await cluster.settle()
        gone = edge(cluster)
        cluster.kube.put(a_baseline())
        await cluster.clock.advance(timedelta(seconds=5))
        assert (before, gone, edge(cluster)[0]) == (
            "Denied" if network else "Applied",
            ("Denied", "ForbiddenByBaseline", NO_BASELINE),
            "Applied",
        )


async def test_floors_that_never_were_are_an_error_in_the_log(rig):
    """A controller that starts without a SecurityBaseline closes the internet and says so once."""
    with capture_logs() as logs:
        async with rig(NODE_ONE, a_namespace(), a_policy(network=INTERNET)) as cluster:
            assert edge(cluster)[1] == "ForbiddenByBaseline"
    assert [line["error"] for line in logs if line["event"] == "no floors"] == [NO_BASELINE]


async def test_neither_names_nor_metadata_open_without_floors(rig):
    """The list of forbidden names and the word on metadata are unknown, so neither opens."""
    async with rig(NODE_ONE, a_namespace(), a_policy(network=BEYOND)) as cluster:
        edges = cluster.kube.peek(ORDERS)["status"]["edges"]
        said = [(one["state"], one["reason"], one["message"]) for one in edges]
        denied = ("Denied", "ForbiddenByBaseline")
        assert said == [(*denied, f"{NO_BASELINE}; identity"), (*denied, NO_BASELINE)]


def test_dns_outlives_the_floors():
    """What was known of the cluster's DNS stays when the object that said it goes."""
    world = World(release_namespace="bartizan-system")
    intake = Intake(world, lambda _: None)
    intake.seen(a_baseline(dns=DNS))
    ref = ObjectRef.of(a_baseline(dns=DNS))
    world.store.delete(ref)
    intake.changed(ref)
    snapshot = world.snapshot()
    network = snapshot.baseline.network
    assert (snapshot.baseline_missing, network.internet, network.dns.namespace) == (True, "Forbid", "dns")


def held(cluster):
    """What the index holds pods without a policy to, and the pods of a policy that asks for little."""
    spec = cluster.kube.peek(INDEX)["spec"]
    entry = spec["buckets"]["app=orders"][0]
    return (spec["level"], spec["version"]), (entry["level"], entry["version"])


async def test_the_index_follows_the_floor_of_pods(rig):
    """A floor that is raised holds every policy's pods at once, and deleting the floors lowers nothing."""
    little = {"selector": {"matchLabels": {"app": "orders"}}, "podSecurity": {"level": "baseline", "version": "v1.30"}}
    low, high = a_baseline(), a_baseline()
    low["spec"]["podSecurity"] = {"level": "baseline", "version": "v1.24"}
    high["spec"]["podSecurity"] = {"level": "restricted", "version": "v1.34"}
    async with rig(low, NODE_ONE, a_namespace(), a_policy(workload=little)) as cluster:
        found = [held(cluster)]
        cluster.kube.put(high)
        await cluster.settle()
        found.append(held(cluster))
        cluster.kube.remove(ObjectRef.of(high))
        await cluster.settle()
        found.append(held(cluster))
    raised = (("restricted", 34), ("restricted", 34))
    assert found == [(("baseline", 24), ("baseline", 30)), raised, raised]


def test_floors_that_were_never_read_are_the_highest_level():
    """Before any SecurityBaseline is known pods are held to restricted, whatever their policies say."""
    assert World(release_namespace="bartizan-system").snapshot().baseline.pod_security.level == "restricted"

"""What the controller makes of a SecurityBaseline that comes and goes."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bartizan.api.kinds import NODE, POLICY, SECURITY_BASELINE
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
    intake.gone(a_baseline(dns=DNS))
    snapshot = world.snapshot()
    network = snapshot.baseline.network
    assert (snapshot.baseline_missing, network.internet, network.dns.namespace) == (True, "Forbid", "dns")

"""The network plugin's kinds come while the controller runs, carry edges, and go again."""

import pytest

from bartizan.api.kinds import (
    CILIUM_NETWORK_POLICY,
    CLUSTER_NETWORK_POLICY,
    NETWORK_POLICY,
    POLICY,
    SECURITY_BASELINE,
    Kind,
)
from bartizan.core.model import ObjectRef
from bartizan.testing import a_namespace, a_policy

MAILER = a_policy("mailer", network={"egress": [{"to": {"fqdn": "*.example.com"}, "ports": [{"port": 587}]}]})
PLAIN = a_policy("orders")
AFTER_A_QUESTION = 32
"""Seconds: discovery is asked again, and what follows from it is done."""


def at(kind: Kind, name: str) -> ObjectRef:
    """Return where an object is."""
    namespace = "shop" if kind.namespaced else ""
    return ObjectRef(api_version=kind.api_version, kind=kind.kind, namespace=namespace, name=name)


def a_baseline(**network):
    """The floors, without which no name is open."""
    meta = {"name": "default", "generation": 1}
    return {
        "apiVersion": SECURITY_BASELINE.api_version,
        "kind": SECURITY_BASELINE.kind,
        "metadata": meta,
        "spec": {"network": network},
    }


def install(kube, kind):
    """What installing a CRD does."""
    kube.also_served = {**kube.also_served, kind.api_version: frozenset({kind.plural})}


def uninstall(kube, kind):
    """What deleting a CRD does: its objects go first."""
    for ref in [ref for ref in kube._items if ref.kind == kind.kind]:
        kube.remove(ref)
    kube.also_served = {}


def edge(cluster):
    """State, reason and message of the mailer's edge."""
    (found,) = cluster.kube.peek(at(POLICY, "mailer"))["status"]["edges"]
    return found["state"], found.get("reason"), found.get("message", "")


def accept(cluster):
    """What Cilium says of the object."""
    item = cluster.kube.peek(at(CILIUM_NETWORK_POLICY, "ssp-mailer"))
    cluster.kube.put({**item, "status": {"conditions": [{"type": "Valid", "status": "True"}]}})


async def test_cilium_comes_accepts_and_goes(rig):
    """The object is written when the kind is served, the edge is applied when Cilium takes it, and is closed when all is gone."""
    async with rig(a_baseline(), a_namespace(), MAILER, PLAIN) as cluster:
        assert edge(cluster)[:2] == ("Denied", "Unsupported")
        install(cluster.kube, CILIUM_NETWORK_POLICY)
        cluster.said()
        await cluster.settle(AFTER_A_QUESTION)
        assert [write for write in cluster.said() if write[0] == "apply"] == [
            ("apply", "CiliumNetworkPolicy", "shop/ssp-mailer", "bartizan/networkpolicy")
        ]
        assert edge(cluster)[:2] == ("Degraded", "BackEndNotReady")
        accept(cluster)
        await cluster.settle()
        assert edge(cluster) == (
            "Applied",
            None,
            "by CiliumNetworkPolicy ssp-mailer; names of up to 4 further labels",
        )
        status = cluster.kube.peek(at(POLICY, "mailer"))["status"]
        assert [one["kind"] for one in status["emitted"]] == ["NetworkPolicy", "Secret", "CiliumNetworkPolicy"]
        assert status["capabilities"]["cilium"] is True
        uninstall(cluster.kube, CILIUM_NETWORK_POLICY)
        await cluster.settle(AFTER_A_QUESTION)
        assert edge(cluster)[:2] == ("Denied", "Unsupported")
        cluster.said()
        await cluster.settle(AFTER_A_QUESTION)
        assert cluster.said() == []


async def test_the_object_is_repaired_and_pruned(rig):
    """Somebody else's edit and deletion are undone; it goes with the edge, with enforcement and not with Cilium's word."""
    async with rig(a_baseline(), a_namespace(), MAILER) as cluster:
        install(cluster.kube, CILIUM_NETWORK_POLICY)
        await cluster.settle(AFTER_A_QUESTION)
        where = at(CILIUM_NETWORK_POLICY, "ssp-mailer")
        meant = cluster.kube.peek(where)["spec"]
        cluster.kube.put({**cluster.kube.peek(where), "spec": {**meant, "egress": [{"toEntities": ["all"]}]}})
        await cluster.settle()
        assert cluster.kube.peek(where)["spec"] == meant
        cluster.kube.remove(where)
        await cluster.settle()
        assert cluster.kube.peek(where)["spec"] == meant
        cluster.kube.put(a_namespace("shop", "audit"))
        await cluster.settle()
        assert cluster.kube.peek(where) is None
        cluster.kube.put(a_namespace())
        await cluster.settle()
        assert cluster.kube.peek(where) is not None
        cluster.kube.put(a_policy("mailer", generation=2))
        await cluster.settle()
        assert cluster.kube.peek(where) is None


async def test_somebody_elses_object_is_left_alone_and_named(rig):
    """Nothing is written over it, and the edge says what is in the way."""
    async with rig(a_baseline(), a_namespace(), MAILER) as cluster:
        theirs = {
            "apiVersion": CILIUM_NETWORK_POLICY.api_version,
            "kind": CILIUM_NETWORK_POLICY.kind,
            "metadata": {"name": "ssp-mailer", "namespace": "shop"},
            "spec": {"endpointSelector": {}, "egress": [{"toEntities": ["world"]}]},
        }
        cluster.kube.put(theirs)
        install(cluster.kube, CILIUM_NETWORK_POLICY)
        await cluster.settle(AFTER_A_QUESTION)
        assert cluster.kube.peek(at(CILIUM_NETWORK_POLICY, "ssp-mailer"))["spec"] == theirs["spec"]
        assert edge(cluster)[2].endswith("exists that bartizan did not make: rename or delete it")


@pytest.mark.parametrize("first", [True, False], ids=["served from the start", "served later"])
async def test_the_tiers_hold_for_isolated_namespaces(rig, first):
    """Both objects name the namespace once it is isolated, repair themselves, outlast the isolation and end with the label."""
    async with rig(a_baseline(), a_namespace(), a_namespace("quiet", "audit"), PLAIN) as cluster:
        if first:
            cluster.leadership.take()
        install(cluster.kube, CLUSTER_NETWORK_POLICY)
        await cluster.settle(AFTER_A_QUESTION)
        if first:
            cluster.leadership.give()
            await cluster.settle()
        baseline, metadata = (at(CLUSTER_NETWORK_POLICY, f"bartizan-{name}") for name in ("baseline", "metadata"))
        tiers = [cluster.kube.peek(ref)["spec"]["tier"] for ref in (baseline, metadata)]
        assert tiers == ["Baseline", "Admin"]
        listed = cluster.kube.peek(baseline)["spec"]["subject"]["namespaces"]["matchExpressions"][0]["values"]
        assert listed == ["shop"]
        cluster.kube.remove(metadata)
        cluster.kube.remove(at(NETWORK_POLICY, "bartizan-baseline"))
        await cluster.settle()
        assert cluster.kube.peek(metadata) is not None
        cluster.said()
        await cluster.settle(5)
        assert cluster.said() == []
        cluster.kube.put(a_namespace("shop", None))
        await cluster.settle()
        assert (cluster.kube.peek(baseline), cluster.kube.peek(metadata)) == (None, None)


async def test_metadata_above_follows_the_floors(rig):
    """When the platform allows cloud metadata, the namespace of the policy that may reach it leaves the upper tier at once."""
    agent = a_policy("agent", network={"egress": [{"to": {"cloudMetadata": {}}, "reason": "workload identity"}]})
    async with rig(a_baseline(), a_namespace(), agent) as cluster:
        install(cluster.kube, CLUSTER_NETWORK_POLICY)
        await cluster.settle(AFTER_A_QUESTION)
        metadata = at(CLUSTER_NETWORK_POLICY, "bartizan-metadata")
        assert cluster.kube.peek(metadata) is not None
        cluster.kube.put(a_baseline(cloudMetadata="Allow"))
        await cluster.settle()
        assert cluster.kube.peek(metadata) is None
        assert cluster.kube.peek(at(CLUSTER_NETWORK_POLICY, "bartizan-baseline")) is not None

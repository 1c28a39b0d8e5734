"""The controller and the prober: access given and taken back, and proofs that come, age and go."""

from dataclasses import replace
from datetime import timedelta

from bartizan.api.kinds import NETWORK_POLICY, POLICY, ROLE_BINDING
from bartizan.controller.keys import namespace_key
from bartizan.controller.owners import owner_of
from bartizan.core.model import ObjectRef
from bartizan.core.namespace import NamespaceObserved, ServiceAccountRef, plan_namespace, probes_binding
from bartizan.core.reasons import Mode
from bartizan.testing import a_namespace, a_policy, a_snapshot

PORTS = {"ports": [{"name": "http", "port": 8080}]}
WEB = a_policy("web", network={"egress": [{"to": {"service": "orders"}}]})
ORDERS = a_policy("orders", network={**PORTS, "ingress": [{"from": {"service": "web"}}]})
CONTROLLER, PROBER = (
    ServiceAccountRef(namespace="bartizan-system", name=f"bartizan-{name}") for name in ("controller", "prober")
)


def at(kind, name):
    """Return where an object of shop is."""
    return ObjectRef(api_version=kind.api_version, kind=kind.kind, namespace="shop", name=name)


def status(cluster, name):
    """Return a policy's status."""
    return cluster.kube.peek(at(POLICY, name))["status"]


async def probe(cluster, name, *flows):
    """Write a report as the prober does: of what is in force now."""
    held = cluster.kube.peek(at(NETWORK_POLICY, f"ssp-{name}"))
    report = {
        "network": held["metadata"]["annotations"]["bartizan.dev/desired-hash"],
        "at": cluster.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "flows": [dict(zip(("to", "from", "port", "expected", "seen"), flow, strict=True)) for flow in flows],
    }
    report["flows"] = [{key: value for key, value in flow.items() if value} for flow in report["flows"]]
    meta = {"name": name, "namespace": "shop"}
    item = {"apiVersion": POLICY.api_version, "kind": POLICY.kind, "metadata": meta, "status": {"probes": report}}
    await cluster.kube.apply(item, manager="bartizan/probes", force=True, status=True)
    await cluster.settle()


ESCAPE = ("witness", "", "9097/TCP", "Closed", "Closed")
CALL = ("shop/orders", "", "8080/TCP", "Open", "Open")
ENTER = ("", "witness", "8080/TCP", "Closed", "Closed")


async def test_both_ends_learn_of_a_proof_whoever_was_probed_last(rig):
    """An edge is enforced at both ends as soon as both were probed, although only one of them changed."""
    async with rig(a_namespace(), WEB, ORDERS) as cluster:
        await probe(cluster, "web", CALL, ESCAPE)
        assert [edge["state"] for name in ("web", "orders") for edge in status(cluster, name)["edges"]] == [
            "Applied",
            "Applied",
        ]
        await probe(cluster, "orders", ESCAPE, ENTER)
        for name in ("web", "orders"):
            assert [edge["state"] for edge in status(cluster, name)["edges"]] == ["Enforced"]
            summary = status(cluster, name)["summary"]
            assert [summary[count] for count in ("edges", "applied", "enforced")] == [1, 1, 1]
            assert [c["reason"] for c in status(cluster, name)["conditions"] if c["type"] == "NetworkEnforced"] == [
                "Proven"
            ]


async def test_a_proof_ends_by_itself(rig):
    """Without a new probe the edge is applied again when the proof is too old, and what the prober said stays as it wrote it."""
    async with rig(a_namespace(), WEB, ORDERS) as cluster:
        await probe(cluster, "web", CALL, ESCAPE)
        await probe(cluster, "orders", ESCAPE, ENTER)
        said = status(cluster, "web")["probes"]
        await cluster.clock.advance(timedelta(minutes=31))
        await cluster.settle()
        assert [edge["state"] for edge in status(cluster, "web")["edges"]] == ["Applied"]
        assert status(cluster, "web")["probes"] == said


async def test_a_changed_policy_loses_its_proof_at_once(rig):
    """What was seen of another state of the NetworkPolicy proves nothing about this one."""
    async with rig(a_namespace(), WEB, ORDERS) as cluster:
        await probe(cluster, "web", CALL, ESCAPE)
        await probe(cluster, "orders", ESCAPE, ENTER)
        wider = {
            "ports": [*PORTS["ports"], {"name": "metrics", "port": 9090}],
            "ingress": [{"from": {"service": "web"}}],
        }
        cluster.kube.put({**a_policy("orders", network=wider), "status": status(cluster, "orders")})
        await cluster.settle()
        assert [edge["state"] for name in ("web", "orders") for edge in status(cluster, name)["edges"]] == [
            "Applied",
            "Applied",
        ]


async def test_a_report_does_not_make_the_controller_write_twice(rig):
    """A status that is said is not said again because the prober's part of it is another's."""
    async with rig(a_namespace(), WEB, ORDERS) as cluster:
        await probe(cluster, "web", CALL, ESCAPE)
        cluster.said()
        for key in cluster.controller.world.all_keys():
            cluster.controller.queue.add(key)
        await cluster.settle()
        assert cluster.said() == []


def planned(mode, *, prober=PROBER, probes=None):
    """Names of the RoleBindings that a namespace's plan writes and deletes."""
    snapshot = a_snapshot(namespaces={"shop": mode})
    observed = NamespaceObserved(probes=probes)
    plan = plan_namespace(
        replace(snapshot.namespaces["shop"], mode=mode),
        snapshot=snapshot,
        observed=observed,
        controller=CONTROLLER,
        prober=prober,
    )
    written = [apply.item["metadata"]["name"] for apply in plan.applies if apply.item["kind"] == ROLE_BINDING.kind]
    return written, [delete.ref.name for delete in plan.deletes]


def test_the_prober_gets_access_where_the_gate_holds_it_and_nowhere_else():
    """In enforced namespaces only, and it is taken back when the mode, the governing or the prober itself goes."""
    binding = probes_binding("shop", PROBER)
    assert planned(Mode.ENFORCE) == (["bartizan-certificates", "bartizan-probes"], [])
    assert planned(Mode.ENFORCE, prober=None, probes=binding) == (["bartizan-certificates"], ["bartizan-probes"])
    assert planned(Mode.WARN, probes=binding) == (["bartizan-certificates"], ["bartizan-probes"])
    assert planned(Mode.NOT_GOVERNED, probes=binding) == ([], ["bartizan-probes"])
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "bartizan-prober", "namespace": "bartizan-system"}
    ]


def test_the_prober_s_access_is_looked_at_when_somebody_changes_it():
    """A RoleBinding of that name, there or deleted, is the namespace's business."""
    assert owner_of(at(ROLE_BINDING, "bartizan-probes"), None) == namespace_key("shop")

"""Defects of Otterize's operator that concern rollouts (research/communication.md §1), each as a promise of ours."""

from bartizan.api.kinds import NETWORK_POLICY
from bartizan.core.model import ObjectRef
from bartizan.core.network.semantics import Endpoint, Flow, allows
from bartizan.kube.errors import InvalidError
from bartizan.testing import a_namespace, a_policy
from simulation.conftest import a_rig

PORTS = {"ports": [{"name": "http", "port": 8080}]}


def calls(service):
    """Return a network section that calls a service."""
    return {"egress": [{"to": {"service": service}}]}


def admits(*services):
    """Return a network section that admits services."""
    return {**PORTS, "ingress": [{"from": {"service": service}} for service in services]}


def pod(app, ip):
    """Return a pod as the engine sees it."""
    labels = {"kubernetes.io/metadata.name": "shop"}
    return Endpoint(namespace="shop", name=app, ip=ip, labels={"app": app}, namespace_labels=labels)


def open_between(cluster, *pairs):
    """Return which pairs of services may talk on port 8080."""
    standing = cluster.kube.objects(NETWORK_POLICY)
    ends = {name: pod(name, f"10.0.0.{index}") for index, name in enumerate({n for pair in pairs for n in pair}, 1)}
    flows = {(one, two): Flow(source=ends[one], destination=ends[two], port=8080) for one, two in pairs}
    return {pair for pair, flow in flows.items() if allows(flow, standing).allowed}


def ref(name):
    """Return where a NetworkPolicy is."""
    return ObjectRef(api_version=NETWORK_POLICY.api_version, kind="NetworkPolicy", namespace="shop", name=name)


async def test_d3_isolation_does_not_flap():
    """No reconcile deletes what it then makes again: looking at everything many times over writes nothing."""
    async with a_rig(
        a_namespace(), a_policy("api", network=admits("web")), a_policy("web", network=calls("api"))
    ) as one:
        one.kube.writes.clear()
        for _ in range(3):
            for key in one.controller.world.all_keys():
                one.controller.queue.add(key)
            await one.settle()
        assert one.kube.writes == []


async def test_d5_a_callers_first_edge_cuts_no_other_caller():
    """While a caller is added, the callers that were there pass at every write."""
    async with a_rig(
        a_namespace(),
        a_policy("api", network=admits("web")),
        a_policy("web", network=calls("api")),
        a_policy("bot"),
    ) as one:
        seen = []
        original = one.kube._store

        def stored(*parts):
            found = original(*parts)
            seen.append(open_between(one, ("web", "api"), ("bot", "api")))
            return found

        one.kube._store = stored
        one.kube.put(a_policy("bot", generation=2, network=calls("api")))
        one.kube.put(a_policy("api", generation=2, network=admits("web", "bot")))
        await one.settle()
        assert all(("web", "api") in pairs for pairs in seen)
        assert seen[-1] == {("web", "api"), ("bot", "api")}


async def test_d6_what_was_made_is_kept_up_to_date():
    """An edge that changes its port is the same object, changed: nothing is create-only."""
    async with a_rig(
        a_namespace(), a_policy("api", network=admits("web")), a_policy("web", network=calls("api"))
    ) as one:
        before = one.kube.peek(ref("ssp-api"))["metadata"]["uid"]
        changed = {**admits("web"), "ports": [{"name": "http", "port": 9090}]}
        one.kube.put(a_policy("api", generation=2, network=changed))
        await one.settle()
        after = one.kube.peek(ref("ssp-api"))
        ports = [port["port"] for rule in after["spec"]["ingress"] for port in rule["ports"]]
        assert (after["metadata"]["uid"], ports) == (before, [9090])


async def test_d9_one_bad_object_does_not_stop_revocation():
    """With a policy that can't be written and one that can't be read, another's edge still closes on both sides."""
    async with a_rig(
        a_namespace(), a_policy("api", network=admits("web")), a_policy("web", network=calls("api"))
    ) as one:
        one.kube.fail_next(
            InvalidError("no", code=422, reason="Invalid"), matching=lambda call: call.name == "ssp-bad", times=10_000
        )
        one.kube.put(a_policy("bad", network=calls("api")))
        one.kube.put(a_policy("unreadable", network={"egress": "everything"}))
        await one.settle()
        assert open_between(one, ("web", "api")) == {("web", "api")}
        one.kube.put(a_policy("api", generation=2, network=PORTS))
        await one.settle(2)
        assert open_between(one, ("web", "api")) == set()


async def test_d14_a_deleted_network_policy_comes_back_without_another_event():
    """It is watched: a deletion is repaired at once and the edge stands again."""
    async with a_rig(
        a_namespace(), a_policy("api", network=admits("web")), a_policy("web", network=calls("api"))
    ) as one:
        one.kube.remove(ref("ssp-api"))
        await one.settle(1)
        assert open_between(one, ("web", "api")) == {("web", "api")}

"""An emergency and pods with certificates of their own: they are named, replaced one at a time, and said of until none is left."""

from datetime import timedelta

import pytest

from bartizan.api.kinds import POD, POLICY, TRUST_DOMAIN
from bartizan.kube.errors import Cause, TooManyRequestsError
from bartizan.testing import a_namespace, a_policy
from simulation.test_pod_certificates import BOTH, V1, a_node, asked, at, condition, counted, running
from simulation.test_rotation import until, wish

OWNER = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "orders", "uid": "rs", "controller": True}
MINUTE = timedelta(minutes=1)


async def start(cluster, *names, owned=True):
    """Let pods run that got certificates of their own."""
    for name in names:
        pod = running(name=name)
        pod["metadata"]["ownerReferences"] = [OWNER] if owned else []
        began = cluster.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        pod["status"] |= {
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"state": {"running": {"startedAt": began}}}],
        }
        cluster.kube.put(pod)
        uid = cluster.kube.peek(at(POD, name))["metadata"]["uid"]
        asked(cluster, f"req-{name}", podName=name, podUID=uid)
    await cluster.settle(5)


def distrust(cluster, **more):
    """Have the root distrusted."""
    root = cluster.kube.peek(at(TRUST_DOMAIN, "default"))["status"]["authorities"][0]
    assert root["role"] == "Root"
    wish(cluster, distrust=[root["id"]], **more)


def waiting(cluster):
    """Return what the rotation waits for."""
    return cluster.kube.peek(at(TRUST_DOMAIN, "default"))["status"]["rotation"].get("waitingFor") or []


def message(cluster, kind="CertificateReady"):
    """Return what the policy's condition says."""
    found = cluster.kube.peek(at(POLICY, "orders"))["status"]["conditions"]
    return next(one["message"] for one in found if one["type"] == kind)


def ready(cluster):
    """Return status and reason of Ready."""
    found = cluster.kube.peek(at(POLICY, "orders"))["status"]["conditions"]
    return next((one["status"], one["reason"]) for one in found if one["type"] == "Ready")


def evicted(cluster):
    """Return the pods that were evicted, in order."""
    return [write.ref.name for write in cluster.kube.writes if write.verb == "evict"]


@pytest.fixture
def pods(rig):
    """A factory of clusters with pods that hold certificates of the first authority."""

    async def go(then, *names, owned=True):
        async with rig(a_namespace(), a_node(), a_policy(), served={V1: BOTH}) as cluster:
            await start(cluster, *names, owned=owned)
            assert (condition(cluster), counted(cluster)) == (("True", "IssuedToPods"), (len(names), len(names)))
            await then(cluster)

    return go


async def test_pods_on_a_distrusted_authority_are_named_and_replaced_one_at_a_time(pods):
    """Without a word in the policy: the next one goes when the last one's successor is ready, and then everything is well."""

    async def then(cluster):
        distrust(cluster)
        await cluster.settle(8)
        assert evicted(cluster) == ["orders-0"]
        assert (condition(cluster), ready(cluster)) == (("False", "PodsOnDistrustedAuthority"), ("False", "NotReady"))
        assert message(cluster).startswith(
            "1 of 1 pods hold a certificate of an authority that is not trusted any more, and their nodes ask for another one "
            "only at half of its life: orders-1; they are evicted one at a time, as their PodDisruptionBudget allows"
        )
        assert "Pod shop/orders-1 holds a certificate of issuing authority generation 1" in waiting(cluster)
        assert "Pod shop/orders-0 holds a certificate of issuing authority generation 1" not in waiting(cluster)
        await cluster.settle(12)
        assert evicted(cluster) == ["orders-0"]
        await start(cluster, "orders-2")
        await cluster.settle(12)
        assert evicted(cluster) == ["orders-0", "orders-1"]
        await start(cluster, "orders-3")
        await cluster.settle(12)
        assert evicted(cluster) == ["orders-0", "orders-1"]
        assert (condition(cluster), counted(cluster)) == (("True", "IssuedToPods"), (2, 2))
        assert not [one for one in waiting(cluster) if one.startswith("Pod ")]

    await pods(then, "orders-0", "orders-1")


async def test_after_the_deadline_those_that_are_left_go_on_being_replaced(pods):
    """When the old root is gone from every bundle, a pod that still lives on it is said of and replaced all the same."""

    async def then(cluster):
        distrust(cluster, emergencyDeadline="1m")
        await cluster.settle(8)
        await until(cluster, "Stable")
        await cluster.settle(12)
        assert (evicted(cluster), condition(cluster)) == (["orders-0"], ("False", "PodsOnDistrustedAuthority"))
        await cluster.clock.advance(10 * MINUTE)
        await start(cluster, "orders-2")
        await cluster.settle(12)
        assert evicted(cluster) == ["orders-0", "orders-1"]
        await start(cluster, "orders-3")
        await cluster.settle(12)
        assert (condition(cluster), counted(cluster)) == (("True", "IssuedToPods"), (2, 2))

    await pods(then, "orders-0", "orders-1")


async def test_a_pod_that_nothing_replaces_is_left_to_a_person(pods):
    """It is named with what to do, stays, and nothing is said any more when somebody has deleted it."""

    async def then(cluster):
        distrust(cluster)
        await until(cluster, "Stable")
        await cluster.settle(12)
        assert (evicted(cluster), condition(cluster)) == ([], ("False", "PodsOnDistrustedAuthority"))
        assert message(cluster).endswith("; nothing replaces orders-0: delete it yourself")
        cluster.kube.remove(at(POD, "orders-0"))
        await cluster.settle(12)
        assert condition(cluster) == ("True", "IssuedToPods")

    await pods(then, "orders-0", owned=False)


async def test_a_disruption_budget_is_held_and_told(pods):
    """While the API server says no, the condition says so and nobody else goes; then the same pod is asked for again."""
    refusal = TooManyRequestsError("no", causes=(Cause("DisruptionBudget", "", "needs 2"),))

    async def then(cluster):
        cluster.kube.fail_next(refusal, matching=lambda call: call.verb == "evict", times=2)
        distrust(cluster)
        await cluster.settle(12)
        assert message(cluster).endswith(
            "; pod orders-0 is to be evicted and may not leave yet: its PodDisruptionBudget allows no eviction now"
        )
        assert evicted(cluster) == []
        await cluster.settle(25)
        assert evicted(cluster) == ["orders-0"]

    await pods(then, "orders-0", "orders-1")


async def test_a_plain_rotation_replaces_nobody(pods):
    """Their nodes ask for the next certificate in time, and the old authority waits for them."""

    async def then(cluster):
        wish(cluster, settle="2m", request={"id": "first", "role": "Root"})
        await until(cluster, "Draining")
        await cluster.clock.advance(3 * MINUTE)
        await cluster.settle(12)
        assert (evicted(cluster), condition(cluster)) == ([], ("True", "IssuedToPods"))
        assert "Pod shop/orders-0 holds a certificate of issuing authority generation 1" in waiting(cluster)

    await pods(then, "orders-0", "orders-1")

"""The controller closes an edge when its time comes, with nobody changing anything."""

from datetime import timedelta

from bartizan.api.kinds import NETWORK_POLICY, POLICY
from bartizan.core.model import ObjectRef
from bartizan.testing import FakeClock, a_namespace, a_policy

HTTP = {"name": "http", "port": 8080}


def ref(kind, name):
    """Return the reference of an object of shop."""
    return ObjectRef(api_version=kind.api_version, kind=kind.kind, namespace="shop", name=name)


async def opened(cluster):
    """Return how many rules towards each other the two sides hold (the caller's DNS rule apart)."""
    caller = await cluster.kube.get(ref(NETWORK_POLICY, "ssp-web"))
    called = await cluster.kube.get(ref(NETWORK_POLICY, "ssp-orders"))
    return len(caller["spec"]["egress"]) - 1, len(called["spec"].get("ingress", []))


async def test_an_edge_closes_on_both_sides_within_the_second(rig):
    """A second before its end both sides are open, a second after it both are closed and say Expired."""
    end = FakeClock().now() + timedelta(seconds=60)
    rule = {"from": {"service": "web"}, "until": end.isoformat()}
    web = a_policy("web", network={"egress": [{"to": {"service": "orders"}}]})
    orders = a_policy("orders", network={"ports": [HTTP], "ingress": [rule]})
    async with rig(a_namespace(), web, orders) as cluster:
        await cluster.settle((end - cluster.clock.now()).total_seconds() - 1)
        assert await opened(cluster) == (1, 1)
        cluster.said()
        await cluster.settle(2)
        assert await opened(cluster) == (0, 0)
        assert sorted(cluster.said()) == [
            ("apply", "NetworkPolicy", "shop/ssp-orders", "bartizan/networkpolicy"),
            ("apply", "NetworkPolicy", "shop/ssp-web", "bartizan/networkpolicy"),
            ("apply-status", "ServiceSecurityPolicy", "shop/orders", "bartizan/status"),
            ("apply-status", "ServiceSecurityPolicy", "shop/web", "bartizan/status"),
        ]
        states = [
            (await cluster.kube.get(ref(POLICY, name)))["status"]["edges"][0]["state"] for name in ("web", "orders")
        ]
        assert states == ["Expired", "Expired"]


async def test_a_request_reaches_the_called_side_and_goes_with_the_answer(rig):
    """The called side's status names the caller as soon as it asks, and no more once it is approved."""
    web = a_policy("web", network={"egress": [{"to": {"service": "orders"}}]})
    async with rig(a_namespace(), web, a_policy("orders", network={"ports": [HTTP]})) as cluster:
        asked = await cluster.kube.get(ref(POLICY, "orders"))
        assert [one["from"] for one in asked["status"]["requests"]] == ["shop/web"]
        decision = {"service": "web", "namespace": "shop", "verdict": "Approved"}
        body = {
            "apiVersion": POLICY.api_version,
            "kind": POLICY.kind,
            "metadata": {"name": "orders", "namespace": "shop"},
            "spec": {"network": {"decisions": [decision]}},
        }
        await cluster.kube.apply(body, manager="bartizan/approve")
        await cluster.settle()
        assert await opened(cluster) == (1, 1)
        assert "requests" not in (await cluster.kube.get(ref(POLICY, "orders")))["status"]

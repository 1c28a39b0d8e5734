"""Changes that concern several policies, through the whole controller: which NetworkPolicies are written, in which order."""

from datetime import timedelta

from bartizan.api.kinds import DEPLOYMENT, NETWORK_POLICY, POLICY
from bartizan.core.model import ObjectRef
from bartizan.kube.errors import InvalidError
from bartizan.testing import a_namespace, a_pod, a_policy

PORTS = {"ports": [{"name": "http", "port": 8080}]}
CALLS_API = {"egress": [{"to": {"service": "api"}}]}
ADMITS_WEB = {**PORTS, "ingress": [{"from": {"service": "web"}}]}
BASELINE = ("apply", "NetworkPolicy", "shop/bartizan-baseline", "bartizan/networkpolicy")


def at(kind, name, namespace="shop"):
    """Return where an object is."""
    return ObjectRef(api_version=kind.api_version, kind=kind.kind, namespace=namespace, name=name)


def network_writes(cluster):
    """Return the names of the NetworkPolicies written or deleted since last asked, in order."""
    return [place.partition("/")[2] for _, kind, place, _ in cluster.said() if kind == "NetworkPolicy"]


def network_condition(cluster, name):
    """Return status, reason and message of NetworkEnforced."""
    conditions = cluster.kube.peek(at(POLICY, name))["status"]["conditions"]
    one = next(one for one in conditions if one["type"] == "NetworkEnforced")
    return one["status"], one["reason"], one["message"]


def pod(name, app, **more):
    """Return a pod of a service."""
    return a_pod(name, labels={"app": app}, account=app, **more)


def deployment(name, app, number):
    """Return a Deployment with a container port called web."""
    container = {"name": "app", "ports": [{"name": "web", "containerPort": number}]}
    template = {"metadata": {"labels": {"app": app}}, "spec": {"containers": [container]}}
    return {
        "apiVersion": DEPLOYMENT.api_version,
        "kind": DEPLOYMENT.kind,
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"template": template},
    }


async def test_an_edge_opens_at_the_provider_first_and_closes_at_the_consumer_first(rig):
    """Each side is written once, whatever the order of the events."""
    async with rig(a_namespace(), a_policy("api", network=PORTS), a_policy("web")) as cluster:
        network_writes(cluster)
        cluster.kube.put(a_policy("web", generation=2, network=CALLS_API))
        cluster.kube.put(a_policy("api", generation=2, network=ADMITS_WEB))
        await cluster.settle()
        assert network_writes(cluster) == ["ssp-api", "ssp-web"]
        cluster.kube.put(a_policy("api", generation=3, network=PORTS))
        await cluster.settle()
        assert network_writes(cluster) == ["ssp-web", "ssp-api"]


async def test_a_revocation_does_not_wait_for_a_consumer_that_cannot_be_written(rig):
    """The consumer's NetworkPolicy is refused for ever; the provider closes after its second of patience."""
    open_api, open_web = a_policy("api", network=ADMITS_WEB), a_policy("web", network=CALLS_API)
    async with rig(a_namespace(), open_api, open_web) as cluster:
        network_writes(cluster)
        cluster.kube.fail_next(
            InvalidError("no", code=422, reason="Invalid"),
            matching=lambda call: call.name == "ssp-web" and call.verb == "apply",
            times=10_000,
        )
        cluster.kube.put(a_policy("api", generation=2, network=PORTS))
        await cluster.settle(0.5)
        assert network_writes(cluster) == []
        await cluster.settle(1)
        assert network_writes(cluster) == ["ssp-api"]


async def test_one_broken_policy_among_forty_holds_back_nobody(rig):
    """With one policy that the API server refuses, a revocation of another takes the same two writes as ever."""
    rest = [a_policy(f"p{index}") for index in range(37)]
    pair = [a_policy("api", network=ADMITS_WEB), a_policy("web", network=CALLS_API)]
    async with rig(a_namespace(), *rest, *pair) as cluster:
        cluster.kube.fail_next(
            InvalidError("no", code=422, reason="Invalid"),
            matching=lambda call: "broken" in call.name and call.verb.startswith("apply"),
            times=10_000,
        )
        cluster.kube.put(a_policy("broken", network={"egress": [{"to": {"service": "api"}}]}))
        await cluster.settle()
        network_writes(cluster)
        cluster.kube.put(a_policy("api", generation=2, network=PORTS))
        await cluster.settle(1)
        assert network_writes(cluster) == ["ssp-web", "ssp-api"]


async def test_a_revocation_goes_before_repairs_that_came_earlier(rig):
    """While the NetworkPolicies of twenty policies have to be written again, both sides of an edge are closed among the first."""
    rest = [f"p{index}" for index in range(20)]
    pair = [a_policy("api", network=ADMITS_WEB), a_policy("web", network=CALLS_API)]
    async with rig(a_namespace(), *map(a_policy, rest), *pair) as cluster:
        network_writes(cluster)
        for name in rest:
            cluster.kube.remove(at(NETWORK_POLICY, f"ssp-{name}"))
        cluster.kube.put(a_policy("api", generation=2, network=PORTS))
        await cluster.settle()
        written = network_writes(cluster)
        assert sorted(written) == sorted(["ssp-web", "ssp-api", *(f"ssp-{name}" for name in rest)])
        assert written.index("ssp-web") < written.index("ssp-api") < 10


async def test_running_pods_are_not_isolated_before_their_edges_resolve(rig):
    """The hold is visible, holds the namespace's baseline back, and ends when the other side declares the edge."""
    async with rig(
        a_namespace(), pod("web-0", "web"), a_policy("web", network=CALLS_API), a_policy("api", network=PORTS)
    ) as cluster:
        assert network_writes(cluster) == ["ssp-api"]
        status, reason, message = network_condition(cluster, "web")
        assert (status, reason) == ("False", "HeldInAudit")
        assert "to shop/api" in message
        cluster.kube.put(a_policy("api", generation=2, network=ADMITS_WEB))
        await cluster.settle()
        assert sorted(network_writes(cluster)) == ["bartizan-baseline", "ssp-api", "ssp-web"]
        assert network_condition(cluster, "web")[1] == "NotProven"


async def test_a_hold_ends_by_itself(rig):
    """After a quarter of an hour running pods are isolated, resolved or not: a hold is no way around enforcement."""
    async with rig(a_namespace(), pod("web-0", "web"), a_policy("web", network=CALLS_API)) as cluster:
        assert network_writes(cluster) == []
        for _ in range(16):
            await cluster.clock.advance(timedelta(minutes=1))
        await cluster.settle()
        assert network_writes(cluster) == ["ssp-web", "bartizan-baseline"]


async def test_two_that_wait_for_each_other_are_resolved(rig):
    """Consent declared on both sides resolves both edges although neither NetworkPolicy exists yet."""
    async with rig(
        a_namespace(),
        pod("web-0", "web"),
        pod("api-0", "api"),
        a_policy("web", network=CALLS_API),
        a_policy("api", network=ADMITS_WEB),
    ) as cluster:
        assert network_writes(cluster)[-1] == "bartizan-baseline"


async def test_a_new_service_is_closed_at_once(rig):
    """Without running pods nothing waits, and once the namespace is isolated nothing ever does."""
    async with rig(a_namespace(), a_policy("web", network=CALLS_API)) as cluster:
        assert network_writes(cluster) == ["ssp-web", "bartizan-baseline"]
        cluster.kube.put(pod("bot-0", "bot"))
        cluster.kube.put(a_policy("bot", network=CALLS_API))
        await cluster.settle()
        assert network_writes(cluster) == ["ssp-bot"]


async def test_a_port_by_name_follows_its_workload(rig):
    """The template's number is open before the pods have it, and the old one until its last pod is gone."""
    named = {"ports": [{"name": "http", "port": "web"}], "ingress": [{"from": {"service": "web"}}]}
    running = pod("api-0", "api", containers=[{"name": "app", "ports": [{"name": "web", "containerPort": 8080}]}])

    def ports(cluster):
        rules = cluster.kube.peek(at(NETWORK_POLICY, "ssp-api"))["spec"]["ingress"]
        return [port["port"] for rule in rules for port in rule["ports"]]

    async with rig(
        a_namespace(),
        deployment("api", "api", 8080),
        running,
        a_policy("web", network=CALLS_API),
        a_policy("api", network=named),
    ) as cluster:
        assert ports(cluster) == [8080]
        cluster.kube.put(deployment("api", "api", 9090))
        await cluster.settle()
        assert ports(cluster) == [8080, 9090]
        cluster.kube.remove(ObjectRef(api_version="v1", kind="Pod", namespace="shop", name="api-0"))
        await cluster.settle()
        assert ports(cluster) == [9090]


async def test_a_changed_selector_is_rolled_without_a_cut(rig):
    """Pods of the former selector keep a NetworkPolicy of their own, which goes with the last of them."""
    moved = {"workload": {"selector": {"matchLabels": {"app": "api-v2"}}}}
    async with rig(
        a_namespace(),
        pod("api-0", "api"),
        a_policy("web", network=CALLS_API),
        a_policy("api", network=ADMITS_WEB),
    ) as cluster:
        network_writes(cluster)
        cluster.kube.put({**a_policy("api", generation=2), "spec": {**moved, "network": ADMITS_WEB}})
        await cluster.settle()
        former, *rest = network_writes(cluster)
        assert former.startswith("ssp-api.")
        assert sorted(rest) == ["ssp-api", "ssp-web"]
        assert network_condition(cluster, "api")[1] == "RollingOut"
        cluster.kube.remove(ObjectRef(api_version="v1", kind="Pod", namespace="shop", name="api-0"))
        await cluster.settle()
        assert sorted(network_writes(cluster)) == [former, "ssp-web"]
        assert network_condition(cluster, "api")[1] == "NotProven"


async def test_a_restart_in_the_middle_goes_on_where_it_was(rig):
    """Another leader neither writes anything again nor forgets the former selector."""
    moved = {"workload": {"selector": {"matchLabels": {"app": "api-v2"}}}}
    async with rig(a_namespace(), pod("api-0", "api"), a_policy("api", network=PORTS)) as cluster:
        cluster.kube.put({**a_policy("api", generation=2), "spec": {**moved, "network": PORTS}})
        await cluster.settle()
        cluster.said()
        cluster.leadership.take()
        await cluster.settle()
        cluster.leadership.give()
        await cluster.settle(5)
        assert cluster.said() == []

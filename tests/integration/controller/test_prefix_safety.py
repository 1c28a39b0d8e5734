"""Rollouts by the real controller, judged write by write from the real API server's audit log."""

import asyncio
import json

import pytest

from bartizan.api.kinds import NAMESPACE, NETWORK_POLICY, POD, POLICY
from bartizan.core.model import ObjectRef
from bartizan.core.network.semantics import Endpoint, Flow, allows
from bartizan.testing.builders import a_pod
from integration.controller.trail import Trail

pytestmark = [pytest.mark.api, pytest.mark.timeout(240)]
SYSTEM = "ctl-prefix-system"
PORTS = {"ports": [{"name": "http", "port": 8080}, {"name": "admin", "port": 9090}]}
JUDGED = (53, 8080, 9090)


async def trail_of(world, cluster, *namespaces):
    """Return the trail of some namespaces from now on."""
    if cluster.audit_log is None:
        pytest.skip(f"a cluster of the provider {cluster.provider} keeps no audit log on this machine")
    trail = Trail(cluster.audit_log, namespaces)
    await trail.begin(world.api)
    return trail


def pod_of(namespace, name, app):
    """Return a pod of the policy that selects `app`, which nobody schedules: there is no node."""
    return a_pod(name, namespace, labels={"app": app}, account=app.removesuffix("-v2"))


def passing(state, ends):
    """Return the flows that a state of the cluster lets pass."""
    return {
        (one.namespace, one.name, two.namespace, two.name, port)
        for one in ends
        for two in ends
        for port in JUDGED
        if one is not two and allows(Flow(source=one, destination=two, port=port), state.values()).allowed
    }


def judge(trail, ends):
    """Assert the invariant after every single write; return what passes in the end."""
    names, open_at = trail.names(), [passing(state, ends) for state in trail.states()]
    old, new = open_at[0], open_at[-1]
    for count, now in enumerate(open_at):
        write = names[count - 1] if count else "nothing"
        assert now <= old | new, (count, write, now - old - new)
        assert old & new <= now, (count, write, (old & new) - now)
    return new


def endpoint(index, namespace, app):
    """Return a pod as the engine sees it."""
    return Endpoint(
        namespace=namespace,
        name=app,
        ip=f"10.0.0.{index}",
        labels={"app": app},
        namespace_labels={"kubernetes.io/metadata.name": namespace},
    )


async def settled(trail, *, quiet=2.5, within=40):
    """Return once nothing was written for a while."""
    loop = asyncio.get_running_loop()
    deadline, seen, since = loop.time() + within, -1, loop.time()
    while loop.time() - since < quiet:
        if (count := len(trail.names())) != seen:
            seen, since = count, loop.time()
        assert loop.time() < deadline, trail.names()
        await asyncio.sleep(0.1)


async def test_every_write_of_a_rollout_is_safe(world, cluster, controller, until, trust_domain, policy):
    """Edges open, close, change ports, and a selector changes under running pods: no write opens or cuts by surprise."""
    shop, bank = "ctl-prefix-shop", "ctl-prefix-bank"
    await world.govern(SYSTEM, None)
    for namespace in (shop, bank):
        await world.govern(namespace)

    def build(name, namespace, network, selector=None):
        more = {"workload": {"selector": {"matchLabels": {"app": selector}}}} if selector else {}
        return policy(name, namespace, identity={"trustDomain": "ctl-prefix"}, network=network, **more)

    def calls(*services):
        return {"egress": [{"to": {"service": name, "namespace": namespace}} for name, namespace in services]}

    def admits(*services, ports=()):
        froms = [{"from": {"service": n, "namespace": ns}, "ports": list(ports)} for n, ns in services]
        return {**PORTS, "ingress": froms}

    old = [
        build("web", shop, calls(("api", shop), ("pay", bank))),
        build("api", shop, {**admits(("web", shop)), **calls(("pay", bank))}),
        build("bot", shop, calls(("api", shop))),
        build("pay", bank, admits(("web", shop), ("api", shop), ports=["http"])),
    ]
    new = [
        build("pay", bank, admits(("api", shop), ("bot", shop))),
        build("api", shop, {**admits(("web", shop), ("bot", shop), ports=["http"]), **calls(("pay", bank))}, "api-v2"),
        build("web", shop, calls(("api", shop))),
        build("bot", shop, calls(("api", shop), ("pay", bank))),
    ]
    apps = [(shop, app) for app in ("web", "api", "api-v2", "bot")] + [(bank, "pay")]
    ends = [endpoint(index, *app) for index, app in enumerate(apps, start=1)]
    await world.put(trust_domain("ctl-prefix"), *old)
    async with controller(SYSTEM):
        await until(lambda: world.get(NETWORK_POLICY, "bartizan-baseline", shop), within=40)
        await until(lambda: world.get(NETWORK_POLICY, "bartizan-baseline", bank), within=40)
        for namespace, app in apps:
            if app != "api-v2":
                cluster.kubectl("create", "serviceaccount", app, "-n", namespace)
                await world.put(pod_of(namespace, app, app))
        await asyncio.sleep(1)
        trail = await trail_of(world, cluster, shop, bank)
        await world.put(*new)
        await settled(trail)
        assert any(name.startswith("ssp-api.") for name in trail.names())
        await world.put(pod_of(shop, "api-v2", "api-v2"))
        await world.api.delete(ObjectRef(api_version=POD.api_version, kind=POD.kind, namespace=shop, name="api"))
        await until(lambda: _gone(trail), within=60)
        await settled(trail)
    final = judge(trail, ends)
    assert final == {
        (shop, "web", shop, "api-v2", 8080),
        (shop, "bot", shop, "api-v2", 8080),
        (shop, "api-v2", bank, "pay", 8080),
        (shop, "api-v2", bank, "pay", 9090),
        (shop, "bot", bank, "pay", 8080),
        (shop, "bot", bank, "pay", 9090),
    }
    for namespace in (shop, bank):
        await world.delete(NAMESPACE, namespace)


async def test_one_refused_policy_does_not_hold_back_a_revocation(
    world, cluster, controller, until, trust_domain, policy
):
    """Among two hundred policies one can't be written; a revocation of another takes its two writes, consumer first."""
    namespace = "ctl-prefix-many"
    await world.govern(SYSTEM, None)
    await world.govern(namespace)
    refusal = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": "ctl-prefix-refuses"},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": ["networking.k8s.io"],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": ["networkpolicies"],
                    }
                ]
            },
            "validations": [{"expression": "object.metadata.name != 'ssp-broken'", "message": "refused for the test"}],
        },
    }
    binding = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": "ctl-prefix-refuses"},
        "spec": {"policyName": "ctl-prefix-refuses", "validationActions": ["Deny"]},
    }
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(refusal))
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(binding))
    mine = {"identity": {"trustDomain": "ctl-prefix"}}
    open_api = {**PORTS, "ingress": [{"from": {"service": "web"}}]}
    await world.put(
        trust_domain("ctl-prefix"),
        policy("api", namespace, network=open_api, **mine),
        policy("web", namespace, network={"egress": [{"to": {"service": "api"}}]}, **mine),
        policy("broken", namespace, network={"egress": [{"to": {"service": "api"}}]}, **mine),
        *(policy(f"p{index}", namespace, **mine) for index in range(197)),
    )
    async with controller(SYSTEM):

        async def refused():
            status = (await world.get(POLICY, "broken", namespace)).get("status", {})
            return any(one["reason"] == "ReconcileFailed" for one in status.get("conditions", []))

        await until(refused, within=90)
        await until(lambda: _all_but_one_are_said(world, namespace, 200), within=120, every=1)
        trail = await trail_of(world, cluster, namespace)
        await world.put(policy("api", namespace, network=PORTS, **mine))
        await until(lambda: _some(trail), within=20)
        await settled(trail)
        assert trail.names() == ["ssp-web", "ssp-api"]
        assert await world.get(NETWORK_POLICY, "ssp-broken", namespace) is None
    cluster.kubectl("delete", "validatingadmissionpolicybinding", "ctl-prefix-refuses")
    cluster.kubectl("delete", "validatingadmissionpolicy", "ctl-prefix-refuses")
    await world.delete(NAMESPACE, namespace)


async def _all_but_one_are_said(world, namespace, count):
    """Return whether the first pass over so many policies is done: all but the refused one say they are ready."""
    listed = (await world.api.list(POLICY, namespace=namespace)).items
    conditions = [(item.get("status") or {}).get("conditions") or [] for item in listed]
    ready = [any(one["type"] == "Ready" and one["status"] == "True" for one in said) for said in conditions]
    return len(listed) == count and ready.count(False) == 1


async def _some(trail):
    """Return whether anything was written."""
    return bool(trail.names())


async def _gone(trail):
    """Return whether the former selector's NetworkPolicy has gone."""
    return any(item is None and "." in name for (_, name), item in trail.changes())

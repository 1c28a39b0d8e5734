"""Consent on a real API server: edges end by themselves, and the commands answer with the rights of whoever runs them."""

import asyncio
import json
import os
import sys
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from bartizan.api.kinds import NETWORK_POLICY, POLICY
from bartizan.cli.admission import to_yaml
from bartizan.core.checks.guards import guards
from bartizan.core.checks.settings import AdmissionSettings
from integration.controller.conftest import SOURCES

pytestmark = pytest.mark.api
HTTP = [{"name": "http", "port": 8080}]
RIGHTS = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: edit-policies, namespace: {namespace}}}
rules:
- {{apiGroups: [bartizan.dev], resources: [servicesecuritypolicies], verbs: [get, list, patch]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: approve, namespace: {namespace}}}
rules:
- {{apiGroups: [bartizan.dev], resources: [servicesecuritypolicies], verbs: [approve]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: edit-policies, namespace: {namespace}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: edit-policies}}
subjects:
- {{kind: ServiceAccount, name: editor, namespace: {namespace}}}
- {{kind: ServiceAccount, name: approver, namespace: {namespace}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: approve, namespace: {namespace}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: approve}}
subjects:
- {{kind: ServiceAccount, name: approver, namespace: {namespace}}}
"""


async def rules_between(world, namespace):
    """Return how many rules the caller holds towards the called side (its DNS rule apart), and the called side for it."""
    caller = await world.get(NETWORK_POLICY, "ssp-web", namespace)
    called = await world.get(NETWORK_POLICY, "ssp-orders", namespace)
    if not caller or not called:
        return None
    dns = 1
    return len(caller["spec"].get("egress", [])) - dns, len(called["spec"].get("ingress", []))


async def states(world, namespace):
    """Return the states of the two sides' edges."""
    items = [await world.get(POLICY, name, namespace) for name in ("web", "orders")]
    return [edge["state"] for item in items for edge in (item.get("status") or {}).get("edges", [])]


def a_user(cluster, namespace, name, folder):
    """Make a ServiceAccount and return a kubeconfig that speaks as it."""
    cluster.kubectl("create", "serviceaccount", name, "-n", namespace)
    token = cluster.kubectl("create", "token", name, "-n", namespace).stdout.strip()
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    path = folder / f"{name}.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


async def command(kubeconfig, *words):
    """Run `bartizan` as a user does; return the exit code and what it printed."""
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bartizan",
        *words,
        env={**os.environ, "PYTHONPATH": str(SOURCES), "BARTIZAN_KUBECONFIG": str(kubeconfig)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await running.communicate()
    return running.returncode, said.decode()


async def test_an_edge_ends_by_itself_at_the_second(world, controller, policy, trust_domain, until):
    """Both sides are open before the end and closed at most two seconds after it, though nobody changed anything."""
    namespace = "consent-until"
    await world.govern(namespace)
    await world.put(trust_domain())
    async with controller("consent-until-system"):
        await world.govern("consent-until-system", None)
        end = datetime.now(UTC) + timedelta(seconds=15)
        rule = {"from": {"service": "web"}, "until": end.isoformat()}
        await world.put(
            policy("web", namespace, network={"egress": [{"to": {"service": "orders"}}]}),
            policy("orders", namespace, network={"ports": HTTP, "ingress": [rule]}),
        )

        async def is_open():
            return await rules_between(world, namespace) == (1, 1)

        async def is_closed():
            return await rules_between(world, namespace) == (0, 0)

        await until(is_open, within=12)
        await asyncio.sleep(max(0, (end - datetime.now(UTC)).total_seconds() - 0.5))
        assert await is_open()
        await until(is_closed, within=2.5, every=0.1)
        assert datetime.now(UTC) - end < timedelta(seconds=2)

        async def both_say_so():
            return await states(world, namespace) == ["Expired", "Expired"]

        await until(both_say_so)


@pytest.fixture
def guarded(cluster):
    """The guards, as the chart brings them."""
    settings = AdmissionSettings(release_namespace="consent-system", controller_account="bartizan-controller")
    applied = to_yaml(guards(settings))
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=applied)
    yield
    cluster.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=applied)


async def test_who_may_approve_is_asked_of_the_api_server(
    world, controller, policy, trust_domain, until, cluster, tmp_path, guarded
):
    """A request is listed; an editor's approval is refused, an approver's opens the edge, anybody's denial closes it."""
    namespace = "consent-ask"
    await world.govern("consent-system", None)
    await world.govern(namespace, None)
    cluster.kubectl("label", "namespace", namespace, "bartizan.dev/enforcement=enforce")
    cluster.kubectl("apply", "-f", "-", stdin=RIGHTS.format(namespace=namespace))
    editor, approver = (a_user(cluster, namespace, name, tmp_path) for name in ("editor", "approver"))
    await world.put(
        trust_domain(),
        policy("web", namespace, network={"egress": [{"to": {"service": "orders"}, "reason": "checkout"}]}),
        policy("orders", namespace, network={"ports": HTTP}),
    )
    yes = ("approve", f"{namespace}/orders", "--from", f"{namespace}/web")
    no = ("deny", f"{namespace}/orders", "--from", f"{namespace}/web", "--reason", "use the queue")

    async def listed():
        code, said = await command(editor, "requests", f"{namespace}/orders")
        return code == 0 and f"{namespace}/web" in said and "checkout" in said

    async def refused():
        code, said = await command(editor, *yes)
        return code == 2 and "the RBAC verb approve on servicesecuritypolicies.bartizan.dev" in said

    async def approved():
        return (await command(approver, *yes, "--until", "1h"))[0] == 0

    async def is_open():
        return await rules_between(world, namespace) == (1, 1)

    async def is_denied():
        return await rules_between(world, namespace) == (0, 0) and await states(world, namespace) == ["Denied"]

    async with controller("consent-system"):
        await until(listed, within=30, every=1)
        await until(refused, within=10, every=1)
        assert await rules_between(world, namespace) == (0, 0)
        code, said = await command(approver, *yes, "--output", "yaml")
        assert (code, yaml.safe_load(said)) == (
            0,
            {"spec": {"network": {"ingress": [{"from": {"service": "web"}, "ports": ["http"]}]}}},
        )
        await until(approved, within=10, every=1)
        await until(is_open)
        await world.put(policy("orders", namespace, network={"ports": HTTP}))
        held = await world.get(POLICY, "orders", namespace)
        assert [one["verdict"] for one in held["spec"]["network"]["decisions"]] == ["Approved"]
        owners = {entry["manager"]: json.dumps(entry["fieldsV1"]) for entry in held["metadata"]["managedFields"]}
        assert "decisions" in owners["bartizan/approve"]
        assert "decisions" not in owners["the-team"]
        assert await command(editor, *no) == (0, f"{namespace}/orders denies {namespace}/web\n")
        await until(is_denied)

"""What the controller makes of a policy on a real API server, and that it holds it there."""

import json
import socket

import pytest

from bartizan.api.kinds import NAMESPACE, NETWORK_POLICY, POLICY, POLICY_INDEX, ROLE_BINDING, SECRET, TRUST_DOMAIN

pytestmark = [pytest.mark.api, pytest.mark.timeout(120)]
SYSTEM = "ctl-system"
NS = "ctl-shop"
VAULT = {"items": [{"name": "db", "vault": {"role": "r", "path": "database/creds/x"}, "file": {"path": "db.json"}}]}
EDITS = {
    "an allow added to a policy without one": (
        NETWORK_POLICY,
        "ssp-web",
        {"spec": {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [{}]}},
    ),
    "a rule added to the isolation": (
        NETWORK_POLICY,
        "bartizan-baseline",
        {"spec": {"podSelector": {}, "egress": [{}]}},
    ),
    "an index with an entry more": (
        POLICY_INDEX,
        "index",
        {"spec": {"buckets": {"app=evil": [{"name": "evil", "account": "evil"}]}}},
    ),
    "a Secret with another key": (SECRET, "web-tls", {"type": "kubernetes.io/tls", "data": {"tls.key": "YQ=="}}),
    "a Secret with an entry more": (SECRET, "web-tls", {"type": "kubernetes.io/tls", "data": {"evil": "YQ=="}}),
    "a RoleBinding with another subject": (
        ROLE_BINDING,
        "bartizan-certificates",
        {
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "bartizan-certificates",
            },
            "subjects": [{"kind": "ServiceAccount", "name": "evil", "namespace": NS}],
        },
    ),
}
EMITTED = [
    (NETWORK_POLICY, "ssp-orders"),
    (NETWORK_POLICY, "bartizan-baseline"),
    (POLICY_INDEX, "index"),
    (SECRET, "orders-tls"),
    (ROLE_BINDING, "bartizan-certificates"),
]


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def meaning(item):
    """Return the part of an object that an edit must not change."""
    return {part: item[part] for part in ("spec", "roleRef", "subjects", "type") if part in item} | (
        {"data": {key: len(value) > 100 for key, value in item["data"].items()}} if "data" in item else {}
    )


SAID_WITHOUT_CHART = {"no floors", "no webhook authority"}
"""Here the controller runs without the chart's SecurityBaseline and webhook authority, and says so."""


async def test_outputs_appear_are_held_and_go_with_the_policy(world, controller, until, trust_domain, policy):
    """Two policies get all outputs; what is edited or deleted is back; deleting a policy leaves isolation."""
    for name, mode in ((SYSTEM, None), (NS, "enforce")):
        await world.govern(name, mode)
    orders = policy(
        "orders",
        NS,
        network={"ports": [{"name": "http", "port": 8080}], "ingress": [{"from": {"service": "web"}}]},
        secrets=VAULT,
    )
    web = policy("web", NS, network={"egress": [{"to": {"service": "orders"}}]})
    # Another test's release may have left one whose authorities lie in its own namespace.
    await world.delete(TRUST_DOMAIN, "default")
    await world.put(trust_domain(), orders, web)
    port = free_port()
    async with controller(SYSTEM, BARTIZAN_METRICS_ADDRESS=f"127.0.0.1:{port}", BARTIZAN_LOG_LEVEL="debug") as process:

        async def ready():
            found = [await world.get(POLICY, name, NS) for name in ("orders", "web")]
            said = [
                one["status"]
                for item in found
                for one in item.get("status", {}).get("conditions", [])
                if one["type"] == "Ready"
            ]
            return said == ["True", "True"]

        await until(ready)
        before = {(kind.kind, name): await world.get(kind, name, NS) for kind, name in EMITTED}
        assert all(before.values())
        await _edits_are_taken_back(world, until)
        await _deletions_are_undone(world, until, before)
        await until(ready)
        await _nothing_is_written_when_nothing_happens(process, port)
        await world.delete(POLICY, "orders", NS)

        async def only_isolation():
            gone = [
                await world.get(kind, name, NS)
                for kind, name in ((NETWORK_POLICY, "ssp-orders"), (SECRET, "orders-tls"))
            ]
            index = await world.get(POLICY_INDEX, "index", NS)
            return gone == [None, None] and list(index["spec"]["buckets"]) == ["app=web"]

        await until(only_isolation, within=60)
        assert await world.get(NETWORK_POLICY, "bartizan-baseline", NS)
        assert await process.end() == 0
    _log_is_clean(process)
    await world.delete(NAMESPACE, NS)


async def _edits_are_taken_back(world, until):
    for case, (kind, name, edit) in EDITS.items():
        meant = await world.get(kind, name, NS)
        meta = {"name": name, "namespace": NS}
        await world.put({"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, **edit})

        async def restored(kind=kind, name=name, meant=meant):
            found = await world.get(kind, name, NS)
            return found and meaning(found) == meaning(meant)

        try:
            await until(restored, within=20)
        except AssertionError:
            pytest.fail(f"not taken back: {case}: {json.dumps(meaning(await world.get(kind, name, NS)))[:500]}")


async def _deletions_are_undone(world, until, before):
    for kind, name in EMITTED:
        await world.delete(kind, name, NS)
    for kind, name in EMITTED:

        async def again(kind=kind, name=name):
            found = await world.get(kind, name, NS)
            return found and meaning(found) == meaning(before[kind.kind, name])

        await until(again, within=20)


async def _nothing_is_written_when_nothing_happens(process, port):
    """Between two looks a second and a half apart no write is counted (the Lease's renewals are not the controller's)."""
    import asyncio

    await asyncio.sleep(1.5)
    first = await process.metrics(port)
    await asyncio.sleep(1.5)
    second = await process.metrics(port)
    writes = [
        {name: value for name, value in seen.items() if name.startswith("bartizan_writes")} for seen in (first, second)
    ]
    assert writes[0] == writes[1]
    assert second["bartizan_leader"] == 1


def _log_is_clean(process):
    """No refusal, no traceback and no key material reached the log, every line of which is JSON."""
    lines = process.lines()
    text = process.log.read_text()
    assert {line["event"] for line in lines if line["level"] in {"error", "critical"}} <= SAID_WITHOUT_CHART
    assert [word for word in ("403", "Traceback", "PRIVATE KEY", "LS0tLS1CRUdJTiB") if word in text] == []

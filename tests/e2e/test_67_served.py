"""A server that never reloads: seen to serve an old certificate, evicted within its disruption budget, and seen to be right again."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from bartizan.api.v1alpha1 import Mtls
from bartizan.testing.builders import HARDENED_CONTAINER, HARDENED_POD
from demo.install import CHART, NAMESPACE, RELEASE
from waiting import eventually

pytestmark = [pytest.mark.node, pytest.mark.timeout(1200)]
HERE = "vault-room"
DELIVERY = {"delivery": "Secret"} if "delivery" in Mtls.model_fields else {}
FILES = "/var/run/secrets/bartizan.dev/tls"
SERVER = f"""
import asyncio, ssl
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("{FILES}/tls.crt", "{FILES}/tls.key")
context.load_verify_locations("{FILES}/ca.crt")
context.verify_mode = ssl.CERT_REQUIRED
async def handle(reader, writer):
    print("somebody came in", flush=True)
    writer.close()
async def main():
    async with await asyncio.start_server(handle, "", 8443, ssl=context) as server:
        await server.serve_forever()
asyncio.run(main())
"""


def _policy(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "bartizan.dev/v1alpha1",
        "kind": "ServiceSecurityPolicy",
        "metadata": {"name": name, "namespace": HERE},
        "spec": {"workload": {"selector": {"matchLabels": {"app": name}}}, **spec},
    }


def _objects(image: str) -> list[dict[str, Any]]:
    """A server of two replicas that both must stay, and a caller that has no pods at all."""
    rotation = {"fallback": "Restart", "confirm": {"port": "https", "within": "1m"}}
    network = {"ports": [{"name": "https", "port": 8443}], "ingress": [{"from": {"service": "caller"}}]}
    container = {
        "name": "app", "image": image, "imagePullPolicy": "IfNotPresent", "command": ["/usr/bin/python3", "-c", SERVER],
        "readinessProbe": {"tcpSocket": {"port": 8443}, "periodSeconds": 1},
        **HARDENED_CONTAINER,
    }  # fmt: skip
    pod = {
        "serviceAccountName": "stubborn", "automountServiceAccountToken": False, "terminationGracePeriodSeconds": 1,
        **HARDENED_POD, "containers": [container],
    }  # fmt: skip
    pod["securityContext"] = {**HARDENED_POD["securityContext"], "runAsUser": 65532}
    labels = {"app": "stubborn"}
    where = {"namespace": HERE}
    return [
        *({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, **where}} for name in ("stubborn", "caller")),
        _policy("stubborn", network=network, mtls={**DELIVERY, "onRotation": rotation}),
        _policy("caller", network={"egress": [{"to": {"service": "stubborn"}}]}),
        _budget(2),
        {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "stubborn", **where},
            "spec": {
                "replicas": 2, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
    ]  # fmt: skip


def _budget(least: int) -> dict[str, Any]:
    return {
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "stubborn", "namespace": HERE},
        "spec": {"minAvailable": least, "selector": {"matchLabels": {"app": "stubborn"}}},
    }  # fmt: skip


def _set(shop, *values: str) -> None:
    words = [word for value in values for word in ("--set", value)]
    flags = ("--namespace", NAMESPACE, "--reuse-values", "--wait", "--timeout", "240s")
    shop.cluster.helm("upgrade", RELEASE, str(CHART), *flags, *words)


@pytest.fixture(scope="module")
def room(shop) -> Iterator[Any]:
    """The server that never reloads, and a prober that looks every minute."""
    image = shop.items("deployments", NAMESPACE, "app.kubernetes.io/component=controller")[0]
    labels = {"bartizan.dev/enforcement": "enforce"}
    shop.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": HERE, "labels": labels}})
    shop.apply(*_objects(image["spec"]["template"]["spec"]["containers"][0]["image"]))
    _set(shop, "prober.enabled=true", "prober.interval=1m")
    shop.kubectl("wait", "--for=condition=Available", "deploy/stubborn", "-n", HERE, "--timeout=180s")
    yield shop
    shop.kubectl("delete", "namespace", HERE, "--wait=false")
    _set(shop, "prober.enabled=false")


def _served(shop) -> tuple[str, str]:
    found = shop.condition("stubborn", HERE, "CertificateServed")
    return found.get("reason", ""), found.get("message", "")


def _pods(shop) -> dict[str, bool]:
    """The server's pods, and whether each is ready."""
    return {
        pod["metadata"]["name"]: any(
            one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", ())
        )
        for pod in shop.items("pods", HERE, "app=stubborn,!bartizan.dev/probe")
        if "deletionTimestamp" not in pod["metadata"]
    }


def test_what_is_served_is_seen_from_the_caller_s_network(room) -> None:
    """Both replicas serve what was issued, though they demand a client certificate; nobody ever comes in."""
    eventually(lambda: _served(room)[0] == "Served", within=240, every=1)
    status = room.get("ssp", "stubborn", HERE)["status"]["certificate"]
    counts = {key: status["pods"][key] for key in ("total", "onCurrentAuthority", "serving", "stale")}
    assert counts == {"total": 2, "onCurrentAuthority": 2, "serving": 2, "stale": 0}
    seen = room.get("ssp", "caller", HERE)["status"]["probes"]["served"]
    assert {(one["of"], one["port"], one["serial"]) for one in seen} == {
        (f"{HERE}/stubborn", "8443/TCP", status["serial"])
    }
    logs = room.kubectl("logs", "-n", HERE, "-l", "app=stubborn,!bartizan.dev/probe", "--tail=-1").stdout
    assert "somebody came in" not in logs


def test_a_policy_that_nobody_calls_is_not_provable(room) -> None:
    """Nothing is opened to see a certificate: who has no caller is said to be unseen, and is not unready for it."""
    found = eventually(lambda: room.condition("caller", HERE, "CertificateServed"), within=60)
    assert (found["status"], found["reason"]) == ("Unknown", "NotProvable")
    assert room.condition("caller", HERE, "Ready")["status"] == "True"


def test_a_server_that_does_not_reload_is_replaced_within_its_budget(room) -> None:
    """Stale after its time; kept by the budget, and told so; then one after the other, with one ready all the time; then right."""
    first, before = _pods(room), room.get("ssp", "stubborn", HERE)["status"]["certificate"]["serial"]
    room.kubectl("delete", "secret", "stubborn-tls", "-n", HERE)
    eventually(lambda: room.get("ssp", "stubborn", HERE)["status"]["certificate"]["serial"] != before, within=60)
    eventually(lambda: _served(room)[0] == "ServedStale", within=300, every=1)
    eventually(lambda: "its PodDisruptionBudget allows no eviction now" in _served(room)[1], within=60, every=0.5)
    assert room.condition("stubborn", HERE, "Ready")["status"] == "False"
    time.sleep(10)
    assert _pods(room) == first
    room.apply(_budget(1))
    fewest, deadline = 2, time.monotonic() + 480
    while _served(room)[0] != "Served" and time.monotonic() < deadline:
        fewest = min(fewest, sum(_pods(room).values()))
        time.sleep(0.5)
    assert _served(room)[0] == "Served", json.dumps(room.get("ssp", "stubborn", HERE)["status"], indent=1)
    assert (fewest >= 1, set(_pods(room)) & set(first), len(_pods(room))) == (True, set(), 2)
    assert room.condition("stubborn", HERE, "Ready")["status"] == "True"


def test_the_controller_evicts_only_where_it_governs(room) -> None:
    """Its account may evict in governed namespaces and nowhere else, and may delete no pod anywhere."""
    who = f"--as=system:serviceaccount:{NAMESPACE}:bartizan-controller"
    asked = {
        f"{verb} {space}": room.kubectl("auth", "can-i", *verb.split(), "-n", space, who, check=False).stdout.strip()
        for space in (HERE, "kube-system", NAMESPACE)
        for verb in ("create pods --subresource=eviction", "delete pods")
    }
    assert asked == {
        f"{verb} {space}": "yes" if (verb.startswith("create"), space) == (True, HERE) else "no"
        for space in (HERE, "kube-system", NAMESPACE)
        for verb in ("create pods --subresource=eviction", "delete pods")
    }

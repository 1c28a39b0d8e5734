"""The kinds that network plugins bring, with their own definitions on a real API server, which judges what is written."""

import json
import re
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from bartizan.api.kinds import (
    CILIUM_NETWORK_POLICY,
    CLUSTER_NETWORK_POLICY,
    NAMESPACE,
    NETWORK_POLICY,
    POLICY,
    SECURITY_BASELINE,
)
from cluster.errors import CommandFailed
from cluster.sources import CRDS, definition

pytestmark = [pytest.mark.api, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "reference" / "back-ends.md"
FENCE = re.compile(r"^```(sh refused|sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SYSTEM = "ctl-ends-system"
NS = "ctl-ends"
NOTICED = 50
"""Seconds within which a definition that came or went has had its effect."""
EGRESS = [
    {"to": {"fqdn": "*.cdn.example.com"}, "ports": [{"port": 443}, {"port": 8000, "endPort": 8010}]},
    {"to": {"cidr": "10.20.0.0/16", "except": ["10.20.5.0/24"]}, "ports": [{"port": 443}]},
    {"to": {"kubernetesAPI": {}}},
]
MANIFESTS = {
    case.parent.name: yaml.safe_load(case.read_text())
    for case in (ROOT / "tests" / "golden" / "network").glob("names-*/expected.yaml")
}


def install(cluster) -> None:
    """Install both definitions and wait until they are served."""
    for name in CRDS:
        cluster.kubectl("apply", "--server-side", "-f", str(definition(name)))
    for name in CRDS:
        deadline = time.monotonic() + 30
        while cluster.kubectl("get", name, "--all-namespaces", check=False).returncode != 0:
            assert time.monotonic() < deadline, f"{name} is not served after 30 s"
            time.sleep(0.5)


def remove(cluster) -> None:
    """Remove both definitions, and with them every object."""
    cluster.kubectl("delete", "crd", *CRDS, "--ignore-not-found", "--timeout=60s")


def as_the_chart_gives_them(cluster, folder: Path) -> Path:
    """Make the controller's account with the chart's roles, and return a kubeconfig of it."""
    parts = [
        word for name in ("rbac", "serviceaccount") for word in ("--show-only", f"templates/controller/{name}.yaml")
    ]
    chart = cluster.helm(
        "template", "bartizan", str(ROOT / "charts" / "bartizan"), "--namespace", SYSTEM, *parts
    ).stdout
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=chart)
    token = cluster.kubectl("create", "token", "bartizan-controller", "--namespace", SYSTEM).stdout.strip()
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    file = folder / "controller.kubeconfig"
    file.write_text(yaml.safe_dump(config))
    return file


@pytest.fixture
async def floors(world):
    """A SecurityBaseline, without which no name is open; as it was before, at the end."""
    before = await world.get(SECURITY_BASELINE, "default")
    baseline = {
        "apiVersion": SECURITY_BASELINE.api_version,
        "kind": "SecurityBaseline",
        "metadata": {"name": "default"},
    }
    await world.put({**baseline, "spec": {"network": {"cloudMetadata": "Forbid"}}})
    yield
    if before is None:
        await world.delete(SECURITY_BASELINE, "default")


@pytest.fixture
def definitions(cluster):
    """The definitions, gone again at the end, as they were not there at the beginning."""
    yield cluster
    remove(cluster)


async def test_the_controller_writes_what_their_own_definitions_accept(
    world, controller, until, trust_domain, policy, floors, definitions, tmp_path
):
    """Objects come with the definitions, carry the edges once Cilium accepts, are repaired, and go with the definitions."""
    await world.govern(SYSTEM, None)
    await world.govern(NS)
    await world.put(trust_domain("ctl-ends"))
    await world.put(policy("caller", NS, identity={"trustDomain": "ctl-ends"}, network={"egress": EGRESS}))

    async def edges():
        status = (await world.get(POLICY, "caller", NS)).get("status", {})
        return {one["to"]: (one["state"], one.get("reason")) for one in status.get("edges", [])}

    def edge_is(*wanted):
        async def look():
            return (await edges()).get("fqdn/*.cdn.example.com") == wanted

        return look

    def found(kind, name, namespace=""):
        return lambda: world.get(kind, name, namespace)

    rights = as_the_chart_gives_them(definitions, tmp_path)
    async with controller(SYSTEM, kubeconfig=rights) as running:
        await until(edge_is("Denied", "Unsupported"))
        await until(found(NETWORK_POLICY, "bartizan-baseline", NS))
        install(definitions)
        cilium = await until(found(CILIUM_NETWORK_POLICY, "ssp-caller", NS), within=NOTICED)
        assert cilium["spec"]["enableDefaultDeny"] == {"egress": False, "ingress": False}
        assert [sorted(rule) for rule in cilium["spec"]["egress"]] == [
            ["toEndpoints", "toPorts"],
            ["toFQDNs", "toPorts"],
            ["toEntities", "toPorts"],
        ]
        assert cilium["metadata"]["ownerReferences"][0]["name"] == "caller"
        baseline = await until(found(CLUSTER_NETWORK_POLICY, "bartizan-baseline"), within=NOTICED)
        metadata = await until(found(CLUSTER_NETWORK_POLICY, "bartizan-metadata"), within=NOTICED)
        assert [item["spec"]["tier"] for item in (baseline, metadata)] == ["Baseline", "Admin"]
        assert NS in baseline["spec"]["subject"]["namespaces"]["matchExpressions"][0]["values"]
        await until(edge_is("Degraded", "BackEndNotReady"))

        accepted = {
            "status": {"conditions": [{"type": "Valid", "status": "True", "message": "Policy validation succeeded"}]}
        }
        where = ("ciliumnetworkpolicies", "ssp-caller", "--namespace", NS)
        definitions.kubectl("patch", *where, "--subresource=status", "--type=merge", "--patch", json.dumps(accepted))
        await until(edge_is("Applied", None))
        assert await edges() == {
            "cidr/10.20.0.0/16": ("Applied", None),
            "fqdn/*.cdn.example.com": ("Applied", None),
            "kubernetesAPI": ("Applied", None),
        }

        wider = {"spec": {"egress": [{"toEntities": ["all"]}]}}
        definitions.kubectl("patch", *where, "--type=merge", "--patch", json.dumps(wider))
        await world.delete(CLUSTER_NETWORK_POLICY, "bartizan-metadata")

        async def repaired():
            again = await world.get(CILIUM_NETWORK_POLICY, "ssp-caller", NS)
            return again["spec"] == cilium["spec"] and await world.get(CLUSTER_NETWORK_POLICY, "bartizan-metadata")

        await until(repaired)
        version = (await world.get(CILIUM_NETWORK_POLICY, "ssp-caller", NS))["metadata"]["resourceVersion"]
        await world.put(policy("another", NS, identity={"trustDomain": "ctl-ends"}))
        await until(found(NETWORK_POLICY, "ssp-another", NS))
        assert (await world.get(CILIUM_NETWORK_POLICY, "ssp-caller", NS))["metadata"]["resourceVersion"] == version
        the_page_holds(definitions, tmp_path)

        remove(definitions)
        await until(edge_is("Denied", "Unsupported"), within=NOTICED)
        told = [
            line for line in running.lines() if line["event"] == "unforeseen" or " cannot " in line.get("error", "")
        ]
        assert told == [], "a bug, or a right that the chart does not give"
    await world.delete(NAMESPACE, NS)


def the_page_holds(cluster, home: Path) -> None:
    """Each block of the reference does what it says on this cluster, and prints the lines that follow it."""
    tools = Path(cluster._program("kubectl")).parent
    environ = {"PATH": f"{tools}:/usr/bin:/bin", "KUBECONFIG": str(cluster.kubeconfig), "HOME": str(home)}
    blocks = FENCE.findall(PAGE.read_text())
    assert [kind for kind, _ in blocks].count("text") >= 3
    said = ""
    for kind, body in blocks:
        if kind == "text":
            for line in body.splitlines():
                wanted = ".*".join(re.escape(part.strip()) for part in line.split("…"))
                assert re.search(wanted, said), f"{line!r} is not in what was printed:\n{said}"
            continue
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", body], env=environ, capture_output=True, text=True, check=False
        )
        said = done.stdout + done.stderr
        assert (done.returncode != 0) == (kind == "sh refused"), f"{body}\n{said}"


async def test_every_golden_object_meets_the_definitions_and_a_wrong_one_does_not(world, definitions):
    """With strict validation: no field is unknown to the definitions, and they do judge."""
    namespace = f"{NS}-golden"
    await world.govern(namespace)
    install(definitions)
    specs = [
        result["CiliumNetworkPolicy"]
        for case in MANIFESTS.values()
        for result in case.values()
        if "CiliumNetworkPolicy" in result
    ]
    assert len(specs) == 2

    def judged(spec):
        item = {
            "apiVersion": CILIUM_NETWORK_POLICY.api_version,
            "kind": CILIUM_NETWORK_POLICY.kind,
            "metadata": {"name": "golden", "namespace": namespace},
            "spec": spec,
        }
        flags = ("--dry-run=server", "--validate=strict", "--server-side")
        return definitions.kubectl("apply", *flags, "-f", "-", stdin=json.dumps(item))

    for spec in specs:
        judged(spec)
    with pytest.raises(CommandFailed, match=r"unknown field|field not declared"):
        judged({**specs[0], "toWhom": "it may concern"})
    port = {"ports": [{"port": "443", "protocol": "QUIC"}]}
    with pytest.raises(CommandFailed, match="Unsupported value"):
        judged({**specs[0], "egress": [{"toEntities": ["kube-apiserver"], "toPorts": [port]}]})
    await world.delete(NAMESPACE, namespace)

"""The real webhook, as a process of its own with the chart's rights, called by a real API server."""

import base64
import contextlib
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster import Cluster, tool
from unit.webhook.serving import Authority, SecretMount
from waiting import eventually

ROOT = Path(__file__).parents[3]
SYSTEM = "webhook-system"
SHOP = "webhook-shop"


@dataclass
class Live:
    """A webhook that the API server of `cluster` calls."""

    cluster: Cluster
    authority: Authority
    mount: SecretMount
    process: subprocess.Popen[bytes]
    log: Path
    probes: int

    def probe(self, path: str) -> str:
        """Return what the plain port says; raises OSError unless it is 200."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.probes}{path}", timeout=2) as answer:
            return str(answer.read().decode())

    def ready(self) -> bool:
        """Whether it says so."""
        with contextlib.suppress(OSError):
            return self.probe("/readyz") == "ok\n"
        return False

    def apply(self, *items: dict[str, Any], dry_run: bool = False) -> subprocess.CompletedProcess[str]:
        """Apply objects as the administrator, whatever the outcome."""
        words = ["--dry-run=server"] if dry_run else []
        return self.cluster.kubectl(
            "apply", "--server-side", *words, "-f", "-", stdin=yaml.safe_dump_all(items), check=False
        )


@pytest.fixture(scope="module")
def rendered() -> list[dict[str, Any]]:
    """The chart's objects for the namespace of these tests."""
    done = subprocess.run(
        [str(tool("helm")), "template", "bartizan", str(ROOT / "charts/bartizan"), "--namespace", SYSTEM],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return [item for item in yaml.safe_load_all(done.stdout) if item]


@pytest.fixture(scope="module")
def live(cluster: Cluster, rendered, tmp_path_factory) -> Iterator[Live]:
    """Run a webhook with the chart's ServiceAccount, and have the API server call it for the namespace of the tests."""
    folder = tmp_path_factory.mktemp("webhook")
    account = _account(cluster, rendered, folder)
    mount, authority = SecretMount(folder / "certificate"), Authority()
    mount.folder.mkdir()
    mount.put(*authority.leaf(cluster.host_ip))
    port, probes = _free_port(cluster.host_ip), _free_port("127.0.0.1")
    log = folder / "log"
    environment = {
        "PYTHONPATH": str(ROOT / "operator" / "src"),
        "BARTIZAN_NAMESPACE": SYSTEM,
        "BARTIZAN_KUBECONFIG": str(account),
        "BARTIZAN_WEBHOOK_ADDRESS": f"{cluster.host_ip}:{port}",
        "BARTIZAN_WEBHOOK_CERT_DIR": str(mount.folder),
        "BARTIZAN_METRICS_ADDRESS": f"127.0.0.1:{probes}",
    }
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "bartizan", "run", "webhook"],
            env={**os.environ, **environment},
            stdout=out,
            stderr=out,
        )
    made = Live(cluster, authority, mount, process, log, probes)
    # The gate that other tests closed would refuse the pods of this namespace, which nobody indexes here.
    cluster.kubectl("delete", "validatingadmissionpolicybinding", "bartizan-gate", "--ignore-not-found")
    configuration = _configuration(rendered, f"https://{cluster.host_ip}:{port}/preview", authority)
    try:
        eventually(made.ready)
        made.cluster.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump(configuration))
        eventually(lambda: "Warning: bartizan:" in made.apply(_probe(), dry_run=True).stderr)
        yield made
    finally:
        cluster.kubectl("delete", "validatingwebhookconfiguration", SYSTEM, "--ignore-not-found")
        cluster.kubectl("delete", "clusterrole,clusterrolebinding", SYSTEM, "--ignore-not-found")
        cluster.kubectl("delete", "namespace", SYSTEM, SHOP, "--wait=false", "--ignore-not-found")
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def _probe() -> dict[str, Any]:
    """A policy that always earns a warning, whatever other tests have left in the cluster."""
    policy = _policy("probe")
    return {**policy, "spec": {**policy["spec"], "identity": {"trustDomain": "nobody-made-this"}}}


def _policy(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "bartizan.dev/v1alpha1",
        "kind": "ServiceSecurityPolicy",
        "metadata": {"name": name, "namespace": SHOP},
        "spec": {"workload": {"selector": {"matchLabels": {"app": name}}}},
    }


@pytest.fixture(scope="module")
def policy() -> Callable[..., dict[str, Any]]:
    """Makes policies of the namespace of these tests."""

    def make(name: str, **spec: Any) -> dict[str, Any]:
        made = _policy(name)
        made["spec"] |= spec
        return made

    return make


def _account(cluster: Cluster, rendered: list[dict[str, Any]], folder: Path) -> Path:
    """Make namespaces, and the chart's account with the chart's rights; return its kubeconfig."""
    for name, labels in ((SYSTEM, {}), (SHOP, {"bartizan.dev/enforcement": "enforce"})):
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        cluster.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump(namespace))
    chosen = [
        item
        for item in rendered
        if item["metadata"]["name"] == "bartizan-webhook"
        and item["kind"] in {"ServiceAccount", "ClusterRole", "ClusterRoleBinding"}
    ]
    assert len(chosen) == 3
    for item in chosen:
        if item["kind"] != "ServiceAccount":
            item["metadata"]["name"] = SYSTEM
        if item["kind"] == "ClusterRoleBinding":
            item["roleRef"]["name"] = SYSTEM
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(chosen))
    token = cluster.kubectl("create", "token", "bartizan-webhook", "-n", SYSTEM, "--duration=1h").stdout.strip()
    config = yaml.safe_load(cluster.kubeconfig.read_text())
    config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


def _configuration(rendered: list[dict[str, Any]], url: str, authority: Authority) -> dict[str, Any]:
    """Return the chart's configuration, for one namespace, with the process of this test in place of the Service."""
    (found,) = [item for item in rendered if item["kind"] == "ValidatingWebhookConfiguration"]
    (hook,) = found["webhooks"]
    only = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": [SHOP]}
    hook["namespaceSelector"]["matchExpressions"].append(only)
    hook["clientConfig"] = {"url": url, "caBundle": base64.b64encode(authority.pem).decode()}
    return {**found, "metadata": {"name": SYSTEM}}


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])

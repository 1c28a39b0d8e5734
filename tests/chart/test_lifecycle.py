"""Install, upgrade, uninstall and install again by real helm, on a control plane of its own: what stays, what goes, with which rights.

There is no node here, so the hooks' jobs are run by the test as their own accounts: with exactly the rights that the chart gives.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import cluster as harness
from chart.rendering import CHART, ROOT
from waiting import eventually

pytestmark = pytest.mark.api
SYSTEM = "bartizan-system"
OURS = {"app.kubernetes.io/managed-by": "bartizan"}
LEFT_BEHIND = [
    {"apiVersion": "bartizan.dev/v1alpha1", "kind": "PolicyIndex", "metadata": {"name": "index"}, "spec": {}},
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "bartizan-baseline"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    },
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "bartizan-certificates"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "bartizan-certificates"},
    },
    {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "bartizan-probes"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "bartizan-probes"},
    },
]


@pytest.fixture(scope="module")
def own() -> Iterator[harness.Cluster]:
    """A control plane with the chart in it, and what a controller would have made in one governed namespace."""
    running = harness.up(f"test-chart-{os.getpid()}", node=False)
    try:
        install(running)
        running.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        running.kubectl("create", "namespace", "shop")
        running.kubectl("label", "namespace", "shop", "bartizan.dev/enforcement=enforce")
        for item in LEFT_BEHIND:
            item["metadata"] |= {"namespace": "shop", "labels": OURS}
        eventually(
            lambda: (
                running.kubectl(
                    "apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(LEFT_BEHIND), check=False
                ).returncode
                == 0
            )
        )
        yield running
    finally:
        running.down()


def install(target: harness.Cluster, *sets: str) -> None:
    """Install or upgrade the chart, its jobs left out."""
    words = [word for value in sets for word in ("--set", value)]
    target.helm(
        "upgrade", "--install", "bartizan", str(CHART), "-n", SYSTEM, "--create-namespace", "--no-hooks", *words
    )


@pytest.fixture
def hook(own, tmp_path: Path) -> Callable[[str], subprocess.CompletedProcess[str]]:
    """Runs a job of the chart as its account."""
    hooks: list[dict[str, Any]] = [
        item for item in yaml.safe_load_all(own.helm("get", "hooks", "bartizan", "-n", SYSTEM).stdout) if item
    ]
    rights = [item for item in hooks if item["kind"] != "Job"]
    own.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(rights))

    def run(name: str) -> subprocess.CompletedProcess[str]:
        (job,) = [item for item in hooks if item["kind"] == "Job" and item["metadata"]["name"] == name]
        config = yaml.safe_load(own.kubeconfig.read_text())
        token = own.kubectl("create", "token", name, "-n", SYSTEM).stdout.strip()
        config["users"] = [{"name": user["name"], "user": {"token": token}} for user in config["users"]]
        path = tmp_path / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        settings = {
            "PYTHONPATH": str(ROOT / "operator/src"), "BARTIZAN_KUBECONFIG": str(path), "BARTIZAN_NAMESPACE": SYSTEM,
        }  # fmt: skip
        return subprocess.run(
            [sys.executable, "-m", "bartizan", *job["spec"]["template"]["spec"]["containers"][0]["args"]],
            env={**os.environ, **settings}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    return run


def _authority(target: harness.Cluster) -> str:
    data = json.loads(target.kubectl("get", "secret", "bartizan-webhook-ca", "-n", SYSTEM, "-o", "json").stdout)["data"]
    trusted = target.kubectl(
        "get", "validatingwebhookconfiguration", "bartizan", "-o", "jsonpath={.webhooks[0].clientConfig.caBundle}"
    ).stdout
    assert trusted == data["tls.crt"]
    return str(data)


def test_the_defaults_are_made_and_made_again(own, hook) -> None:
    """The job applies SecurityBaseline and TrustDomain with its own rights, at an upgrade too, and keeps the TrustDomain's identity."""
    seen = []
    for _ in range(2):
        done = hook("bartizan-defaults")
        assert (done.returncode, done.stderr) == (0, "")
        seen.append(
            own.kubectl(
                "get", "trustdomain,securitybaseline", "default", "-o", "jsonpath={.items[*].metadata.uid}"
            ).stdout
        )
    assert seen[0] == seen[1]


def test_an_upgrade_keeps_the_webhooks_authority(own) -> None:
    """Helm finds the authority it made: the API server never trusts another one than the Secret holds."""
    before = _authority(own)
    install(own, "webhook.replicas=3")
    assert _authority(own) == before


def test_a_trust_domain_is_not_renamed(own, hook) -> None:
    """Another trustDomain.domain is refused before anything is written, with both names."""
    assert hook("bartizan-defaults").returncode == 0
    done = own.helm(
        "upgrade",
        "bartizan",
        str(CHART),
        "-n",
        SYSTEM,
        "--no-hooks",
        "--set",
        "trustDomain.domain=other.example",
        check=False,
    )
    assert done.returncode != 0
    assert "trustDomain.domain is other.example, but the TrustDomain default is cluster.local" in done.stderr


def test_uninstalling_leaves_no_closed_gate(own, hook) -> None:
    """With no controller alive the hook opens gate and network by its own rights; definitions and trust domain stay; it installs again."""
    refused = own.kubectl("run", "free", "-n", "shop", "--image=free", "--dry-run=server", check=False)
    assert "C-01" in refused.stderr
    for _ in range(2):
        done = hook("bartizan-uninstall")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith("everything is open\n")
    left = own.kubectl("get", "networkpolicy,rolebinding,policyindex", "-n", "shop", "-o", "name").stdout
    assert left == ""
    own.helm("uninstall", "bartizan", "-n", SYSTEM, "--no-hooks")
    own.kubectl("run", "free", "-n", "shop", "--image=free", "--dry-run=server")
    assert len(own.kubectl("get", "crd", "-l", "app.kubernetes.io/name=bartizan", "-o", "name").stdout.split()) == 4
    assert own.kubectl("get", "trustdomain", "default", "-o", "jsonpath={.spec.domain}").stdout == "cluster.local"
    install(own)
    _authority(own)

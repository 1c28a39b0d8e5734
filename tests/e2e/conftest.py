"""The demo is the installation: what the README shows is what these tests stand on.

The tests of this folder run in the order of their files' numbers, because the last ones read what all others left in the audit
log and then take bartizan away.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import cluster as harness
from demo import components
from waiting import eventually

ROOT = Path(__file__).parents[2]
SYSTEM = "bartizan-system"


class Shop:
    """The cluster with bartizan and the shop in it, with the few questions these tests ask."""

    def __init__(self, target: harness.Cluster, told: str) -> None:
        self.cluster = target
        self.told = told
        self.kubectl = target.kubectl

    def get(self, kind: str, name: str, namespace: str = "") -> dict[str, Any] | None:
        """Return an object, or None if there is none."""
        scope = ["-n", namespace] if namespace else []
        text = self.kubectl("get", kind, name, *scope, "-o", "json", "--ignore-not-found").stdout
        return json.loads(text) if text.strip() else None

    def items(self, kind: str, namespace: str, selector: str = "") -> list[dict[str, Any]]:
        """Return the objects of a namespace."""
        return json.loads(self.kubectl("get", kind, "-n", namespace, "-l", selector, "-o", "json").stdout)["items"]

    def apply(self, *objects: dict[str, Any]) -> None:
        """Apply objects as the administrator."""
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=yaml.safe_dump_all(objects))

    def condition(self, name: str, namespace: str, kind: str) -> dict[str, Any]:
        """Return one condition of a policy; empty if it has none of that type."""
        policy = self.get("ssp", name, namespace) or {}
        return next((c for c in policy.get("status", {}).get("conditions", []) if c["type"] == kind), {})

    @contextlib.contextmanager
    def delivering(self, name: str, namespace: str, delivery: str) -> Iterator[None]:
        """Have a policy deliver its certificate in one way, with new pods made by it already, and as it did afterwards."""
        self._deliver(name, namespace, f'"{delivery}"')
        field = "identity" if delivery == "Secret" else "podCertificate"
        try:
            eventually(lambda: field in self._entry(name, namespace), within=30)
            if delivery == "Secret":
                eventually(lambda: self.get("secret", f"{name}-tls", namespace), within=30)
            yield
        finally:
            self._deliver(name, namespace, "null")

    def _deliver(self, name: str, namespace: str, delivery: str) -> None:
        patch = f'{{"spec":{{"mtls":{{"delivery":{delivery}}}}}}}'
        self.kubectl("patch", "ssp", name, "-n", namespace, "--type=merge", "-p", patch)

    def _entry(self, name: str, namespace: str) -> dict[str, Any]:
        spec = self.get("policyindex", "index", namespace)["spec"]
        entries = [*spec.get("rest", []), *(one for bucket in spec.get("buckets", {}).values() for one in bucket)]
        return next((one for one in entries if one["name"] == name), {})

    def logs(self, component: str) -> str:
        """Return everything the pods of a component have logged, restarts included."""
        label = components.selector(component)
        now = self.kubectl("logs", "-n", SYSTEM, "-l", label, "--tail=-1", "--prefix").stdout
        before = self.kubectl("logs", "-n", SYSTEM, "-l", label, "--tail=-1", "--previous", check=False).stdout
        return before + now

    def scale(self, component: str, replicas: int) -> None:
        """Set the number of pods of a component and wait until it is so."""
        components.scale(self.cluster, component, replicas)


@pytest.fixture(scope="session")
def shop(node_cluster: harness.Cluster) -> Shop:
    """Bartizan and the shop, put there by the demo itself."""
    shown = subprocess.run(
        [sys.executable, "-m", "demo", "--name", node_cluster.name],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "hack")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr
    return Shop(node_cluster, shown.stdout)

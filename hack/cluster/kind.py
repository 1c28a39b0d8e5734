"""The thin road for machines with Docker: kind makes the cluster, and its kindnet enforces NetworkPolicy.

Only command lines and one file are ours; both are values, so they are tested where no Docker is.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from cluster.catalogue import version
from cluster.commands import run

CONFIG = Path(__file__).parent / "kind.yaml"


def cluster_name(name: str) -> str:
    """Return the name kind knows the cluster by."""
    return name if name.startswith("bartizan") else f"bartizan-{name}"


def node_image(lane: str) -> str:
    """Return the node image of a lane: the Kubernetes version the local provider pins too."""
    return f"kindest/node:{version(f'kubernetes-{lane}', 'k8s.io/kubernetes')}"


def config(lane: str, gates: tuple[str, ...], runtime: tuple[str, ...], template: str | None = None) -> str:
    """Render kind's configuration: the shipped file plus the feature gates and API versions of the lane."""
    rendered = yaml.safe_load(CONFIG.read_text() if template is None else template)
    rendered["nodes"][0]["image"] = node_image(lane)
    if gates:
        rendered["featureGates"] = {name: value == "true" for name, value in (gate.split("=") for gate in gates)}
    if runtime:
        rendered["runtimeConfig"] = dict(entry.split("=") for entry in runtime)
    return str(yaml.safe_dump(rendered, sort_keys=False))


def create_command(name: str, kubeconfig: Path) -> list[str]:
    """Return the command that makes the cluster; its configuration comes on standard input."""
    return ["kind", "create", "cluster", "--name", cluster_name(name), "--config", "-", "--kubeconfig",
            str(kubeconfig), "--wait", "180s"]  # fmt: skip


def delete_command(name: str, kubeconfig: Path) -> list[str]:
    """Return the command that deletes the cluster."""
    return ["kind", "delete", "cluster", "--name", cluster_name(name), "--kubeconfig", str(kubeconfig)]


def load_command(name: str, archive: Path) -> list[str]:
    """Return the command that puts an image archive on the nodes."""
    return ["kind", "load", "image-archive", str(archive), "--name", cluster_name(name)]


def restart_apiserver_command(name: str) -> list[str]:
    """Return the command that ends the API server's container, which the kubelet starts again."""
    return ["docker", "exec", f"{cluster_name(name)}-control-plane", "pkill", "-x", "kube-apiserver"]


def gateway_command() -> list[str]:
    """Return the command that tells the host's address in kind's network."""
    return ["docker", "network", "inspect", "kind", "--format", "{{range .IPAM.Config}}{{.Gateway}} {{end}}"]


def host_ip() -> str:
    """Return the host's IPv4 address as the nodes see it, empty if Docker tells none."""
    return next((word for word in run(gateway_command()).stdout.split() if "." in word), "")

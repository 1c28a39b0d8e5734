"""Adds the one node to a local cluster: container runtime, kubelet, Service proxy, NetworkPolicy enforcer and DNS.

The images come from archives, because there is no registry to pull from.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

from cluster import cache, components, config, dns, images, local, network, probe, state
from cluster.commands import run
from cluster.errors import StartFailed
from cluster.layout import Layout
from cluster.model import from_state
from cluster.progress import Reporter
from cluster.state import State

READY_LIMIT = timedelta(seconds=120)


def start(layout: Layout, current: State, report: Reporter) -> State:
    """Start the node of a cluster whose control plane answers; return when its DNS does too.

    Raises:
        StartFailed: a part of the node died or was too slow.
    """
    archives = [make(report) for make in images.every()]
    with report.step(f"starting the node of {layout.name}"):
        _write_files(layout)
        for command in network.enforcement_commands(layout):
            run(command)
        current = local.launch(layout, current, "containerd", components.containerd(layout))
        probe.until("containerd", lambda: _answers(layout), _of(current, "containerd"), READY_LIMIT)
        import_image(layout.name, archives[0].archive)
        cluster = from_state(current)
        cluster.kubectl("apply", "--server-side", "-f", "-", stdin=dns.manifests(images.COREDNS))
        for role in ("kubelet", "kube-proxy", "kube-network-policies"):
            current = local.launch(layout, current, role, components.NODE[role](layout))
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda image: import_image(layout.name, image.archive), archives[1:]))
        _wait(layout, current)
    return current


def _wait(layout: Layout, current: State) -> None:
    api = probe.Api(layout)
    node = f"/api/v1/nodes/{layout.node_name}"
    deployment = "/apis/apps/v1/namespaces/kube-system/deployments/coredns"
    probe.until("the node", lambda: probe.condition(api.object(node), "Ready"), current.processes, READY_LIMIT)
    probe.until(
        "cluster DNS", lambda: probe.condition(api.object(deployment), "Available"), current.processes, READY_LIMIT
    )


def _of(current: State, role: str) -> list[state.Process]:
    return [p for p in current.processes if p.role == role]


def _write_files(layout: Layout) -> None:
    for folder in ("cni", "containerd/opt", "pod-logs", "kubelet/volume-plugins"):
        (layout.run / folder).mkdir(parents=True, exist_ok=True)
    plugins = Path(layout.program("bridge")).parent
    (layout.run / "containerd.toml").write_text(config.containerd(layout, plugins))
    (layout.run / "cni" / "10-bartizan.conflist").write_text(config.cni(layout))
    (layout.run / "resolv.conf").write_text("")
    (layout.run / "kubelet.yaml").write_text(config.kubelet(layout, components.LANE_GATES[layout.lane]))


def ctr(layout: Layout, *args: str) -> list[str]:
    """Return a containerd client's command line in the namespace the kubelet uses."""
    return [layout.program("ctr"), "--address", str(layout.containerd_socket), "--namespace", "k8s.io", *args]


def _answers(layout: Layout) -> bool:
    return layout.containerd_socket.exists() and run(ctr(layout, "version"), check=False).returncode == 0


def import_image(name: str, archive: Path) -> None:
    """Put the image of an OCI archive on the node of the cluster `name`.

    Raises:
        StartFailed: no such cluster is recorded.
        CommandFailed: containerd refused the archive.
    """
    found = state.load(name)
    if found is None:
        raise StartFailed(f"no cluster {name} is recorded in {cache.run_dir(name)}: start it first")
    run(ctr(local.layout_of(found), "images", "import", "--local", str(archive)))

"""Takes a local cluster away completely, in the order in which its parts hold each other.

Pods are held by shims, shims by containerd, pods are put back by the kubelet: so the kubelet goes first, then the
pods, then everything else in the namespace, then mounts, namespace, cgroups and folder. Every step may find nothing.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from cluster import cache, network, processes, state
from cluster.commands import quietly, run
from cluster.errors import ClusterError
from cluster.progress import Reporter
from cluster.state import Process, State

CGROUPS = Path("/sys/fs/cgroup")
CNI_RESULTS = Path("/var/lib/cni/results")
CONTAINER_LOGS = Path("/var/log/containers")
_FIRST = ("kubelet", "kube-proxy", "kube-network-policies")
_PROMPT = timedelta(seconds=2)
_MOUNTS = Path("/proc/self/mounts")


def sweep(report: Reporter) -> None:
    """Remove what clusters of dead runs left behind."""
    with cache.locked("run"):
        for name in state.names():
            _sweep_one(name, report)


def _sweep_one(name: str, report: Reporter) -> None:
    found = state.load(name)
    if found is None:
        report.line(f"removing the unreadable leftovers of cluster {name}")
        remove(name)
    elif state.judge(found, processes.alive, processes.boot_id()) == "stale":
        report.line(f"removing what a dead run left of cluster {name}")
        remove(name)


def remove(name: str) -> None:
    """Stop the cluster and remove everything of it; nothing happens if there is none."""
    found = state.load(name)
    if found is not None and found.boot == processes.boot_id():
        found = replace(found, phase="stopping", owner=processes.myself())
        state.save(found)
        _stop_processes(found)
        network.delete(found.netns, found.host_link)
        _remove_traces(found)
    folder = cache.run_dir(name)
    unmount(folder)
    if folder.exists():
        shutil.rmtree(folder)


def _stop_processes(found: State) -> None:
    first = [p for p in found.processes if p.role in _FIRST]
    processes.stop(first, _PROMPT)
    _remove_containers(found)
    processes.stop((p for p in found.processes if p.role == "containerd"), _PROMPT)
    processes.stop((p for p in found.processes if p.role not in _FIRST), timedelta(0))
    left = network.pids(found.netns)
    left += processes.descendants(left)
    processes.stop((processes.describe("leftover", pid) for pid in left), timedelta(0))
    processes.stop(_in_cgroup(found.cgroup), timedelta(0))


def _remove_containers(found: State) -> None:
    containerd = found.process("containerd")
    if containerd is None or not processes.alive(containerd):
        return
    socket = str(cache.run_dir(found.name) / "containerd.sock")
    ctr = [found.programs["ctr"], "--address", socket, "--timeout", "10s", "-n", "k8s.io"]
    tasks = run([*ctr, "tasks", "ls", "-q"], check=False).stdout.split()
    if tasks:
        quietly([*ctr, "tasks", "rm", "--force", *tasks])


def _in_cgroup(cgroup: str) -> Iterable[Process]:
    """Return the processes still in the cluster's cgroup, in whichever hierarchy."""
    for folder in _cgroup_folders(cgroup):
        for listing in folder.rglob("cgroup.procs"):
            with contextlib.suppress(OSError):
                yield from (processes.describe("container", int(pid)) for pid in listing.read_text().split())


def _cgroup_folders(cgroup: str) -> list[Path]:
    if len(cgroup) < 2 or not CGROUPS.is_dir():
        return []
    candidates = [CGROUPS / cgroup.lstrip("/"), *(CGROUPS.glob(f"*/{cgroup.lstrip('/')}"))]
    return [folder for folder in candidates if folder.is_dir()]


def _remove_traces(found: State) -> None:
    """Remove what fixed paths of other people's programs keep outside our folder."""
    for folder in _cgroup_folders(found.cgroup):
        for child in sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True):
            with contextlib.suppress(OSError):
                child.rmdir()
        with contextlib.suppress(OSError):
            folder.rmdir()
    if found.cni_network:
        for result in CNI_RESULTS.glob(f"{found.cni_network}-*"):
            result.unlink(missing_ok=True)
    ours = str(cache.run_dir(found.name))
    if CONTAINER_LOGS.is_dir():
        for link in CONTAINER_LOGS.iterdir():
            if link.is_symlink() and str(link.readlink()).startswith(f"{ours}/"):
                link.unlink(missing_ok=True)


def mounts_below(folder: Path, table: str) -> list[str]:
    """Return the mount points at or below a folder, innermost first, from the text of /proc/self/mounts."""
    points = [line.split()[1].replace("\\040", " ") for line in table.splitlines()]
    return sorted((p for p in points if p == str(folder) or p.startswith(f"{folder}/")), key=len, reverse=True)


def unmount(folder: Path) -> None:
    """Unmount everything below a folder.

    Raises:
        ClusterError: something stays mounted; deleting the folder now could delete what is mounted there.
    """
    for point in mounts_below(folder, _MOUNTS.read_text()):
        quietly(["umount", "--lazy", point])
    if left := mounts_below(folder, _MOUNTS.read_text()):
        raise ClusterError(f"still mounted below {folder}: {', '.join(left)}; unmount them and run `down` again")

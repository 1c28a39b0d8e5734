"""The one door to a cluster: chooses the provider, starts it, finds it again and takes it away."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import yaml

from cluster import cache, choice, commands, components, kind, local, processes, state, teardown
from cluster.catalogue import DEFAULT_LANE
from cluster.errors import NameConflict, ProviderUnavailable
from cluster.layout import check
from cluster.model import Cluster, from_state
from cluster.progress import Reporter
from cluster.state import State

Say = Callable[[str], None]


def up(
    name: str,
    *,
    lane: str = DEFAULT_LANE,
    node: bool,
    provider: str | None = None,
    progress: Say | Reporter = print,
) -> Cluster:
    """Return a running cluster called `name`, started if there is none of this name and shape yet.

    Args:
        name: 1 to 30 lower-case letters, digits and inner hyphens.
        lane: the Kubernetes minor version, one of `catalogue.LANES`.
        node: whether it needs a node that runs pods.
        provider: `existing`, `kind` or `local`; None chooses.
        progress: called with each line about what is going on.

    Raises:
        ClusterError: see `cluster.errors`; nothing of the failed start is left.
    """
    report = progress if isinstance(progress, Reporter) else Reporter(progress)
    chosen = choice.choose(choice.this_machine(), provider)
    report.line(f"provider {chosen.provider}: {chosen.why}")
    if chosen.provider == "existing":
        return _existing(name, chosen.kubeconfig)
    if chosen.provider == "kind":
        return from_state(_kind(name, lane, report))
    return from_state(local.up(name, lane, node=node, report=report))


def find(name: str) -> Cluster | None:
    """Return the running cluster called `name`, or None."""
    found = state.load(name)
    if found is None or state.judge(found, processes.alive, processes.boot_id()) != "running":
        return None
    return from_state(found)


def running() -> list[Cluster]:
    """Return every running cluster of this machine's cache."""
    return [cluster for name in state.names() if (cluster := find(name)) is not None]


def down(name: str) -> bool:
    """Take the cluster and everything of it away; return whether there was one."""
    found = state.load(name)
    existed = cache.run_dir(name).exists()
    if found is not None and found.provider == "kind":
        commands.run(kind.delete_command(name, Path(found.kubeconfig)))
        shutil.rmtree(cache.run_dir(name))
    else:
        teardown.remove(name)
    return existed


def _existing(name: str, kubeconfig: str) -> Cluster:
    path = Path(kubeconfig.partition(":")[0]).expanduser().absolute()
    if not path.is_file():
        raise ProviderUnavailable(f"provider existing: the kubeconfig {path} is not a file: correct the variable")
    content = yaml.safe_load(path.read_text())
    servers = [entry["cluster"]["server"] for entry in content.get("clusters") or []]
    if not servers:
        raise ProviderUnavailable(f"provider existing: the kubeconfig {path} names no cluster: correct the variable")
    folder = cache.root() / "existing" / name
    folder.mkdir(parents=True, exist_ok=True)
    if (maker := state.made(path)) is not None:
        return replace(from_state(maker), name=name, provider="existing", run_dir=folder)
    return Cluster(name, "existing", path, DEFAULT_LANE, True, "", servers[0], folder, None)


def _kind(name: str, lane: str, report: Reporter) -> State:
    check(name, cache.run_dir(name))
    found = state.load(name)
    if found is not None:
        if found.provider != "kind" or found.lane != lane:
            raise NameConflict(
                f"cluster {name} is a {found.provider} cluster of lane {found.lane}: "
                f"take it down with `python -m cluster down --name {name}`, or choose another --name"
            )
        return found
    kubeconfig = cache.run_dir(name) / "kubeconfig"
    current = State(
        name=name, provider="kind", lane=lane, node=True, phase="starting", owner=processes.myself(),
        boot=processes.boot_id(), kubeconfig=str(kubeconfig),
    )  # fmt: skip
    state.save(current)
    settings = kind.config(lane, components.LANE_GATES[lane], components.LANE_RUNTIME_CONFIG[lane])
    try:
        with report.step(f"kind makes cluster {kind.cluster_name(name)} (Kubernetes {lane})"):
            commands.run(kind.create_command(name, kubeconfig), stdin=settings)
        server = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
        current = replace(current, phase="running", api_url=server, host_ip=kind.host_ip())
        state.save(current)
    except BaseException:
        down(name)
        raise
    return current

"""Starts a cluster on this machine from compiled programs: its own network namespace, its own folders, nothing else.

What is made is written to the state file first, so that a start which fails, is interrupted or killed leaves
nothing that `teardown` cannot find.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from cluster import build, cache, catalogue, components, config, debian, network, pki, probe, processes, state, teardown
from cluster.errors import NameConflict
from cluster.layout import Layout, check
from cluster.progress import Reporter
from cluster.state import State

READY_LIMIT = timedelta(seconds=90)
_KUBECONFIGS = {"kcm": "system:kube-controller-manager", "scheduler": "system:kube-scheduler"}
_NODE_KUBECONFIGS = {"kubelet": "system:node", "kube-proxy": "system:kube-proxy", "netpol": "network-policy-enforcer"}


def up(name: str, lane: str, *, node: bool, report: Reporter) -> State:
    """Return a running cluster of this shape, starting it if there is none; on any failure nothing is left.

    Raises:
        NameConflict: the name is taken by a cluster of another shape, or another run is starting it.
        ClusterError: something is missing, did not compile or did not start.
    """
    check(name, cache.run_dir(name))
    debian.require_root()
    debian.require(debian.NODE if node else debian.CONTROL_PLANE, report)
    teardown.sweep(report)
    if (existing := running(name, lane, node=node)) is not None:
        report.line(f"cluster {name} runs already")
        return existing
    programs = build.ensure(catalogue.programs(lane, with_node=node), report)
    if node:
        build.pause(report)
    return _start(name, lane, node, programs, report)


def running(name: str, lane: str, *, node: bool) -> State | None:
    """Return the running cluster of this name.

    Raises:
        NameConflict: it has another lane, lacks the node asked for, or is being started or stopped.
    """
    found = state.load(name)
    if found is None:
        return None
    if state.judge(found, processes.alive, processes.boot_id()) == "busy":
        raise NameConflict(
            f"cluster {name} is being {_gerund(found)} by process {found.owner.pid}: wait, or use --name"
        )
    if found.lane != lane or (node and not found.node):
        shape = "with a node" if found.node else "control plane only"
        raise NameConflict(
            f"cluster {name} runs already as lane {found.lane}, {shape}: "
            f"take it down with `python -m cluster down --name {name}`, or choose another --name"
        )
    return found


def _gerund(found: State) -> str:
    return "started" if found.phase == "starting" else "stopped"


def _start(name: str, lane: str, node: bool, programs: Mapping[str, Path], report: Reporter) -> State:  # noqa: FBT001
    started = time.monotonic()
    layout, current = _claim(name, lane, node, programs)
    try:
        network.create(layout)
        _write_files(layout, node=node)
        with report.step(f"starting the control plane of {name} (Kubernetes {lane})"):
            current = start_control_plane(layout, current)
        if node:
            from cluster import worker

            current = worker.start(layout, current, report)
        current = replace(current, phase="running")
        state.save(current)
    except BaseException:
        with report.step(f"taking down what was started of {name}"):
            teardown.remove(name)
        raise
    report.line(f"cluster {name} is ready after {time.monotonic() - started:.1f} s")
    return current


def _claim(name: str, lane: str, node: bool, programs: Mapping[str, Path]) -> tuple[Layout, State]:  # noqa: FBT001
    """Choose a free subnet and write the state file that reserves it."""
    with cache.locked("run"):
        if state.load(name) is not None:
            raise NameConflict(f"cluster {name} was started by another run a moment ago: run the command again")
        if (network.NETNS_FOLDER / f"bartizan-{name}").exists():
            raise NameConflict(
                f"network namespace bartizan-{name} exists but no cluster of this cache owns it: choose another --name, "
                f"or remove it with `ip netns del bartizan-{name}` if nobody uses it"
            )
        used = [found.index for other in state.names() if (found := state.load(other)) is not None]
        layout = Layout(
            name=name,
            lane=lane,
            index=network.free_index(used, network.host_networks()),
            run=cache.run_dir(name),
            programs=programs,
        )
        layout.run.mkdir(parents=True, exist_ok=True)
        current = record(layout, node=node)
        state.save(current)
    return layout, current


def record(layout: Layout, *, node: bool) -> State:
    """Return the state of a cluster that this run is about to start."""
    return State(
        name=layout.name,
        provider="local",
        lane=layout.lane,
        node=node,
        phase="starting",
        owner=processes.myself(),
        boot=processes.boot_id(),
        index=layout.index,
        netns=layout.netns,
        host_link=layout.host_link,
        cgroup=layout.cgroup,
        cni_network=layout.cni_network,
        kubeconfig=str(layout.kubeconfig),
        api_url=layout.api_url,
        host_ip=layout.host_ip,
        audit_log=str(layout.audit_log),
        programs={key: str(path) for key, path in layout.programs.items()},
    )


def layout_of(found: State) -> Layout:
    """Return the layout a recorded cluster was started with."""
    programs = {key: Path(path) for key, path in found.programs.items()}
    return Layout(found.name, found.lane, found.index, cache.run_dir(found.name), programs)


def _write_files(layout: Layout, *, node: bool) -> None:
    pki.write(layout, with_node=node)
    (layout.run / "logs").mkdir(exist_ok=True)
    (layout.run / "audit-policy.yaml").write_text(config.audit_policy())
    users = {**_KUBECONFIGS, **(_NODE_KUBECONFIGS if node else {})}
    for stem, user in users.items():
        _write_kubeconfig(layout, Path(layout.pki(f"{stem}.kubeconfig")), stem, user)
    _write_kubeconfig(layout, layout.kubeconfig, "admin", "bartizan-admin")


def _write_kubeconfig(layout: Layout, target: Path, stem: str, user: str) -> None:
    files = (Path(layout.pki("ca.crt")), Path(layout.pki(f"{stem}.crt")), Path(layout.pki(f"{stem}.key")))
    target.touch(mode=0o600)
    target.write_text(config.kubeconfig(layout, user, files))


def launch(layout: Layout, current: State, role: str, argv: list[str]) -> State:
    """Start one program in the cluster's namespace and record it."""
    process = processes.start(role, network.inside(layout.netns, argv), layout.run / "logs" / f"{role}.log")
    current = current.with_process(process)
    state.save(current)
    return current


def start_control_plane(layout: Layout, current: State) -> State:
    """Start etcd, the API server, controllers and scheduler; return when a pod could be created.

    Raises:
        StartFailed: one of them died or was too slow.
    """
    api = probe.Api(layout)
    for role, command in components.STORE_AND_API.items():
        current = launch(layout, current, role, command(layout))
    # The controller manager gives up if its roles, made by the API server itself, are not there yet.
    probe.until("the API server", lambda: api.text("/readyz") is not None, current.processes, READY_LIMIT)
    for role, command in components.CONTROLLERS.items():
        current = launch(layout, current, role, command(layout))
    published = ("serviceaccounts/default", "configmaps/kube-root-ca.crt")

    def ready() -> bool:
        return all(api.text(f"/api/v1/namespaces/default/{path}") is not None for path in published)

    probe.until("the controllers' first objects", ready, current.processes, READY_LIMIT)
    return current


def restart_apiserver(name: str) -> None:
    """Stop the API server of a running cluster and start it again with the same command line.

    Raises:
        NameConflict: no such cluster runs.
        StartFailed: it did not become ready again.
    """
    found = state.load(name)
    previous = None if found is None else found.process("kube-apiserver")
    if found is None or previous is None:
        raise NameConflict(f"no local cluster {name} runs: start one with `python -m cluster up --name {name}`")
    # Marked as busy, or another run's sweep would take a cluster without an API server for a dead one.
    current = replace(found, phase="starting", owner=processes.myself())
    state.save(current)
    processes.stop([previous], timedelta(seconds=1))
    layout = layout_of(found)
    current = launch(layout, current, "kube-apiserver", components.apiserver(layout))
    api = probe.Api(layout)
    probe.until("the API server", lambda: api.text("/readyz") is not None, current.processes, READY_LIMIT)
    state.save(replace(current, phase="running"))

"""Where benches happen: a control plane of their own with the chart's roles and admission policies, and the controller.

The controller is the product's own process under the chart's ServiceAccount; only its pod is missing, so that it can be
measured without a kubelet's noise. What the bench itself asks of the cluster goes through a client without a rate limit.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import yaml

import cluster as harness
from bartizan.api.names import KubeObject
from bartizan.kube.client import Client
from bench import machine
from bench.progress import say
from cluster import state
from demo.install import CHART, NAMESPACE, RELEASE, ROOT

MANAGER = "bench"
ACCOUNT = "bartizan-controller"
DOMAIN = "bench.example"
_STANDING = {
    "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding", "Role", "RoleBinding", "ServiceAccount", "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
}  # fmt: skip
_AT_ONCE = 16
_UNLIMITED = 100_000


@dataclass(frozen=True)
class Running:
    """One controller process."""

    pid: int
    log: Path
    port: int

    async def metrics(self) -> dict[str, float]:
        """Return its metrics by name and labels."""
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{self.port}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    async def leads(self) -> bool:
        """Whether it answers and holds the Lease."""
        try:
            return (await self.metrics()).get("bartizan_leader") == 1
        except (aiohttp.ClientError, OSError):
            return False

    @property
    def cpu_seconds(self) -> float:
        """Processor time it has used."""
        return machine.cpu_seconds(self.pid)

    @property
    def peak_mebibytes(self) -> float:
        """The largest resident set it has had."""
        return machine.peak_mebibytes(self.pid)


class Stage:
    """The cluster of a bench."""

    def __init__(self, cluster: harness.Cluster, api: Client, kubeconfig: Path) -> None:
        self.cluster = cluster
        self.api = api
        self._kubeconfig = kubeconfig
        self._runs = 0

    @property
    def audit_log(self) -> Path:
        """The API server's audit log.

        Raises:
            ClusterError: the cluster keeps none.
        """
        if self.cluster.audit_log is None:
            raise harness.ClusterError(f"cluster {self.cluster.name} keeps no audit log: writes can't be counted")
        return self.cluster.audit_log

    @property
    def server_pid(self) -> int:
        """The API server's process.

        Raises:
            ClusterError: its process is not known.
        """
        found = state.load(self.cluster.name)
        server = found.process("kube-apiserver") if found else None
        if server is None:
            raise harness.ClusterError(f"no process of cluster {self.cluster.name} is known as its API server")
        return server.pid

    async def put(self, items: Iterable[KubeObject]) -> None:
        """Apply objects as a team would, a few at once."""
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(item: KubeObject) -> None:
            async with slots:
                await self.api.apply(item, manager=MANAGER, force=True)

        await asyncio.gather(*(one(item) for item in items))

    @asynccontextmanager
    async def controller(self, **more: str) -> AsyncIterator[Running]:
        """Run the controller until the block ends, with further settings as environment variables."""
        self._runs += 1
        log = self.cluster.run_dir / f"controller-{self._runs}.log"
        port = _free_port()
        settings = {
            "PYTHONPATH": str(ROOT / "operator" / "src"),
            "BARTIZAN_NAMESPACE": NAMESPACE,
            "BARTIZAN_KUBECONFIG": str(self._kubeconfig),
            "BARTIZAN_METRICS_ADDRESS": f"127.0.0.1:{port}",
            **more,
        }
        with log.open("ab") as out:
            running = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bartizan", "run", "controller",
                env={**os.environ, **settings}, stdout=out, stderr=out,
            )  # fmt: skip
        try:
            yield Running(running.pid, log, port)
        except BaseException:
            say("the controller's last words: " + _troubles(log))
            raise
        finally:
            with contextlib.suppress(ProcessLookupError):
                running.terminate()
            await running.wait()


@asynccontextmanager
async def a_stage(name: str) -> AsyncIterator[Stage]:
    """Start a control plane, put the chart's standing objects into it, and take it away at the end."""
    cluster = await asyncio.to_thread(
        harness.up, f"bench-{name}-{os.getpid()}", node=False, provider="local", progress=_quiet
    )
    try:
        await asyncio.to_thread(_furnish, cluster)
        api = await Client.connect(cluster.kubeconfig, rate=_UNLIMITED, burst=_UNLIMITED)
        try:
            yield Stage(cluster, api, _account_kubeconfig(cluster))
        finally:
            await api.close()
    finally:
        await asyncio.to_thread(cluster.down)


def _furnish(cluster: harness.Cluster) -> None:
    rendered = cluster.helm("template", RELEASE, str(CHART), "--namespace", NAMESPACE).stdout
    items = [item for item in yaml.safe_load_all(rendered) if item and item["kind"] in _STANDING]
    kinds = [item for item in items if item["kind"] == "CustomResourceDefinition"]
    rest = [item for item in items if item["kind"] != "CustomResourceDefinition"]
    cluster.kubectl("create", "namespace", NAMESPACE)
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(kinds))
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all([*rest, *_defaults()]))


def _defaults() -> list[KubeObject]:
    kind = {"apiVersion": "bartizan.dev/v1alpha1", "metadata": {"name": "default"}}
    return [
        {**kind, "kind": "TrustDomain", "spec": {"domain": DOMAIN}},
        {**kind, "kind": "SecurityBaseline", "spec": {}},
    ]


def _account_kubeconfig(cluster: harness.Cluster) -> Path:
    """Write a kubeconfig of the controller's own ServiceAccount."""
    token = cluster.kubectl("create", "token", ACCOUNT, "--namespace", NAMESPACE, "--duration=12h").stdout.strip()
    config: dict[str, Any] = yaml.safe_load(cluster.kubeconfig.read_text(encoding="utf-8"))
    config["users"][0]["user"] = {"token": token}
    target = cluster.run_dir / "controller.kubeconfig"
    target.touch(mode=0o600)
    target.write_text(yaml.safe_dump(config), encoding="utf-8")
    return target


def _troubles(log: Path) -> str:
    """Return the last lines of a log that are no plain progress."""
    lines = log.read_text(encoding="utf-8").splitlines()
    return "\n".join(["", *(line for line in lines if '"level":"info"' not in line.replace(" ", ""))][-12:])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _quiet(_line: str) -> None:
    """Say nothing: the bench reports its own progress."""

"""The real controller, as a process of its own, against a real API server."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bartizan.api.kinds import Kind
from bartizan.core.model import ObjectRef
from bartizan.kube.client import Client
from bartizan.kube.errors import NotFoundError

SOURCES = Path(__file__).parents[3] / "operator" / "src"
ACCESS = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "bartizan-certificates"},
    "rules": [
        {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch", "create", "patch", "delete"]}
    ],
}


@dataclass
class Process:
    """One controller process."""

    running: asyncio.subprocess.Process
    log: Path

    @property
    def pid(self) -> int:
        """Its number."""
        return self.running.pid

    def lines(self) -> list[dict[str, Any]]:
        """Return what it logged; every line must be JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    async def metrics(self, port: int) -> dict[str, float]:
        """Return its metrics by name and labels."""
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}/metrics") as answer:
            lines = (await answer.text()).splitlines()
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines if line[0] != "#")}

    async def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        if self.running.returncode is None:
            self.running.send_signal(number)
        return await self.running.wait()


@asynccontextmanager
async def a_controller(kubeconfig: Path, namespace: str, log: Path, **more: str) -> AsyncIterator[Process]:
    """Run a controller until the block ends."""
    settings = {
        "PYTHONPATH": str(SOURCES),
        "BARTIZAN_NAMESPACE": namespace,
        "BARTIZAN_KUBECONFIG": str(kubeconfig),
        "BARTIZAN_METRICS_ADDRESS": "127.0.0.1:0",
        **more,
    }
    with log.open("ab") as out:
        running = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bartizan",
            "run",
            "controller",
            env={**os.environ, **settings},
            stdout=out,
            stderr=out,
        )
    process = Process(running, log)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            await process.end()


class Cluster:
    """The few things these tests do to a cluster, through the API."""

    def __init__(self, api: Client) -> None:
        self.api = api

    async def put(self, *items: dict[str, Any]) -> None:
        """Apply objects as their author would, by another field manager than any of ours."""
        for item in items:
            await self.api.apply(item, manager="the-team", force=True)

    async def get(self, kind: Kind, name: str, namespace: str = "") -> dict[str, Any] | None:
        """Return an object or None."""
        try:
            return await self.api.get(_ref(kind, name, namespace))
        except NotFoundError:
            return None

    async def delete(self, kind: Kind, name: str, namespace: str = "") -> None:
        """Delete an object."""
        await self.api.delete(_ref(kind, name, namespace))

    async def govern(self, name: str, mode: str | None = "enforce") -> None:
        """Make a namespace, governed or not."""
        labels = {"bartizan.dev/enforcement": mode} if mode else {}
        await self.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})


def _ref(kind: Kind, name: str, namespace: str) -> ObjectRef:
    return ObjectRef(api_version=kind.api_version, kind=kind.kind, namespace=namespace, name=name)


async def eventually(look: Callable[[], Awaitable[Any]], *, within: float = 20, every: float = 0.2) -> Any:
    """Return the first truthy answer of `look`; fails with the last one after `within` seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within
    while True:
        answer = await look()
        if answer:
            return answer
        assert loop.time() < deadline, f"not within {within} s"
        await asyncio.sleep(every)


@pytest.fixture
async def world(cluster) -> AsyncIterator[Cluster]:
    """The cluster, with the ClusterRole that the chart would bring."""
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(ACCESS))
    api = await Client.connect(cluster.kubeconfig)
    try:
        yield Cluster(api)
    finally:
        await api.close()


@pytest.fixture
def controller(cluster, tmp_path):
    """The factory of controller processes: `controller(namespace, kubeconfig=…, NAME=value…)`."""

    def start(namespace: str, *, kubeconfig: Path | None = None, log: str = "controller.log", **more: str):
        return a_controller(kubeconfig or cluster.kubeconfig, namespace, tmp_path / log, **more)

    return start


@pytest.fixture
def until():
    """The function that waits for a state."""
    return eventually


def a_trust_domain(name: str = "default", domain: str = "test.example") -> dict[str, Any]:
    """Return a TrustDomain."""
    return {
        "apiVersion": "bartizan.dev/v1alpha1",
        "kind": "TrustDomain",
        "metadata": {"name": name},
        "spec": {"domain": domain},
    }


@pytest.fixture
def trust_domain():
    """The builder of TrustDomains."""
    return a_trust_domain


@pytest.fixture
def policy():
    """The builder of policies as a team would write them, with a Secret, which is what these tests edit and delete."""

    def build(name: str, namespace: str, **spec: Any) -> dict[str, Any]:
        return {
            "apiVersion": "bartizan.dev/v1alpha1",
            "kind": "ServiceSecurityPolicy",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "workload": {"selector": {"matchLabels": {"app": name}}},
                "mtls": {"delivery": "Secret"},
                **spec,
            },
        }

    return build

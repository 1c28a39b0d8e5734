"""All peers together: who there is, where they listen, how they are started, told, counted and ended.

Two Envoys and a Python peer read their certificates again when they change. The frozen ones, a Python peer and an OpenSSL
server with its client, read once; they come in two places, `a` and `b`, so that a new pod can begin before the old one goes.
Everybody calls everybody, itself included.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
import socket
import subprocess
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509

from bench.waiting import until
from handshakes import openssl
from handshakes.bartizan import IDENTITIES, Bartizan, host
from handshakes.calling import PATIENCE, VERSIONS, Target
from handshakes.crew import PeerError, Worker
from handshakes.envoy import Envoy, Plan
from handshakes.kubelet import Kubelet
from handshakes.tally import Tally, added
from handshakes.volume import CERTIFICATE, Volume

ENVOYS = ("envoy-1", "envoy-2")
PYTHON, OPENSSL = "python", "openssl"
PLACES = ("a", "b")
_SHARE = 8.0
"""A client that is a program of its own for each handshake calls that much more seldom."""
_LOOPS = 6
"""Calls of a client under way at the same time: on a busy machine each of them mostly waits for its turn at a core."""
_BEGIN, _BRIDGED = b"-----BEGIN CERTIFICATE-----", 3
_LEAST_PORT = 10_000
_READY = 60.0
_MARGIN = timedelta(seconds=2)


def frozen(kind: str, place: str) -> str:
    """Return the name of a peer that never reads its files again."""
    return f"{kind}-frozen-{place}"


SERVERS = (*ENVOYS, PYTHON, *(frozen(kind, place) for kind in (PYTHON, OPENSSL) for place in PLACES))


@dataclass(frozen=True)
class Times:
    """How long everything takes."""

    leaf: timedelta
    """A certificate of those who reload."""
    frozen: timedelta
    """A certificate of those who do not: they are gone when it ends."""
    latest: timedelta
    """The kubelet's longest delay."""
    settle: timedelta
    """How long a new root is published before it signs."""
    pace: float
    """Seconds from one call of a client to its next, whatever it calls and in how many loops."""
    quiet: timedelta = timedelta(seconds=1)
    """How long no probe may have seen a certificate of an authority before it goes."""

    def stretched(self, factor: float) -> Times:
        """Return the times for a machine that is busy with other things: all lives so many times as long."""
        lives = {name: getattr(self, name) * factor for name in ("leaf", "frozen", "settle")}
        return replace(self, **lives)


@dataclass
class Mesh:
    """The peers of one run."""

    bartizan: Bartizan
    folder: Path
    times: Times
    phase: str = ""
    envoys: list[Envoy] = field(default_factory=list)
    workers: dict[str, Worker] = field(default_factory=dict)
    _past: list[dict[str, Any]] = field(default_factory=list)
    _targets: set[str] = field(default_factory=set)
    _clients: set[str] = field(default_factory=set)
    _calling: bool = False
    _servers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _carried: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _volumes: dict[str, Volume] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ways = [f"{name} {version}" for name in SERVERS for version in VERSIONS]
        ports = iter(_free_ports(len(SERVERS) + len(ENVOYS) * (1 + len(ways))))
        self.targets = {
            name: Target(name, next(ports), host(name), IDENTITIES + name, one_by_one=name.startswith(OPENSSL))
            for name in SERVERS
        }
        self._admin = {name: next(ports) for name in ENVOYS}
        self._ways = {name: {way: next(ports) for way in ways} for name in ENVOYS}
        self._kubelet = Kubelet(self.bartizan, self.times.latest, random.Random())  # noqa: S311 -- delays, not keys

    async def start(self) -> None:
        """Start the peers that reload, and the drivers; nobody calls yet."""
        names = (*ENVOYS, PYTHON, OPENSSL)
        await asyncio.gather(*(self._join(name, self.times.leaf) for name in names))
        for name in ENVOYS:
            self.envoys.append(Envoy(self._envoy(name)))
        driven = [
            {"kind": "envoy", "name": name, "ports": self._ways[name], "loops": _LOOPS, "share": 1.0} for name in ENVOYS
        ]
        await self._work("driver", servers=(), clients=[*driven, self._s_client(OPENSSL, OPENSSL, is_frozen=False)])
        await self._work(PYTHON, servers=[PYTHON], clients=[self._python(PYTHON, is_frozen=False)])

        async def serving() -> bool:
            return all(envoy.ready() for envoy in self.envoys)

        await until(serving, within=_READY)
        self._targets |= {*ENVOYS, PYTHON}
        self._clients |= {*ENVOYS, PYTHON, OPENSSL}

    async def enter(self, place: str) -> datetime:
        """Start the frozen peers of a place with certificates just issued; return when they have to be gone."""
        python, other = frozen(PYTHON, place), frozen(OPENSSL, place)
        await asyncio.gather(*(self._join(name, self.times.frozen) for name in (python, other)))
        ends = min(_end(self._volumes[name].folder / CERTIFICATE) for name in (python, other))
        s_server = openssl.server(
            self.targets[other].port, self._volumes[other].folder, self.folder / f"{other}.server",
            self.folder / f"{other}.log",
        )  # fmt: skip
        self._servers[other] = s_server
        clients = [self._python(python, is_frozen=True), self._s_client(other, other, is_frozen=True)]
        await self._work(python, servers=[python], clients=clients)

        async def listening() -> bool:
            if s_server.poll() is not None:
                raise PeerError(f"{other} ended: {(self.folder / f'{other}.log').read_text()[-300:]}")
            return _listens(self.targets[other].port)

        await until(listening, within=_READY)
        self._targets |= {python, other}
        self._clients |= {python, other}
        self._tell()
        return ends - _MARGIN

    async def leave(self, place: str) -> None:
        """Take the frozen peers of a place out: nobody calls them any more, what is under way ends, then they do."""
        names = {frozen(PYTHON, place), frozen(OPENSSL, place)}
        self._targets -= names
        self._clients -= names
        self._tell()
        await self.quiet()
        worker = self.workers.pop(frozen(PYTHON, place))
        self._past.append(await worker.report())
        worker.end()
        server = self._servers.pop(frozen(OPENSSL, place))
        server.terminate()
        server.wait()
        for name in names:
            self._carried.pop(name).cancel()
            self.bartizan.leave(name)

    async def quiet(self) -> None:
        """Return when every call has ended that began before everybody was last told something."""

        async def nothing_under_way() -> bool:
            return not any([(await worker.report())["stale"] for worker in list(self.workers.values())])

        await until(nothing_under_way, every=0.05, within=2 * PATIENCE)

    def call(self, phase: str) -> None:
        """Let everybody call everybody, counted under `phase`."""
        self.phase, self._calling = phase, True
        self._tell()

    async def pause(self) -> None:
        """Let nobody call, and return when nobody does."""
        self._calling = False
        self._tell()
        await self.quiet()

    def bridged(self) -> bool:
        """Whether every peer that reloads has a chain with a bridge in its volume: leaf, issuing authority, bridge."""
        texts = [(self._volumes[name].folder / CERTIFICATE).read_bytes() for name in (*ENVOYS, PYTHON)]
        return all(text.count(_BEGIN) == _BRIDGED for text in texts)

    async def tally(self) -> Tally:
        """Return what has been counted so far."""
        return added([*self._past, *[await worker.report() for worker in self.workers.values()]])

    def end(self) -> None:
        """End every process of the mesh."""
        for task in self._carried.values():
            task.cancel()
        with contextlib.ExitStack() as ends:
            for worker in self.workers.values():
                ends.callback(worker.end)
            for envoy in self.envoys:
                ends.callback(envoy.end)
            for server in self._servers.values():
                ends.callback(server.wait)
                ends.callback(server.terminate)

    def _tell(self) -> None:
        targets = [asdict(self.targets[name]) for name in SERVERS if name in self._targets] if self._calling else []
        content = {"phase": self.phase, "targets": targets, "clients": sorted(self._clients), "pace": self.times.pace}
        for worker in self.workers.values():
            worker.tell(content)

    async def _join(self, name: str, lifetime: timedelta) -> None:
        volume, mounted = Volume(self.folder / name / "identity"), asyncio.Event()
        self._volumes[name] = volume
        self.bartizan.join(name, lifetime=lifetime)
        self._carried[name] = asyncio.create_task(self._kubelet.carry(name, volume, mounted))
        waiting = asyncio.create_task(mounted.wait())
        await asyncio.wait({waiting, self._carried[name]}, timeout=_READY, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            raise PeerError(f"{name} got no certificate within {_READY:.0f} s: {self.bartizan.said(name)}")

    async def _work(self, name: str, *, servers: Iterable[str], clients: list[dict[str, Any]]) -> None:
        is_frozen = name not in {PYTHON, "driver"}
        serving = [
            {"name": one, "port": self.targets[one].port, "accepts": IDENTITIES, **self._identity(one, is_frozen)}
            for one in servers
        ]
        worker = Worker(name, self.folder, {"servers": serving, "clients": clients})
        self.workers[name] = worker
        await worker.heard()

    def _identity(self, name: str, is_frozen: bool) -> dict[str, Any]:  # noqa: FBT001 -- a pair of plain values
        return {"volume": str(self._volumes[name].folder), "frozen": is_frozen}

    def _python(self, name: str, *, is_frozen: bool) -> dict[str, Any]:
        return {"kind": "python", "name": name, "loops": _LOOPS, "share": 1.0, **self._identity(name, is_frozen)}

    def _s_client(self, name: str, of: str, *, is_frozen: bool) -> dict[str, Any]:
        own = {
            "kind": "openssl",
            "name": name,
            "loops": 1,
            "share": _SHARE,
            "folder": str(self.folder / f"{name}.client"),
        }
        return {**own, **self._identity(of, is_frozen)}

    def _envoy(self, name: str) -> Plan:
        return Plan(
            name=name,
            folder=self.folder / f"{name}.envoy",
            volume=self._volumes[name].folder,
            port=self.targets[name].port,
            admin=self._admin[name],
            accepts=IDENTITIES,
            ways=self._ways[name],
            targets=tuple(self.targets.values()),
        )


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on, below those that the kernel gives to outgoing connections.

    A peer that comes back later must find its port as free as it was, among thousands of connections.
    """
    least_given = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    candidates = random.sample(range(_LEAST_PORT, least_given), k=least_given - _LEAST_PORT)
    free = (port for port in candidates if _is_free(port))
    return list(itertools.islice(free, count))


def _is_free(port: int) -> bool:
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.bind(("127.0.0.1", port))
        return True
    return False


def _listens(port: int) -> bool:
    """Whether somebody has the port open; read from the kernel, because a connection would count as a failed handshake."""
    wanted = f"0100007F:{port:04X} 00000000:0000 0A"
    return any(wanted in line for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines())


def _end(path: Path) -> datetime:
    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc

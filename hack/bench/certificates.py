"""Certificates in numbers: all of a cluster's from nothing, and all of them anew at once."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import cluster as harness
from bartizan.api.kinds import POLICY, TRUST_DOMAIN
from bartizan.api.names import KubeObject
from bartizan.core.model import ObjectRef
from bartizan.kube.client import Client
from bench import audit, machine
from bench.progress import say
from bench.result import Result, Table
from bench.stage import DOMAIN, Running, Stage, a_stage
from bench.waiting import until

SIZES: Final = (500, 1000, 10_000)
PER_NAMESPACE: Final = 100
_PATIENCE: Final = 1800
_SETTLE: Final = timedelta(minutes=2)
"""Over how long a rotation spreads what it issues anew, the least that is allowed. Fresh certificates all come last."""
_TELL: Final = 10.0
"""Seconds from one line of progress to the next."""
_REST: Final = 3.0
"""Seconds without news after which everything counts as done."""


def _serials() -> dict[str, str]:
    return {}


@dataclass
class Told:
    """What the policies' statuses say, as a watch tells it."""

    serials: dict[str, str] = field(default_factory=_serials)
    moments: list[float] = field(default_factory=list)
    """When a certificate was first told, one after another."""
    last: float = 0.0

    def take(self, item: KubeObject) -> None:
        """Note an event."""
        self.last = time.monotonic()
        status = item.get("status") or {}
        serial = (status.get("certificate") or {}).get("serial")
        ready = any(
            one["type"] == "CertificateReady" and one["status"] == "True" for one in status.get("conditions", ())
        )
        place = f"{item['metadata']['namespace']}/{item['metadata']['name']}"
        if serial and ready and self.serials.get(place) != serial:
            self.serials[place] = serial
            self.moments.append(self.last)


@dataclass(frozen=True)
class Wave:
    """All certificates once; seconds from when it could begin."""

    what: str
    count: int
    half: float
    done: float
    controller_cpu: float
    server_cpu: float
    peak: float
    calls: audit.Calls


@dataclass(frozen=True)
class Start:
    """How things stood when a wave could begin."""

    stage: Stage
    moment: float
    controller_cpu: float
    server_cpu: float
    position: int = 0
    """In the audit log."""


def _start(stage: Stage, controller: Running) -> Start:
    return Start(stage, time.monotonic(), controller.cpu_seconds, machine.cpu_seconds(stage.server_pid))


async def measure() -> Result:
    """Issue and renew each number of certificates on a control plane of its own."""
    waves: list[Wave] = []
    for count in SIZES:
        waves += await measure_one(count)
    return _result(waves)


async def measure_one(count: int, **settings: str) -> tuple[Wave, Wave]:
    """Issue `count` certificates from nothing, then all anew at once."""
    async with a_stage(f"certificates-{count}") as stage:
        await stage.put(_spaces(count))
        written = _policies(count)
        for at in range(0, count, 1000):
            policies = written[at : at + 1000]
            await stage.put(policies)
            say(f"{policies[-1]['metadata']['name']} and all before are written, no controller runs")
        async with stage.controller(**settings) as controller, _told(stage.api) as told:
            await until(controller.leads, every=0.1, within=_PATIENCE)
            first = await _wave("from nothing", controller, told, count, _start(stage, controller))
            _check(told, count)
            before = set(told.serials.values())
            told.moments.clear()
            start = replace(_start(stage, controller), position=audit.size(stage.audit_log))
            start = replace(start, moment=await _rotate(stage))
            second = await _wave("all anew at once", controller, told, count, start)
            _check(told, count)
            if left := len(before & set(told.serials.values())):
                raise harness.ClusterError(f"{left} of {count} certificates were not renewed")
    return first, second


async def _wave(what: str, controller: Running, told: Told, count: int, start: Start) -> Wave:
    begun, said = start.moment, time.monotonic()

    async def all_told() -> bool:
        nonlocal said
        if time.monotonic() - said > _TELL:
            said = time.monotonic()
            say(
                f"{what}: {len(told.moments)} of {count} after {said - begun:.0f} s, {controller.peak_mebibytes:.0f} MiB"
            )
        return len(told.moments) >= count and time.monotonic() - told.last > _REST

    await until(all_told, every=0.1, within=_PATIENCE)
    moments = sorted(told.moments)
    wave = Wave(
        what=what,
        count=count,
        half=moments[count // 2] - begun,
        done=moments[count - 1] - begun,
        controller_cpu=controller.cpu_seconds - start.controller_cpu,
        server_cpu=machine.cpu_seconds(start.stage.server_pid) - start.server_cpu,
        peak=controller.peak_mebibytes,
        calls=audit.calls(start.stage.audit_log, start.position),
    )
    say(
        f"{count} {what}: {wave.done:.1f} s, {count / wave.done:.0f}/s, {wave.controller_cpu:.1f} s of CPU, {wave.peak:.0f} MiB"
    )
    return wave


async def _rotate(stage: Stage) -> float:
    """Have the issuing authority rotated and return the moment at which all certificates are due, once it has come."""
    await stage.put([_rotation()])
    ref = ObjectRef.of(_rotation())
    begun: list[datetime] = []

    async def drains() -> bool:
        now = ((await stage.api.get(ref)).get("status") or {}).get("rotation") or {}
        begun.extend([datetime.fromisoformat(now["since"])] if now.get("phase") == "Draining" else [])
        return bool(begun)

    await until(drains, every=0.5, within=_PATIENCE)
    # A fresh certificate comes when the share of its span that is left has passed: the last two seconds, see `core.pki.waves`.
    left = (begun[0] + _SETTLE - timedelta(seconds=2) - datetime.now(UTC)).total_seconds()
    say(f"the issuing authority drains; its certificates are due in {left:.0f} s")
    await asyncio.sleep(max(left, 0))
    return time.monotonic()


def _check(told: Told, count: int) -> None:
    """Fail where certificates are missing or shared: a fast controller that does half of the work is not fast."""
    if len(told.serials) != count or len(set(told.serials.values())) != count:
        found = len(set(told.serials.values()))
        raise harness.ClusterError(f"{count} policies have {found} different certificates")


@asynccontextmanager
async def _told(api: Client) -> AsyncIterator[Told]:
    told = Told()

    async def follow(version: str) -> None:
        while True:
            async for event in api.watch(POLICY, resource_version=version, timeout=timedelta(hours=1)):
                version = event.item["metadata"]["resourceVersion"]
                if event.type in {"ADDED", "MODIFIED"}:
                    told.take(event.item)

    listing = await api.list(POLICY)
    following = asyncio.create_task(follow(listing.resource_version))
    try:
        yield told
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following


def _spaces(count: int) -> list[KubeObject]:
    labels = {"bartizan.dev/enforcement": "warn"}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"certs-{number:03d}", "labels": labels}}
        for number in range(-(-count // PER_NAMESPACE))
    ]


def _policies(count: int) -> list[KubeObject]:
    """Policies that ask for an identity in a Secret and nothing else."""
    return [
        {
            "apiVersion": POLICY.api_version,
            "kind": POLICY.kind,
            "metadata": {"name": f"svc-{number:05d}", "namespace": f"certs-{number // PER_NAMESPACE:03d}"},
            "spec": {
                "workload": {"selector": {"matchLabels": {"app": f"svc-{number:05d}"}}},
                "mtls": {"delivery": "Secret"},
            },
        }
        for number in range(count)
    ]


def _rotation() -> KubeObject:
    """Ask for another issuing authority: every certificate of the one before is issued anew."""
    kind = {"apiVersion": TRUST_DOMAIN.api_version, "kind": TRUST_DOMAIN.kind, "metadata": {"name": "default"}}
    rotation = {"settle": f"{_SETTLE // timedelta(minutes=1)}m", "request": {"id": "bench", "role": "Issuing"}}
    return {**kind, "spec": {"domain": DOMAIN, "rotation": rotation}}


def _result(waves: list[Wave]) -> Result:
    speeds = Table(
        ("certificates", "what", "half after", "all after", "per second", "CPU of controller, each", "CPU of API server, each",
         "peak RSS"),
        tuple(_speed_row(wave) for wave in waves),
        "**Speed**. Aim: 100 a second, 200 MiB at 10,000",
    )  # fmt: skip
    calls = Table(
        (
            "certificates",
            "what",
            "Secret",
            "status",
            "ledger",
            "other objects",
            "Leases and Events",
            "refused",
            "reads",
        ),
        tuple(_calls_row(wave) for wave in waves),
        "**Requests of the controller for each certificate** (API server's audit log)",
    )
    return Result(
        name="certificates",
        title="Certificates: 500 to 10,000, from nothing and all anew",
        method=(
            f"Control plane alone; policies that ask for an identity in a Secret and nothing else, {PER_NAMESPACE} in each"
            " namespace, which warn, so that no NetworkPolicies are written. The policies are there before the controller"
            " starts as a process under the chart's ServiceAccount. *From nothing* runs from when it leads until a watch "
            "has told the last policy's CertificateReady; then a rotation of the issuing authority is requested, and *all"
            " anew at once* runs from the moment at which its certificates are due until the last policy tells its new "
            "serial; its CPU and requests count from the request on. Every serial is checked to be new and nobody else's."
            " CPU is user and system time; RSS is the kernel's high-water mark, and the second row's holds the first "
            "one's."
        ),
        tables=(speeds, calls),
        remarks=_remarks(waves),
    )


def _remarks(waves: list[Wave]) -> tuple[str, ...]:
    largest = waves[-2]
    busy = (largest.controller_cpu + largest.server_cpu) / largest.done
    cores = (
        f"Controller, API server, etcd and the bench share the cores; the first two alone take {busy:.1f} of them while the "
        f"last {largest.count:,} come from nothing."
    )
    told = (
        "Where a policy waits for its turn for more than ten seconds its status says so: that is the share above one status "
        "write."
    )
    return cores, told


def _speed_row(wave: Wave) -> tuple[str, ...]:
    each = [f"{seconds / wave.count * 1000:.1f} ms" for seconds in (wave.controller_cpu, wave.server_cpu)]
    times = (f"{wave.half:.1f} s", f"{wave.done:.1f} s", f"{wave.count / wave.done:.0f}")
    return (f"{wave.count:,}", wave.what, *times, *each, f"{wave.peak:.0f} MiB")


def _calls_row(wave: Wave) -> tuple[str, ...]:
    written = {resource: sum(counted.values()) for resource, counted in wave.calls.writes.items()}
    known = [written.pop(name, 0) for name in ("secrets", "servicesecuritypolicies/status", "configmaps")]
    counts = (*known, sum(written.values()), wave.calls.asides, wave.calls.refused, wave.calls.reads)
    return (f"{wave.count:,}", wave.what, *(f"{number / wave.count:.2f}" for number in counts))

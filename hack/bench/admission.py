"""What the gate costs the API server: pods created in a dry run, in a namespace beside the gate and in two under it."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Final

import aiohttp

from bartizan.api.kinds import POLICY
from bartizan.kube.clock import SystemClock
from bartizan.kube.credentials import Credentials
from bench.landscape import Landscape, is_ready, policy_ref
from bench.numbers import milliseconds, percentile
from bench.pods import compliant
from bench.progress import say
from bench.result import Result, Table
from bench.sight import a_sight
from bench.stage import Stage, a_stage
from bench.waiting import until

CLIENTS: Final = (1, 16)
SLICES: Final = 10
SLICE: Final = 1.0
"""Seconds; the three namespaces take turns slice by slice, so that a change of the machine's load meets all of them."""
_SMALL, _LARGE = Landscape("four", 1, 4), Landscape("fifty", 1, 50)
PLACES: Final = {"ungoverned": "free", "enforced, 4 policies": "four-00", "enforced, 50 policies": "fifty-00"}
_SERVICE: Final = "svc-02"


async def measure() -> Result:
    """Create pods as quickly as 1 and as 16 clients can, in each namespace in turn."""
    async with a_stage("admission") as stage:
        await _furnish(stage)
        credentials = await Credentials.load(stage.cluster.kubeconfig, SystemClock())
        connector = aiohttp.TCPConnector(ssl=credentials.tls(), limit=0)
        async with aiohttp.ClientSession(credentials.server, connector=connector) as session:
            await _gate_is_shut(session)
            seen = {clients: await _turns(session, clients) for clients in CLIENTS}
    return Result(
        name="admission",
        title="Admission: creating a pod under the gate and beside it",
        method=(
            "Control plane alone with the chart's admission policies; indices written by the controller, which "
            "is stopped before the measurement. Clients post a compliant pod with `dryRun=All` over kept "
            f"connections, each as quickly as it is answered, for {SLICES * SLICE:.0f} s in each namespace, in "
            f"slices of {SLICE:.0f} s that take turns. Everything runs (the mutation that adds the identity "
            "volume, the gate, ServiceAccount) but the write to etcd, so that the ratio is the worst there is. "
            "Clients and API server share the cores."
        ),
        tables=(
            Table(
                ("clients", "namespace", "requests", "rate", "p50", "p99", "p50 / ungoverned", "rate / ungoverned"),
                tuple(row for clients in CLIENTS for row in _rows(clients, seen[clients])),
            ),
        ),
    )


async def _furnish(stage: Stage) -> None:
    free = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PLACES["ungoverned"]}}
    for land in (_SMALL, _LARGE):
        await stage.put(land.spaces())
        await stage.put(land.policies())
    await stage.put([free])
    accounts = [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": _SERVICE, "namespace": place}}
        for place in PLACES.values()
    ]
    stage.cluster.kubectl(
        "apply", "--server-side", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": accounts})
    )
    async with stage.controller(), a_sight(stage.api, POLICY) as sight:
        for key in (*_SMALL.keys, *_LARGE.keys):
            await sight.after(policy_ref(key), is_ready, within=120)
        await sight.quiet(2)
    say("the indices stand")


def _pod(labels: dict[str, str]) -> bytes:
    return json.dumps(compliant({"generateName": "bench-", "labels": labels}, _SERVICE)).encode()


async def _create(session: aiohttp.ClientSession, place: str, body: bytes) -> tuple[int, bytes]:
    url = f"/api/v1/namespaces/{place}/pods?dryRun=All"
    async with session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
        return answer.status, await answer.read()


async def _gate_is_shut(session: aiohttp.ClientSession) -> None:
    """Wait until both governed namespaces refuse a stranger and give a covered pod its volume."""
    for place in (_SMALL.keys[0][0], _LARGE.keys[0][0]):

        async def refuses(place: str = place) -> bool:
            return (await _create(session, place, _pod({"app": "stranger"})))[0] != 201

        async def injects(place: str = place) -> bool:
            return b"bartizan-identity" in (await _create(session, place, _pod({"app": _SERVICE})))[1]

        await until(refuses)
        await until(injects)


async def _turns(session: aiohttp.ClientSession, clients: int) -> dict[str, list[float]]:
    body = _pod({"app": _SERVICE})
    took: dict[str, list[float]] = {name: [] for name in PLACES}
    for _ in range(SLICES):
        for name, place in PLACES.items():
            until = time.monotonic() + SLICE
            await asyncio.gather(*(_client(session, place, body, until, took[name]) for _ in range(clients)))
    say(f"{clients} clients: " + ", ".join(f"{name} {len(values)}" for name, values in took.items()))
    return took


async def _client(session: aiohttp.ClientSession, place: str, body: bytes, until: float, took: list[float]) -> None:
    while (began := time.monotonic()) < until:
        code, said = await _create(session, place, body)
        if code != 201:
            raise AssertionError(f"a compliant pod was refused in {place}: {said[:500]!r}")
        took.append(time.monotonic() - began)


def _rows(clients: int, seen: dict[str, list[float]]) -> list[tuple[str, ...]]:
    free = seen["ungoverned"]
    rows: list[tuple[str, ...]] = []
    for name, values in seen.items():
        middle = percentile(values, 0.5)
        ratios = (f"{middle / percentile(free, 0.5):.2f}", f"{len(values) / len(free):.2f}")
        rate = f"{len(values) / (SLICES * SLICE):.0f}/s"
        cells = (str(len(values)), rate, milliseconds(middle), milliseconds(percentile(values, 0.99)))
        rows.append((str(clients), name, *cells, *ratios))
    return rows

"""What goes wrong under a storm: nobody is home, the API server restarts, every replica is killed in turn."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Final

import cluster as harness
from bench.waiting import until
from chaos.storm import RATE, Tally, a_storm
from demo import components
from demo.install import NAMESPACE as SYSTEM

_COMPONENTS: Final = ("controller", "webhook")
_LOOK: Final = 0.5
_KNOWN_WITHIN: Final = 120.0
"""Seconds after which a restarted API server that refuses everything counts as broken."""
_REST: Final = 3.0
"""Seconds of storm before and after what goes wrong, so that a scene begins and ends in order."""


@dataclass(frozen=True)
class Lengths:
    """How long the scenes are."""

    away: float
    """Seconds for which controller and webhook are scaled to nothing."""
    restarts: int
    """How often the API server is restarted."""


SHORT: Final = Lengths(away=15, restarts=1)
FULL: Final = Lengths(away=600, restarts=10)
"""What issue and documentation speak of."""


async def nobody_home(target: harness.Cluster, seconds: float) -> Tally:
    """Scale controller and webhook to nothing for so long, and back."""
    try:
        for component in _COMPONENTS:
            await asyncio.to_thread(components.scale, target, component, 0)
        async with a_storm(target.kubeconfig) as tally:
            await asyncio.sleep(seconds)
    finally:
        for component in _COMPONENTS:
            await asyncio.to_thread(components.scale, target, component, 2)
    return tally


async def api_server_restarts(target: harness.Cluster, times: int) -> Tally:
    """Restart the API server so often, one time after another."""
    async with a_storm(target.kubeconfig) as tally:
        for _ in range(times):
            await asyncio.sleep(_REST)
            await asyncio.to_thread(target.restart_apiserver)
            await _judged(tally)
        await asyncio.sleep(_REST)
    return tally


async def replicas_killed(target: harness.Cluster) -> Tally:
    """Kill every pod of bartizan, each when the one before has a successor."""
    async with a_storm(target.kubeconfig) as tally:
        await asyncio.sleep(_REST)
        for component in _COMPONENTS:
            for name in await _names(target, component):
                await _kubectl(target, "delete", "pod", name, "-n", SYSTEM, "--grace-period=0", "--force")
                await asyncio.to_thread(components.ready, target, component)
        await asyncio.sleep(_REST)
    return tally


def asked_at_least(seconds: float) -> int:
    """Return how many pods a storm of so many seconds must have tried, were it half as fast as it should be."""
    return int(seconds * RATE / 2)


async def _judged(tally: Tally) -> None:
    """Wait until a compliant pod was let in again: a new API server finds the gate's parameters after half a minute."""
    before = tally.admitted["compliant"]

    async def again() -> bool:
        return tally.admitted["compliant"] > before

    await until(again, every=_LOOK, within=_KNOWN_WITHIN)


async def _names(target: harness.Cluster, component: str) -> list[str]:
    label = components.selector(component)
    found = json.loads(await _kubectl(target, "get", "pods", "-n", SYSTEM, "-l", label, "-o", "json"))
    return [item["metadata"]["name"] for item in found["items"]]


async def _kubectl(target: harness.Cluster, *words: str) -> str:
    return (await asyncio.to_thread(target.kubectl, *words)).stdout

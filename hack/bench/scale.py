"""A thousand policies: how long a cold start takes, what it costs, and how quick a change is among them."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from bartizan.api.kinds import NETWORK_POLICY, POLICY, POLICY_INDEX, SECRET
from bartizan.api.names import KubeObject
from bartizan.core.model import ObjectRef, PolicyKey
from bench import audit, machine
from bench.landscape import EDGES, Landscape, is_ready, network_policy_ref, newer_than, policy_ref
from bench.numbers import spread
from bench.progress import say
from bench.result import Result, Table
from bench.sight import Sight, a_sight
from bench.stage import MANAGER, Running, Stage, a_stage
from bench.waiting import until

NAMESPACES: Final = 50
PER_NAMESPACE: Final = 20
CHANGES: Final = 60
_PATIENCE: Final = 900
_LOOK: Final = 0.5
"""Seconds between two looks at the controller's metrics, which cost it some milliseconds each."""
_KINDS: Final = (POLICY, NETWORK_POLICY, SECRET, POLICY_INDEX)


def _moments() -> dict[ObjectRef, float]:
    return {}


@dataclass
class Ready:
    """When each policy was first seen Ready."""

    at: dict[ObjectRef, float] = field(default_factory=_moments)

    def saw(self, moment: float, ref: ObjectRef, item: KubeObject) -> None:
        """Note an event."""
        if ref.kind == POLICY.kind and is_ready(item):
            self.at.setdefault(ref, moment)


@dataclass(frozen=True)
class Start:
    """One start of the controller until there was nothing left to do; seconds since its process was started."""

    leading: float
    half: float
    settled: float
    controller_cpu: float
    server_cpu: float
    peak: float
    calls: audit.Calls


async def measure() -> Result:
    """Bring a thousand policies to Ready from nothing, start again, then change edges."""
    async with a_stage("scale") as stage:
        land = Landscape("scale", NAMESPACES, PER_NAMESPACE)
        await stage.put(land.spaces())
        await stage.put(land.policies())
        say(f"{len(land.keys)} policies are written, no controller runs")
        async with stage.controller() as controller:
            cold = await _start(stage, controller, len(land.keys))
            say(f"cold: settled after {cold.settled:.1f} s, {cold.controller_cpu:.1f} s of CPU")
        async with stage.controller() as controller:
            warm = await _start(stage, controller, len(land.keys))
            say(f"again: settled after {warm.settled:.1f} s")
            before = controller.cpu_seconds
            async with a_sight(stage.api, POLICY, NETWORK_POLICY) as sight:
                took = await _changes(stage, sight, land)
            each = (controller.cpu_seconds - before) / len(took["consumer"])
    return _result(cold, warm, took, each)


async def _start(stage: Stage, controller: Running, wanted: int) -> Start:
    begun, position, used = time.monotonic(), audit.size(stage.audit_log), machine.cpu_seconds(stage.server_pid)
    ready = Ready()
    async with a_sight(stage.api, *_KINDS) as sight:
        sight.tell(ready.saw)
        await until(controller.leads, every=_LOOK, within=_PATIENCE)
        leading = time.monotonic() - begun

        async def idle_again() -> bool:
            return len(ready.at) >= wanted and _idle(await controller.metrics(), wanted)

        await until(idle_again, every=_LOOK, within=_PATIENCE)
        idle = time.monotonic() - begun
        await sight.quiet(5)
        settled = max(idle, sight.last - begun)
    moments = sorted(ready.at.values())
    return Start(
        leading=leading,
        half=moments[len(moments) // 2] - begun,
        settled=settled,
        controller_cpu=controller.cpu_seconds,
        server_cpu=machine.cpu_seconds(stage.server_pid) - used,
        peak=controller.peak_mebibytes,
        calls=audit.calls(stage.audit_log, position),
    )


def _idle(metrics: dict[str, float], wanted: int) -> bool:
    looked = metrics.get('bartizan_reconcile_total{kind="policy",result="done"}', 0)
    return looked >= wanted and metrics["bartizan_queue_depth"] == 0


async def _changes(stage: Stage, sight: Sight, land: Landscape) -> dict[str, list[float]]:
    """Take an edge from a consumer, later give it back; time until both NetworkPolicies say so."""
    took: dict[str, list[float]] = {"consumer": [], "provider": []}
    chosen = random.Random(2)  # noqa: S311 -- a sample, the same each time
    for number in range(CHANGES):
        consumer = chosen.choice(land.keys)
        provider = sorted(land.calls[consumer])[number % EDGES]
        for change in (land.calls[consumer].discard, land.calls[consumer].add):
            change(provider)
            await _change(stage, sight, land, ends=(consumer, provider), took=took)
    return took


async def _change(
    stage: Stage, sight: Sight, land: Landscape, *, ends: tuple[PolicyKey, PolicyKey], took: dict[str, list[float]]
) -> None:
    consumer = ends[0]
    refs = dict(zip(("consumer", "provider"), map(network_policy_ref, ends), strict=True))
    changed = {end: newer_than(await stage.api.get(ref)) for end, ref in refs.items()}
    # Only the consumer changes its mind; the provider goes on to offer what it offered.
    policy = land.policy(consumer)
    began = time.monotonic()
    await stage.api.apply(policy, manager=MANAGER, force=True)
    for end, ref in refs.items():
        moment = await sight.after(ref, changed[end], since=began)
        took[end].append(moment - began)
    await sight.after(policy_ref(consumer), is_ready)
    await sight.quiet(0.3)


def _result(cold: Start, warm: Start, took: dict[str, list[float]], each: float) -> Result:
    starts = Table(
        ("start", "leads after", "half Ready", "all applied", "CPU of controller", "its peak RSS", "CPU of API server",
         "writes", "reads"),
        tuple(_start_row(name, one) for name, one in (("cold, nothing there", cold), ("again, all there", warm))),
        "**Start**, 1,000 policies, 5,000 edges",
    )  # fmt: skip
    writes = Table(
        ("resource", "objects", "writes", "mean", "most to one object"),
        tuple(_write_row(resource, counted) for resource, counted in sorted(cold.calls.writes.items())),
        "**API writes of the cold start** (API server's audit log). Aim: 1 for each object",
    )
    changes = Table(
        ("NetworkPolicy of the", "n", "p50", "p99", "max"),
        tuple((end, *spread(values)) for end, values in took.items()),
        "**An edge changes**: from sending the policy to its NetworkPolicy seen on a watch",
    )
    return Result(
        name="scale",
        title="Scale: 1,000 policies of 5 edges in 50 namespaces",
        method=(
            "Control plane alone. The policies (20 in each of 50 enforced namespaces; every service calls "
            "three of its namespace and two of the next, both sides declare) are written first; then the "
            "controller's process is started under the chart's ServiceAccount. *All applied* is when every "
            "policy is Ready at its generation, the queue is empty and a watch on policies, NetworkPolicies, "
            f"Secrets and indices has told its last event. Then {CHANGES} edges drawn at random are taken away "
            "and given back one after another. CPU is user and system time; RSS is the kernel's high-water "
            "mark."
        ),
        tables=(starts, writes, changes),
        remarks=(
            f"Refused writes: {cold.calls.refused} in the cold start, {warm.calls.refused} in the second.",
            f"Leases and Events: {cold.calls.asides} writes in the cold start, counted apart.",
            f"Processor time of the controller for one change, both sides: {each * 1000:.0f} ms.",
        ),
    )


def _start_row(name: str, one: Start) -> tuple[str, ...]:
    written = sum(sum(counted.values()) for counted in one.calls.writes.values())
    half = f"{one.half:.1f} s" if written else "-"  # on a second start they are Ready already
    times = (f"{one.leading:.1f} s", half, f"{one.settled:.1f} s", f"{one.controller_cpu:.1f} s")
    return (name, *times, f"{one.peak:.0f} MiB", f"{one.server_cpu:.1f} s", str(written), str(one.calls.reads))


def _write_row(resource: str, counted: Counter[str]) -> tuple[str, ...]:
    written = sum(counted.values())
    return (resource, str(len(counted)), str(written), f"{written / len(counted):.2f}", str(max(counted.values())))

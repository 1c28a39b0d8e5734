"""How long a person waits before anything works: a control plane, a node, the command line, the demo."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import time
from typing import Final

import cluster as harness
from bench.numbers import percentile
from bench.progress import say
from bench.result import Result, Table
from demo.install import ROOT

_PLANES: Final = 3
_NODES: Final = 1
_HELPS: Final = 15
_TOOK: Final = re.compile(r"held, in (\S+?)\.")


async def measure() -> Result:
    """Start everything a few times, one thing at a time."""
    return await asyncio.to_thread(_measure)


def _measure() -> Result:
    plane = [_cluster(f"bench-cp-{os.getpid()}-{number}", node=False) for number in range(_PLANES)]
    say(f"control plane: {plane}")
    node = [_cluster(f"bench-node-{os.getpid()}-{number}", node=True) for number in range(_NODES)]
    say(f"node: {node}")
    verbs = [[sys.executable, "-m", "bartizan", "--help"], [sys.executable, "-m", "bartizan", "version"]]
    told = [[_timed(verb) for _ in range(_HELPS)] for verb in verbs]
    demo = [_demo()]
    rows = (
        ("control plane alone, ready", "15 s", *_row(plane)),
        ("control plane and a node, ready", "", *_row(node)),
        ("`bartizan --help`", "", *_row(told[0])),
        ("`bartizan version`", "", *_row(told[1])),
        ("`make demo`, nothing running", "180 s", *_row(demo)),
    )
    return Result(
        name="startup",
        title="Start, everything compiled",
        method=(
            "Wall clock. Clusters: `cluster.up` of the local provider with every program compiled and every "
            "image made, until the API server takes pods (and the node is Ready), taken down after each. The "
            "demo: the whole of `python -m demo` from starting the cluster to the last claim, the operator's "
            "image made anew from its cached layers."
        ),
        tables=(Table(("what", "limit", "n", "median", "longest"), rows),),
    )


def _row(values: list[float]) -> tuple[str, str, str]:
    shown = [
        f"{value:.1f} s" if value >= 1 else f"{value * 1000:.0f} ms" for value in (percentile(values, 0.5), max(values))
    ]
    return (str(len(values)), shown[0], shown[1])


def _timed(command: list[str]) -> float:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "operator" / "src")}
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment)
    return time.monotonic() - began


def _cluster(name: str, *, node: bool) -> float:
    began = time.monotonic()
    running = harness.up(name, node=node, provider="local", progress=lambda _line: None)
    took = time.monotonic() - began
    running.down()
    return took


def _demo() -> float:
    name = f"bench-demo-{os.getpid()}"
    began = time.monotonic()
    try:
        shown = subprocess.run(
            [sys.executable, "-m", "demo", "--name", name, "--provider", "local"],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        took = time.monotonic() - began
    finally:
        if running := harness.find(name):
            running.down()
    if shown.returncode or not _TOOK.search(shown.stdout):
        raise harness.ClusterError(
            f"the demo did not hold, so its time means nothing:\n{shown.stdout[-2000:]}{shown.stderr[-500:]}"
        )
    return took

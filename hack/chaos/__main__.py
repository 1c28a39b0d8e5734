"""`python -m chaos [--write]`: the storms at full length on a cluster of its own; prints a table, and keeps it in the docs."""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
from pathlib import Path

import cluster as harness
from bench import machine
from bench.progress import say
from bench.result import Result, section
from bench.result import Table as Written
from chaos import scenes
from chaos.storm import RATE, Tally

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "chaos.md"
_HEAD = """# Storms

Written by `python -m chaos --write` (some 15 minutes). tests/e2e/test_45_chaos.py runs the same scenes for a shorter time and
asserts what is said here: nothing forbidden is ever let in, and nothing compliant is refused by a verdict.
"""


def main(arguments: list[str]) -> int:
    """Run the scenes; return 0, or 1 if a pod was judged wrongly, 2 if they could not be run."""
    parser = argparse.ArgumentParser(
        prog="python -m chaos", description=__doc__, epilog="example: python -m chaos --write"
    )
    parser.add_argument("--write", action="store_true", help=f"replace {DOCUMENT.name}")
    parser.add_argument("--short", action="store_true", help="the lengths of the tests, to see that it works")
    chosen = parser.parse_args(arguments)
    load, name = os.getloadavg()[0], f"chaos-{os.getpid()}"
    try:
        shop = [sys.executable, "-m", "demo", "--name", name, "--provider", "local"]
        if code := subprocess.run(shop, check=False).returncode:
            return code
        target = harness.up(name, node=True, provider="local")
        found = asyncio.run(_measured(target, scenes.SHORT if chosen.short else scenes.FULL))
    except harness.ClusterError as problem:
        say(f"the storms could not be run: {problem}")
        return 2
    finally:
        harness.down(name)
    text = section(_result(found), machine.described(load))
    print(text)
    if chosen.write:
        DOCUMENT.write_text(f"{_HEAD}\n{text}", encoding="utf-8")
    return int(any(one.forbidden_admitted or one.compliant_refused for one in found.values()))


async def _measured(target: harness.Cluster, lengths: scenes.Lengths) -> dict[str, Tally]:
    found = {}
    say(f"nobody home for {lengths.away:.0f} s")
    found[f"controller and webhook away for {lengths.away:.0f} s"] = await scenes.nobody_home(target, lengths.away)
    say(f"the API server restarts {lengths.restarts} times")
    found[f"API server restarted {lengths.restarts} times"] = await scenes.api_server_restarts(target, lengths.restarts)
    say("every replica is killed in turn")
    found["every replica of controller and webhook killed in turn"] = await scenes.replicas_killed(target)
    return found


def _result(found: dict[str, Tally]) -> Result:
    head = (
        "scene", "pods", "forbidden let in", "forbidden refused", "compliant let in", "compliant refused", "refused unjudged",
        "API server away",
    )  # fmt: skip
    words = sorted({word for tally in found.values() for word in tally.words})
    return Result(
        name="chaos",
        title="Pods created while something is wrong",
        method=(
            f"A real node with the chart and the shop example; {RATE:.0f} pods a second, every second one forbidden "
            "(privileged, host network, no policy, borrowed labels, root in turn), each with a scheduling gate, deleted as "
            "soon as it is let in. *Refused unjudged*: a starting API server does not know the gate's parameters yet and "
            "refuses every pod until it does, some half a minute later (kubernetes/kubernetes#124237)."
        ),
        tables=(Written(head, tuple(_row(scene, tally) for scene, tally in found.items())),),
        remarks=tuple(f"said without a verdict: {word}" for word in words),
    )


def _row(scene: str, tally: Tally) -> tuple[str, ...]:
    counts = (
        tally.asked,
        tally.forbidden_admitted,
        tally.refused.total() - tally.compliant_refused,
        tally.admitted["compliant"],
        tally.compliant_refused,
        tally.undecided.total(),
        tally.unreached.total(),
    )
    return (scene, *(f"{count:,}" for count in counts))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

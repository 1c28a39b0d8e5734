"""How long `bartizan check` takes over ten thousand Deployments, and a well-known tool over the same files."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.manifests import write_deployments
from bench.numbers import percentile
from bench.progress import say
from bench.result import Result, Table
from demo.install import ROOT

_MANY: Final = 10_000
_SIDE_BY_SIDE: Final = 1_000
_HELPS: Final = 15
_CHECKOV: Final = "checkov==3.3.30"
_PATIENCE: Final = 1800
"""Seconds after which the other tool is not waited for any longer."""

_BUSY: Final = (
    "Taken while other work held the cores: the wall clock is mostly waiting, and what counts here is the "
    "processor time."
)


@dataclass(frozen=True)
class _Run:
    """One run of a program on one core."""

    seconds: float
    cpu: float
    mebibytes: float
    code: int

    def row(self) -> tuple[str, str, str]:
        """Return the cells of a table."""
        return (f"{self.seconds:.1f} s", f"{self.cpu:.1f} s", f"{self.mebibytes:.0f} MiB")


async def measure() -> Result:
    """Measure one thing at a time."""
    return await asyncio.to_thread(_measure)


def _measure() -> Result:
    busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    with tempfile.TemporaryDirectory(prefix="bartizan-bench-") as name:
        folder = Path(name)
        rows = [*_own(folder), *_others(folder)]
    helps = [_on_one_core(_bartizan("--help")).seconds for _ in range(_HELPS)]
    rows.append(("`bartizan --help`, median of 15", "150 ms", f"{percentile(helps, 0.5) * 1000:.0f} ms", "", ""))
    return Result(
        name="check",
        title=f"Manifests judged: {_MANY:,} Deployments of 113 lines",
        method=(
            "Wall clock, processor time and the kernel's high-water mark of a whole process, bound to one core. Every "
            "Deployment has an init container, a container, probes, volumes and an affinity, and a policy of its own; 200 of "
            "them share a namespace. "
            "*As one file* is the same objects in one stream. *With findings* every Deployment asks for the host's network, so "
            "that each has a finding to be placed. The other tool runs its Kubernetes checks on the same files, offline."
        ),
        tables=(Table(("what", "limit", "wall", "CPU", "peak RSS"), tuple(rows)),),
        remarks=(_BUSY,) if busy else (),
    )


def _own(folder: Path) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for title, bad, single, limit in (
        ("a file each, clean", False, False, "15 s, 300 MiB"),
        ("a file each, with findings", True, False, "15 s, 300 MiB"),
        ("as one file, clean", False, True, ""),
    ):
        where = folder / title.replace(" ", "-")
        write_deployments(where, _MANY, bad=bad, single=single)
        done = _on_one_core(_bartizan("check", str(where), "--output", "json"))
        if done.code != int(bad):
            raise TimeoutError(f"{title}: exit code {done.code}, so the run means nothing")
        say(f"{title}: {done}")
        found.append((title, limit, *done.row()))
    return found


def _others(folder: Path) -> list[tuple[str, ...]]:
    """Return the rows side by side; without the other tool's row where it cannot be installed."""
    where = folder / "side-by-side"
    write_deployments(where, _SIDE_BY_SIDE, bad=True)
    own = _on_one_core(_bartizan("check", str(where), "--output", "json"))
    rows: list[tuple[str, ...]] = [(f"{_SIDE_BY_SIDE:,} with findings, bartizan", "", *own.row())]
    home = folder / "venv"
    try:
        venv.create(home, with_pip=True)
        subprocess.run([home / "bin/pip", "install", "--quiet", _CHECKOV], check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        say(f"{_CHECKOV} cannot be installed here: {error.stderr[-300:]!r}")
        return rows
    words = [str(home / "bin/checkov"), "--directory", str(where), "--framework", "kubernetes", "--output", "json"]
    try:
        rows.append((f"the same, {_CHECKOV}", "", *_on_one_core([*words, "--quiet", "--skip-download"]).row()))
    except subprocess.TimeoutExpired:
        rows.append((f"the same, {_CHECKOV}", "", f"over {_PATIENCE} s", "", ""))
    return rows


def _bartizan(*words: str) -> list[str]:
    return [sys.executable, "-m", "bartizan", *words]


def _on_one_core(command: list[str]) -> _Run:
    core = min(os.sched_getaffinity(0))
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "operator" / "src")}
    began = time.monotonic()
    process = subprocess.Popen(
        ["taskset", "--cpu-list", str(core), *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment,
    )
    deadline = began + _PATIENCE
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise subprocess.TimeoutExpired(command, _PATIENCE)
        time.sleep(0.005)
    return _Run(
        seconds=time.monotonic() - began,
        cpu=usage.ru_utime + usage.ru_stime,
        mebibytes=usage.ru_maxrss / 1024,
        code=os.waitstatus_to_exitcode(status),
    )

"""What the numbers were measured on: the machine, its load before and after, and the versions."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from bartizan import __version__
from bench.result import today
from cluster.catalogue import DEFAULT_LANE

_TICKS = os.sysconf("SC_CLK_TCK")


def described(load_before: float) -> str:
    """Return one line on date, machine, load and versions."""
    gibibytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load_after = os.getloadavg()[0]
    return (
        f"{today()}; {os.cpu_count()} cores, {gibibytes:.0f} GiB, {platform.machine()}; load average (1 min) "
        f"{load_before:.1f} when it began and {load_after:.1f} when it ended, this bench's own included; "
        f"bartizan {__version__}, Kubernetes {DEFAULT_LANE}, Python {platform.python_version()}"
    )


def cpu_seconds(pid: int) -> float:
    """Return the processor time a process has used, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def peak_mebibytes(pid: int) -> float:
    """Return the largest resident set a process has had, in MiB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024

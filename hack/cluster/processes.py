"""Starts programs that outlive the run, and stops them by recorded id and start time, never by name."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

from cluster.state import Process

GRACE = timedelta(seconds=5)
_POLL_SECONDS = 0.02


def boot_id() -> str:
    """Return the kernel's id of this boot: process ids of an earlier one mean nothing."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _stat(pid: int) -> tuple[str, int, int] | None:
    """Return (state, parent, start time) of a process, or None if there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return fields[0], int(fields[1]), int(fields[19])


def describe(role: str, pid: int, argv: Sequence[str] = (), log: str = "") -> Process:
    """Return a record of a process that runs now (start time 0 if it is gone already)."""
    stat = _stat(pid)
    return Process(role, pid, stat[2] if stat else 0, tuple(argv), log)


def myself() -> Process:
    """Return the record of this run."""
    return describe("owner", os.getpid())


def alive(process: Process) -> bool:
    """Tell whether the recorded process still runs: same id, same start time, not a zombie."""
    stat = _stat(process.pid)
    return stat is not None and stat[2] == process.started and stat[0] not in "ZX"


def start(role: str, argv: Sequence[str], log: Path) -> Process:
    """Start a program in a session of its own, its output appended to `log`; it survives this run."""
    pid = os.posix_spawnp(
        argv[0],
        list(argv),
        os.environ,
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigdef=[signal.SIGINT, signal.SIGPIPE, signal.SIGTERM],
    )
    return describe(role, pid, argv, str(log))


def reap(pid: int) -> None:
    """Collect a dead child of this run; other processes are not ours to collect."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def send(process: Process, number: signal.Signals) -> None:
    """Signal the process if it is still the recorded one."""
    if alive(process):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)


def stop(stopping: Iterable[Process], grace: timedelta = GRACE) -> None:
    """End the processes together: SIGTERM, then SIGKILL for those that outlive the grace."""
    every = remaining = list(stopping)
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, GRACE)):
        for process in remaining:
            send(process, number)
        deadline = time.monotonic() + patience.total_seconds()
        while True:
            remaining = [process for process in remaining if alive(process)]
            for process in every:
                reap(process.pid)
            if not remaining:
                return
            if time.monotonic() > deadline:
                break
            time.sleep(_POLL_SECONDS)


def descendants(pids: Iterable[int]) -> list[int]:
    """Return the ids of every process below the given ones, children before grandchildren."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))) is not None:
            children.setdefault(stat[1], []).append(int(entry.name))
    found: list[int] = []
    queue = list(pids)
    while queue:
        below = children.get(queue.pop(0), [])
        found += below
        queue += below
    return found

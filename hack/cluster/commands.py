"""Runs the short-lived programs the harness leans on, so that every failure names the command and what it said."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from cluster.errors import CommandFailed, MissingDependency

_TAIL_LINES = 15


def tail(text: str, lines: int = _TAIL_LINES) -> str:
    """Return the last lines of a log, indented for use below a message."""
    return "\n".join(f"    {line}" for line in text.strip().splitlines()[-lines:])


def run(
    argv: Sequence[str],
    *,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end with captured text output; `env` is added to the environment.

    Raises:
        CommandFailed: it returned non-zero and `check` is set.
        MissingDependency: there is no such program.
    """
    try:
        done = subprocess.run(
            list(argv),
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            text=True,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise MissingDependency(f"the program {argv[0]} is not on this machine: install it and try again") from error
    if check and done.returncode != 0:
        said = tail(done.stderr or done.stdout)
        raise CommandFailed(f"`{' '.join(argv)}` returned {done.returncode} (expected 0):\n{said}")
    return done


def quietly(argv: Sequence[str]) -> bool:
    """Run a clean-up command whose failure means there was nothing to clean; return whether it succeeded."""
    try:
        return run(argv, check=False).returncode == 0
    except MissingDependency:
        return False

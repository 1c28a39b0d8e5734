"""Judges from PyPI, installed beside our environment and never in it: what they depend on must not decide what we run with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from cluster import cache
from cluster.commands import run
from judges.program import JudgeError


def library(*requirements: str) -> Path:
    """Return the folder that holds these pinned packages and what they need, installed at the first call."""
    folder = cache.root() / "judges" / cache.digest(*requirements)
    mark = folder / ".ready"
    if not mark.exists():
        with cache.locked("judges"):
            if not mark.exists():
                pip("install", "--quiet", "--target", str(folder), "--upgrade", *requirements)
                mark.touch()
    return folder


def asked(program: str, library: Path, *words: str, text: str) -> str:
    """Return what a Python program says that sees `library` before anything else, with `text` as its input.

    Raises:
        JudgeError: it failed; the message holds the end of what it said.
    """
    source = f"import sys; sys.path.insert(0, {str(library)!r})\n{program}"
    done = subprocess.run(
        [sys.executable, "-I", "-c", source, *words], input=text, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise JudgeError(f"the judge failed: {done.stderr[-1000:]}")
    return done.stdout


def pip(*words: str) -> None:
    """Run pip for a folder of ours.

    Raises:
        CommandFailed: it refused.
    """
    run([sys.executable, "-m", "pip", "--disable-pip-version-check", *words])

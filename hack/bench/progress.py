"""Tells the person who waits what a bench is doing, with the time since it began."""

from __future__ import annotations

import sys
import time

_BEGAN = time.monotonic()


def say(text: str) -> None:
    """Print a line with the elapsed seconds to standard error; standard output is for results."""
    print(f"[{time.monotonic() - _BEGAN:6.1f} s] {text}", file=sys.stderr, flush=True)

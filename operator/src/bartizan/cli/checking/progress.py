"""A bar for whoever waits: only on a terminal, only where there is much to read, and never on standard output."""

import os
import sys
from collections.abc import Iterable
from typing import Final

from bartizan.cli.manifests_folders import Source

MANY: Final = 1000
"""Up to so many files nobody waits long enough to be told."""


def watched(named: list[Source]) -> Iterable[Source]:
    """Return the sources, and show how far they have been taken if somebody looks."""
    if len(named) <= MANY or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        return named
    from rich.console import Console
    from rich.progress import track

    return track(named, description="reading", console=Console(stderr=True), transient=True)

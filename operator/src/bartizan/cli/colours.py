"""Colours, only where somebody looks: a terminal that does not refuse them (https://no-color.org)."""

import os
import sys
from typing import Final

from bartizan.core.network.graph_text import Paint, Tone, plain

_CODES: Final[dict[Tone, str]] = {"title": "1", "good": "32", "waiting": "33", "bad": "31", "quiet": "2"}


def paint() -> Paint:
    """Return how standard output wants its words."""
    wanted = sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return _coloured if wanted else plain


def _coloured(tone: Tone, text: str) -> str:
    return f"\x1b[{_CODES[tone]}m{text}\x1b[0m"

"""Says what is being done and for how long, because a silent cold build of many minutes looks like a hang.

On a terminal one line is rewritten every second; anywhere else (CI logs) a line is added every 30 seconds.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

HEARTBEAT = timedelta(seconds=30)
REDRAW = timedelta(seconds=1)


def elapsed(duration: timedelta) -> str:
    """Render a duration the way people read it: `4s`, `1m05s`."""
    seconds = int(duration.total_seconds())
    return f"{seconds}s" if seconds < 60 else f"{seconds // 60}m{seconds % 60:02d}s"


class Reporter:
    """Prints steps through `say`; `live` rewrites one terminal line on stderr between steps."""

    def __init__(self, say: Callable[[str], None], *, live: bool | None = None) -> None:
        self._say = say
        self._live = (say is print and sys.stdout.isatty()) if live is None else live

    def line(self, text: str) -> None:
        """Print one line."""
        if self._live:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
        self._say(text)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Report `text` as running with a heartbeat until the block ends, then how long it took."""
        started = time.monotonic()
        done = threading.Event()
        if not self._live:
            self.line(f"{text} …")
        beat = threading.Thread(target=self._beat, args=(text, started, done), daemon=True)
        beat.start()
        try:
            yield
        except BaseException:
            self._finish(done, beat, f"{text}: failed after", started)
            raise
        self._finish(done, beat, f"{text}: done in", started)

    def _finish(self, done: threading.Event, beat: threading.Thread, text: str, started: float) -> None:
        done.set()
        beat.join()
        self.line(f"{text} {elapsed(timedelta(seconds=time.monotonic() - started))}")

    def _beat(self, text: str, started: float, done: threading.Event) -> None:
        period = REDRAW if self._live else HEARTBEAT
        while not done.wait(period.total_seconds()):
            message = f"{text} … {elapsed(timedelta(seconds=time.monotonic() - started))}"
            if self._live:
                sys.stderr.write(f"\r\033[K{message}")
                sys.stderr.flush()
            else:
                self.line(message)

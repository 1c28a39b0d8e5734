"""A worker as the process that tells the story sees it: started, told, asked and ended."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


class PeerError(Exception):
    """A peer did not come up, or ended; the message says which and how."""


class Worker:
    """A process of `handshakes.worker`."""

    def __init__(self, name: str, folder: Path, config: dict[str, Any]) -> None:
        """Start it; `ready` says when it listens."""
        path = folder / f"{name}.json"
        path.write_text(json.dumps(config), encoding="utf-8")
        self.name = name
        self._log = folder / f"{name}.log"
        with self._log.open("ab") as log:
            self.running = subprocess.Popen(
                [sys.executable, "-m", "handshakes.worker", str(path)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
            )  # fmt: skip

    def tell(self, content: dict[str, Any]) -> None:
        """Send a line."""
        assert self.running.stdin  # noqa: S101 -- asked for above
        self.running.stdin.write(json.dumps(content) + "\n")
        self.running.stdin.flush()

    async def heard(self) -> dict[str, Any]:
        """Return its next line.

        Raises:
            PeerError: it ended instead.
        """
        assert self.running.stdout  # noqa: S101 -- asked for above
        line = await asyncio.to_thread(self.running.stdout.readline)
        if not line:
            raise PeerError(f"worker {self.name} ended with {self.running.wait()}: {self._log.read_text()[-300:]}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def report(self) -> dict[str, Any]:
        """Return its tally and how many calls are under way."""
        self.tell({"report": True})
        return await self.heard()

    def end(self) -> None:
        """Let it end."""
        assert self.running.stdin  # noqa: S101 -- asked for above
        assert self.running.stdout  # noqa: S101
        with contextlib.suppress(BrokenPipeError):
            self.running.stdin.close()
        self.running.wait()
        self.running.stdout.close()

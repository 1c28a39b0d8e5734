"""A judge's program: a case is one line of JSON in, its verdict one line of JSON out.

Starting a program costs more than answering a case, so one run answers hundreds.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from types import TracebackType
from typing import Any, Self

import cluster


class JudgeError(Exception):
    """A judge could not be asked; a case it refuses is an answer (`error`), not this."""


class Program:
    """One running judge. Use as a context manager; the program ends with it."""

    name: str

    def __enter__(self) -> Self:
        path = cluster.tool(self.name)
        self._remarks = tempfile.TemporaryFile()
        self._running = subprocess.Popen(
            [path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._remarks, text=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.communicate()
        self._remarks.close()

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """Return the verdict on one case.

        Raises:
            JudgeError: the program ended instead of answering; the message holds the end of what it said.
        """
        if self._running.stdin is None or self._running.stdout is None:
            raise JudgeError(f"{self.name} runs without pipes")
        self._running.stdin.write(json.dumps(question) + "\n")
        self._running.stdin.flush()
        line = self._running.stdout.readline()
        if not line:
            self._running.wait()
            self._remarks.seek(0)
            said = self._remarks.read().decode(errors="replace")[-2000:]
            raise JudgeError(f"{self.name} ended with {self._running.returncode} instead of answering: {said}")
        answer: dict[str, Any] = json.loads(line)
        return answer

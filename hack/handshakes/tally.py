"""Handshakes counted: by client, server, version of TLS and phase; the first failures with their words.

Counting is all that several threads do together, so it is under one lock; tallies of several processes are added up as JSON.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

KEPT = 20
"""How many failures keep their words in each phase; the rest are counted."""


class Cell(NamedTuple):
    """What is counted apart."""

    client: str
    server: str
    version: str
    phase: str


class Failure(NamedTuple):
    """A failed handshake as its client saw it."""

    cell: Cell
    error: str


@dataclass
class Tally:
    """Counts so far."""

    ok: Counter[Cell] = field(default_factory=Counter)
    failed: Counter[Cell] = field(default_factory=Counter)
    failures: list[Failure] = field(default_factory=list)
    served: Counter[str] = field(default_factory=Counter)
    """Handshakes completed and answered, as our own servers counted them."""
    refused: Counter[str] = field(default_factory=Counter)
    """Handshakes our own servers saw fail."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def succeeded(self, cell: Cell) -> None:
        """Count a handshake over which a word came back."""
        with self._lock:
            self.ok[cell] += 1

    def fell(self, cell: Cell, error: str) -> None:
        """Count a failed one."""
        with self._lock:
            self.failed[cell] += 1
            if sum(one.cell.phase == cell.phase for one in self.failures) < KEPT:
                self.failures.append(Failure(cell, error))

    def answered(self, server: str, *, well: bool) -> None:
        """Count what a server of ours saw."""
        with self._lock:
            (self.served if well else self.refused)[server] += 1

    def dumped(self) -> dict[str, Any]:
        """Return it as JSON."""
        with self._lock:
            return {
                "ok": [[*cell, count] for cell, count in self.ok.items()],
                "failed": [[*cell, count] for cell, count in self.failed.items()],
                "failures": [[*one.cell, one.error] for one in self.failures],
                "served": dict(self.served),
                "refused": dict(self.refused),
            }


def added(dumps: Iterable[dict[str, Any]]) -> Tally:
    """Return the sum of several dumped tallies."""
    total = Tally()
    for dump in dumps:
        total.ok.update({Cell(*row[:4]): row[4] for row in dump["ok"]})
        total.failed.update({Cell(*row[:4]): row[4] for row in dump["failed"]})
        total.failures += [Failure(Cell(*row[:4]), row[4]) for row in dump["failures"]]
        total.served.update(dump["served"])
        total.refused.update(dump["refused"])
    return total

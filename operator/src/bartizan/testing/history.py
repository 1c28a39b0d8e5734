"""The fake API server's memory of changes, which watches read from and which can be cut off behind them."""

import asyncio
import copy
from collections.abc import Callable
from dataclasses import dataclass

from bartizan.api.kinds import Kind
from bartizan.api.names import KubeObject
from bartizan.kube.api import WatchEvent
from bartizan.kube.errors import GoneError

Filter = Callable[[KubeObject], bool]


@dataclass(frozen=True, slots=True)
class Change:
    """One object before and after; None where it did not exist."""

    version: int
    kind: Kind
    before: KubeObject | None
    after: KubeObject | None

    def seen_through(self, selects: Filter) -> WatchEvent | None:
        """Return what a watcher with the filter `selects` is told; None if nothing.

        An object that starts or ceases to match is ADDED or DELETED for that watcher, whatever really happened to it.
        """
        was = self.before is not None and selects(self.before)
        if self.after is not None and selects(self.after):
            return WatchEvent("MODIFIED" if was else "ADDED", copy.deepcopy(self.after))
        if was and self.before is not None:
            last = {**self.before, "metadata": {**self.before["metadata"], "resourceVersion": str(self.version)}}
            return WatchEvent("DELETED", copy.deepcopy(last))
        return None


class History:
    """Changes in order of resourceVersion, oldest first."""

    def __init__(self) -> None:
        self._changes: list[Change] = []
        self._compacted = 0
        self._bells: set[asyncio.Event] = set()

    def add(self, change: Change) -> None:
        """Remember `change` and wake everybody who waits."""
        self._changes.append(change)
        self.ring()

    def compact(self, version: int) -> None:
        """Forget what led up to `version`; whoever has not read it gets GoneError."""
        self._changes = [change for change in self._changes if change.version > version]
        self._compacted = max(self._compacted, version)

    def since(self, version: int, kind: Kind) -> list[Change]:
        """Return the changes of `kind` after `version`; raises GoneError if some are forgotten."""
        if version < self._compacted:
            msg = f"too old resource version: {version} ({self._compacted})"
            raise GoneError(msg)
        return [change for change in self._changes if change.version > version and change.kind == kind]

    def bell(self) -> asyncio.Event:
        """Return an event that is set at every change, until `unhook`."""
        event = asyncio.Event()
        self._bells.add(event)
        return event

    def unhook(self, bell: asyncio.Event) -> None:
        """Stop ringing `bell`."""
        self._bells.discard(bell)

    def ring(self) -> None:
        """Wake everybody who waits."""
        for bell in self._bells:
            bell.set()

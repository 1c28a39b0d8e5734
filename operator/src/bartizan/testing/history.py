"""The fake API server's memory of changes, which watches read from and which can be cut off behind them."""

import asyncio
import copy
from collections.abc import AsyncGenerator, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

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
    """Changes in order of resourceVersion, oldest first, and the streams that are read from them."""

    def __init__(self) -> None:
        self._changes: list[Change] = []
        self._compacted = 0
        self._version = 0
        self._streams: list[_Stream] = []

    def add(self, change: Change) -> None:
        """Remember `change` and wake every stream."""
        self._changes.append(change)
        self._version = change.version
        self._ring()

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

    @property
    def open_streams(self) -> int:
        """How many streams are being read."""
        return len(self._streams)

    def break_streams(self, error: Exception | None) -> None:
        """End every open stream, by `error` if given."""
        for stream in self._streams:
            stream.broken, stream.error = True, error
        self._ring()

    async def follow(
        self, kind: Kind, selects: Filter, since: int, deadline: Coroutine[Any, Any, None]
    ) -> AsyncGenerator[WatchEvent, None]:
        """Yield what a watcher is told after version `since`; a bookmark closes the stream at `deadline`."""
        stream = _Stream()
        self._streams.append(stream)
        alarm = asyncio.ensure_future(deadline)
        alarm.add_done_callback(lambda _: stream.bell.set())
        try:
            while True:
                stream.bell.clear()
                changes, since = self.since(since, kind), self._version
                for event in filter(None, (change.seen_through(selects) for change in changes)):
                    yield event
                if since != self._version:
                    continue
                if alarm.done():
                    yield WatchEvent("BOOKMARK", bookmark(kind, since))
                    return
                if not stream.broken:
                    await stream.bell.wait()
                if stream.broken:
                    if stream.error:
                        raise stream.error
                    return
        finally:
            alarm.cancel()
            self._streams.remove(stream)

    def _ring(self) -> None:
        for stream in self._streams:
            stream.bell.set()


@dataclass(eq=False, slots=True)
class _Stream:
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    broken: bool = False
    error: Exception | None = None


def bookmark(kind: Kind, version: int) -> KubeObject:
    """Return the object of a BOOKMARK event."""
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"resourceVersion": str(version)}}

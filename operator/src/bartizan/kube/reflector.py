"""Keeps a Store in step with one collection: list, watch, and list again whenever the watch may have missed something.

Its one promise: whatever changed, `on_change` is called after the store holds the new state, also for objects that came and
went while nobody looked.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from datetime import timedelta
from typing import Final

import structlog

from bartizan.api.kinds import Kind
from bartizan.core.model import ObjectRef
from bartizan.kube.api import KubeApi, WatchEvent
from bartizan.kube.backoff import Backoff
from bartizan.kube.clock import Clock, SystemClock
from bartizan.kube.errors import GoneError, KubeError
from bartizan.kube.store import Store

_log = structlog.get_logger(__name__)

WATCH_TIMEOUT: Final = timedelta(minutes=5)
"""A stream's length: what client-go asks for, and the longest a silently dead one can go unnoticed."""
_TOO_SHORT: Final = 1.0
"""Seconds; a stream that ends earlier and says nothing is a failure, or a broken proxy would be asked in a tight loop."""


class Reflector:
    """One collection, of one namespace or of all; at most one reflector per kind and namespace feeds a store."""

    def __init__(
        self,
        api: KubeApi,
        kind: Kind,
        store: Store,
        on_change: Callable[[ObjectRef], None],
        *,
        namespace: str = "",
        label_selector: str = "",
        clock: Clock | None = None,
        backoff: Backoff | None = None,
        watch_timeout: timedelta = WATCH_TIMEOUT,
    ) -> None:
        self._api = api
        self._kind = kind
        self._store = store
        self._on_change = on_change
        self._namespace = namespace
        self._label_selector = label_selector
        self._clock = clock or SystemClock()
        self._backoff = backoff or Backoff()
        self._watch_timeout = watch_timeout
        self._version = ""
        self._failures = 0
        self._gone = 0
        self._synced = asyncio.Event()

    @property
    def synced(self) -> bool:
        """Whether the store has held the whole collection at least once."""
        return self._synced.is_set()

    async def wait_synced(self) -> None:
        """Return once `synced`."""
        await self._synced.wait()

    async def run(self) -> None:
        """Follow the collection until cancelled; the API server's errors are outlived, everything else is raised."""
        while True:
            try:
                if not self._version:
                    await self._relist()
                await self._follow()
            except GoneError as error:
                # The server is back and answers: what failed before is over, and only 410 upon 410 is a reason to wait.
                self._version, self._failures = "", 0
                self._gone += 1
                await self._recover(error, self._gone - 1)
            except KubeError as error:
                self._failures += 1
                await self._recover(error, self._failures)

    async def _relist(self) -> None:
        listing = await self._api.list(self._kind, namespace=self._namespace, label_selector=self._label_selector)
        changed = self._store.replace(self._kind, listing.items, namespace=self._namespace)
        self._version = listing.resource_version
        self._synced.set()
        for ref in changed:
            self._on_change(ref)

    async def _follow(self) -> None:
        began, heard = self._clock.monotonic(), False
        stream = self._api.watch(
            self._kind,
            namespace=self._namespace,
            label_selector=self._label_selector,
            resource_version=self._version,
            timeout=self._watch_timeout,
        )
        async with aclosing(stream) as events:
            async for event in events:
                self._failures, self._gone, heard = 0, 0, True
                self._take(event)
        if heard or self._clock.monotonic() - began >= _TOO_SHORT:
            self._failures, self._gone = 0, 0
            return
        msg = f"watch {self._kind.kind}: the stream ended at once without a word"
        raise KubeError(msg)

    def _take(self, event: WatchEvent) -> None:
        self._version = event.item["metadata"]["resourceVersion"]
        if event.type == "BOOKMARK":
            return
        ref = ObjectRef.of(event.item)
        changed = self._store.delete(ref) if event.type == "DELETED" else self._store.apply(event.item)
        if changed:
            self._on_change(ref)

    async def _recover(self, error: KubeError, failures: int) -> None:
        """Wait before the next attempt: longer after more `failures` in a row, not at all after none."""
        wait = self._backoff.delay(failures, error.retry_after) if failures else timedelta(0)
        _log.warning(
            "reflector starts again",
            kind=self._kind.kind,
            namespace=self._namespace,
            failures=failures,
            wait_seconds=wait.total_seconds(),
            error=str(error),
        )
        await self._clock.sleep(wait)

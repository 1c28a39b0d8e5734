"""What happens in the cluster, as a watch tells it, each event with the moment it arrived.

Polling would measure its own interval; a watch is told within a millisecond and costs nothing while nothing happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from bartizan.api.kinds import Kind
from bartizan.api.names import KubeObject
from bartizan.core.model import ObjectRef
from bartizan.kube.client import Client

Meets = Callable[[KubeObject], bool]
Listener = Callable[[float, ObjectRef, KubeObject], None]
_LAST: Final = 20
"""Events kept per object: more than any one change causes."""
_STREAM: Final = timedelta(hours=1)


class Sight:
    """Watches kinds of the whole cluster, or of one namespace."""

    def __init__(self, api: Client) -> None:
        self._api = api
        self._history: defaultdict[ObjectRef, list[tuple[float, KubeObject]]] = defaultdict(list)
        self._happened = asyncio.Event()
        self._blind: BaseException | None = None
        self._listeners: list[Listener] = []
        self.last = time.monotonic()

    async def after(self, ref: ObjectRef, meets: Meets, *, since: float = 0, within: float = 60) -> float:
        """Return when the first state of an object since a moment that meets a condition was seen, even if before this call.

        Raises:
            TimeoutError: none was within that many seconds; the message names the object.
        """
        async with _deadline(within, f"{ref.kind} {ref.namespace}/{ref.name}"):
            while True:
                for moment, item in self._history[ref]:
                    if moment >= since and meets(item):
                        return moment
                await self._next()

    async def quiet(self, seconds: float, *, within: float = 600) -> None:
        """Return when nothing has happened for so long.

        Raises:
            TimeoutError: something happened all the time.
        """
        async with _deadline(within, "silence"):
            while True:
                rest = self.last + seconds - time.monotonic()
                if rest <= 0:
                    return
                await asyncio.sleep(rest)

    def tell(self, listener: Listener) -> None:
        """Call `listener` with what was seen last of every object, and from now on with each event."""
        for ref, history in self._history.items():
            if history:
                listener(history[-1][0], ref, history[-1][1])
        self._listeners.append(listener)

    async def _next(self) -> None:
        if self._blind:
            raise self._blind
        self._happened.clear()
        await self._happened.wait()

    def ended(self, watching: asyncio.Task[None]) -> None:
        """Have whoever waits fail when a watch has died: blind, it would wait for ever."""
        if not watching.cancelled():
            self._blind = watching.exception()
            self._happened.set()

    def _saw(self, item: KubeObject) -> None:
        self.last = time.monotonic()
        ref = ObjectRef.of(item)
        self._history[ref] = [*self._history[ref][1 - _LAST :], (self.last, item)]
        for listener in self._listeners:
            listener(self.last, ref, item)
        self._happened.set()

    async def _watch(self, kind: Kind, namespace: str, version: str) -> None:
        while True:
            async for event in self._api.watch(kind, namespace=namespace, resource_version=version, timeout=_STREAM):
                version = event.item["metadata"]["resourceVersion"]
                if event.type in {"ADDED", "MODIFIED"}:
                    self._saw(event.item)


@asynccontextmanager
async def a_sight(api: Client, *kinds: Kind, namespace: str = "") -> AsyncIterator[Sight]:
    """Watch from now on until the block ends; what there is already counts as just seen."""
    sight = Sight(api)
    tasks = []
    for kind in kinds:
        listing = await api.list(kind, namespace=namespace)
        for item in listing.items:
            sight._saw(item)  # noqa: SLF001 -- the same module
        tasks.append(asyncio.create_task(sight._watch(kind, namespace, listing.resource_version)))  # noqa: SLF001
        tasks[-1].add_done_callback(sight.ended)
    try:
        yield sight
    finally:
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def _deadline(seconds: float, what: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise TimeoutError(f"{what} did not come within {seconds:.0f} s") from None

"""The work queue: which keys are to be reconciled, each at most once at a time.

An event is only a hint that a key deserves a look, so a hundred hints about one key are one piece of work. A hint that comes
while its key is in flight is kept and runs afterwards, because the reconcile under way may have looked too early.

Keys added ahead are taken before all others: somebody has just changed something there, or a moment that was promised has come,
and a revocation must not wait until every policy has been looked at once more.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final, Generic, TypeVar

from bartizan.kube.clock import Clock, SystemClock

K = TypeVar("K", bound=Hashable)

FIRST_DELAY: Final = timedelta(milliseconds=5)
"""The wait before the first retry of a key; it doubles with each failure in a row."""
LONGEST_DELAY: Final = timedelta(minutes=5)
"""The longest wait between two retries of a key."""
MOST_ASIDE: Final = 200
"""How many workers may wait aside at once, each replaced by another: as many keys are half done when the process dies."""


class WorkQueue(Generic[K]):
    """Keys waiting, in flight and put off. All methods belong to one event loop."""

    def __init__(
        self, clock: Clock | None = None, *, first: timedelta = FIRST_DELAY, longest: timedelta = LONGEST_DELAY
    ) -> None:
        """Wait on `clock` and back off from `first` up to `longest`."""
        self._clock = clock or SystemClock()
        self._first = first
        self._longest = longest
        self._first_ready: deque[K] = deque()
        self._ready: deque[K] = deque()
        self._ahead: set[K] = set()
        self._waiting: set[K] = set()
        self._in_flight: set[K] = set()
        self._failures: dict[K, int] = {}
        self._delayed: dict[K, tuple[float, bool]] = {}
        self._due: list[tuple[float, int, K]] = []
        self._puts = 0
        self._sleeper: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._aside = 0
        self._running = 0
        self._hire: Callable[[], object] = lambda: None

    def __len__(self) -> int:
        """How many keys wait to be taken now; those in flight or put off don't count."""
        return len(self._first_ready) + len(self._ready)

    @property
    def in_flight(self) -> frozenset[K]:
        """The keys taken and not yet done."""
        return frozenset(self._in_flight)

    @property
    def delayed(self) -> frozenset[K]:
        """The keys put off to a later time."""
        return frozenset(self._delayed)

    def add(self, key: K, *, ahead: bool = False) -> None:
        """Have `key` looked at: now, or right after the look that is under way; with `ahead`, before all that are without."""
        if ahead and key not in self._ahead:
            self._ahead.add(key)
            if key in self._waiting and key not in self._in_flight:
                self._ready.remove(key)
                self._first_ready.append(key)
        if key in self._waiting:
            return
        self._waiting.add(key)
        if key not in self._in_flight:
            self._push(key)

    def add_after(self, key: K, delay: timedelta, *, ahead: bool = False) -> None:
        """Have `key` looked at after `delay`, then perhaps `ahead` of others; of several such wishes the earliest holds."""
        due = self._clock.monotonic() + delay.total_seconds()
        planned = self._delayed.get(key)
        if planned and planned[0] <= due:
            return
        first = not self._due or due < self._due[0][0]
        self._delayed[key] = (due, ahead)
        self._puts += 1
        heapq.heappush(self._due, (due, self._puts, key))
        if first:
            if self._sleeper:
                self._sleeper.cancel()
            self._sleeper = asyncio.get_running_loop().create_task(self._add_in_time())

    def retry(self, key: K, *, least: timedelta = timedelta(0)) -> timedelta:
        """Have `key` looked at again after its back-off, which doubles with every call until `forget`; return the wait.

        The back-off begins at `least` where that is longer than what this queue begins with.
        """
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        doubled: timedelta = max(self._first, least) * 2 ** min(failures, 32)
        delay = min(self._longest, doubled)
        self.add_after(key, delay)
        return delay

    def forget(self, key: K) -> None:
        """End the back-off of `key`: its next failure waits the shortest time again."""
        self._failures.pop(key, None)

    async def take(self) -> K:
        """Return the next key, waiting for one. It is in flight until `done`."""
        while not len(self):
            self._wake.clear()
            await self._wake.wait()
        key = (self._first_ready or self._ready).popleft()
        self._ahead.discard(key)
        self._waiting.discard(key)
        self._in_flight.add(key)
        return key

    def done(self, key: K) -> None:
        """End the flight of `key`; if it was added meanwhile, it is ready again."""
        self._in_flight.discard(key)
        if key in self._waiting:
            self._push(key)

    def clear(self) -> None:
        """Drop everything that waits and all back-off: the keys are somebody else's now."""
        if self._sleeper:
            self._sleeper.cancel()
        self._delayed.clear()
        self._due.clear()
        self._failures.clear()
        self._first_ready.clear()
        self._ready.clear()
        self._ahead.clear()
        self._waiting.clear()

    async def serve(self, work: Callable[[K], Awaitable[None]], *, workers: int) -> None:
        """Give keys to `work`, at most `workers` at a time, until cancelled. `work` must not raise."""
        async with asyncio.TaskGroup() as group:
            self._running = self._aside = 0
            self._hire = lambda: group.create_task(self._serve_one(work, workers))
            for _ in range(workers):
                self._hire()

    @asynccontextmanager
    async def aside(self) -> AsyncIterator[None]:
        """Within it the worker only waits for somebody else: another one serves in its place meanwhile.

        So many keys can wait for one write that they share, although few are worked on at once.
        """
        if self._aside >= MOST_ASIDE:
            yield
            return
        self._aside += 1
        self._hire()
        try:
            yield
        finally:
            self._aside -= 1

    async def _serve_one(self, work: Callable[[K], Awaitable[None]], workers: int) -> None:
        self._running += 1
        while self._running <= workers + self._aside:
            key = await self.take()
            try:
                await work(key)
            finally:
                self.done(key)
            # A look that finds nothing to do never waits: a queue full of those would keep out what goes ahead of them.
            await asyncio.sleep(0)
        self._running -= 1

    def _push(self, key: K) -> None:
        (self._first_ready if key in self._ahead else self._ready).append(key)
        self._wake.set()

    async def _add_in_time(self) -> None:
        """Add what was put off as it falls due. One task for all: there may be a renewal put off for every policy."""
        while self._due:
            wait = timedelta(seconds=self._due[0][0] - self._clock.monotonic())
            if wait > timedelta(0):
                await self._clock.sleep(wait)
                continue
            due, _, key = heapq.heappop(self._due)
            # Who was put off to an earlier moment since has another entry, and this one counts no more.
            if (planned := self._delayed.get(key)) and planned[0] == due:
                del self._delayed[key]
                self.add(key, ahead=planned[1])

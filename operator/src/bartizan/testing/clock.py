"""A clock that moves only when a test says so."""

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
_SETTLE: Final = 25
"""Turns of the event loop given to woken tasks; more than any chain of awaits in the code under test."""


class FakeClock:
    """`bartizan.kube.clock.Clock` under a test's control; starts at 2026-01-01T00:00:00Z and monotonic 0."""

    def __init__(self, start: datetime = _EPOCH) -> None:
        self._start = start
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now(self) -> datetime:
        """Return the fake wall clock's time."""
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Return the seconds advanced so far."""
        return self._elapsed

    async def sleep(self, duration: timedelta) -> None:
        """Return once a test has advanced the clock by `duration`."""
        if duration <= timedelta(0):
            await asyncio.sleep(0)
            return
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + duration.total_seconds(), next(self._order), wake))
        await wake

    async def advance(self, duration: timedelta) -> None:
        """Move time on, waking sleepers at their own moments and in order, and let what they woke settle."""
        target = self._elapsed + duration.total_seconds()
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= target:
            due, _, wake = heapq.heappop(self._sleepers)
            if wake.done():
                continue
            self._elapsed = max(self._elapsed, due)
            wake.set_result(None)
            await self.settle()
        self._elapsed = target
        await self.settle()

    async def settle(self) -> None:
        """Let every task run until it waits for something."""
        for _ in range(_SETTLE):
            await asyncio.sleep(0)

    def shift(self, duration: timedelta) -> None:
        """Jump the wall clock without moving monotonic time, as NTP or an operator would."""
        self._start += duration

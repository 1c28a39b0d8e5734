"""Time as something that is handed in, so that back-off, leases and limits can be tested in no time at all."""

import asyncio
import time
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, TypeVar

T = TypeVar("T")

_SINCE_BOOT: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""`CLOCK_MONOTONIC` stops during a suspend on Linux: a leader that slept would believe its lease still runs."""


class Clock(Protocol):
    """The three things code may ask of time."""

    def now(self) -> datetime:
        """Return the wall clock's time, aware, UTC. It may jump."""
        ...

    def monotonic(self) -> float:
        """Return seconds since some fixed moment. It never goes back."""
        ...

    async def sleep(self, duration: timedelta) -> None:
        """Return after `duration`."""
        ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        """Return the wall clock's time, aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds since boot, including time the machine was suspended."""
        return time.clock_gettime(_SINCE_BOOT)

    async def sleep(self, duration: timedelta) -> None:
        """Return after `duration`."""
        await asyncio.sleep(duration.total_seconds())


async def within(clock: Clock, limit: timedelta, work: Awaitable[T]) -> T:
    """Return what `work` returns; cancels it and raises TimeoutError when `limit` has passed on `clock`."""
    task = asyncio.ensure_future(work)
    alarm = asyncio.ensure_future(clock.sleep(limit))
    try:
        await asyncio.wait({task, alarm}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        msg = f"no answer within {limit.total_seconds():g} s"
        raise TimeoutError(msg)
    finally:
        for future in (task, alarm):
            future.cancel()
        await asyncio.gather(task, alarm, return_exceptions=True)


def micro_time(moment: datetime) -> str:
    """Return an aware UTC moment as a `metav1.MicroTime`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

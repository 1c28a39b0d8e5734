"""Waiting for what no watch tells: a process's metrics, an admission policy that has taken effect."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


async def until(so: Callable[[], Awaitable[bool]], *, every: float = 0.2, within: float = 60) -> None:
    """Return when `so()` is true.

    Raises:
        TimeoutError: it was not within that many seconds.
    """
    async with asyncio.timeout(within):
        while True:
            if await so():
                return
            await asyncio.sleep(every)

"""Keeps the addresses of the names that policies call, and says when a list has changed.

Every replica does it, so that the one that takes over does not cut what it has not asked for yet. The picture is told only when
the addresses differ: a time to live that counts down is nobody's news.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final, Protocol

import structlog

from bartizan.controller.world import World
from bartizan.core.model import ResolvedName
from bartizan.core.network.names import Answer, Memory, remember
from bartizan.kube.clock import Clock

_log: Final = structlog.get_logger("bartizan.names")
_REST: Final = timedelta(seconds=30)
"""After how long the wanted names are looked at again, should nobody have said that they changed."""
_AT_ONCE: Final = 8
"""Questions under way at once: DNS is everybody's."""


class NameResolver(Protocol):
    """Finds the addresses of names; never raises for what a name or a server does."""

    async def resolve(self, name: str) -> Answer:
        """Return what DNS says of the absolute `name`."""
        ...


class NameWatch:
    """Asks for each wanted name when its time has come."""

    def __init__(
        self, world: World, resolver: NameResolver, *, tell: Callable[[ResolvedName], None], clock: Clock
    ) -> None:
        """Call `tell` with every name whose addresses have changed."""
        self._world = world
        self._resolver = resolver
        self._tell = tell
        self._clock = clock
        self._known: dict[str, Memory] = {}
        self._wake = asyncio.Event()
        self._first = asyncio.Event()

    def tend(self) -> None:
        """Look again which names are wanted."""
        self._wake.set()

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await self.look()
            self._first.set()
            await self._rest()

    async def wait_synced(self) -> None:
        """Return once every name wanted at the start was asked for, answered or not."""
        await self._first.wait()

    async def look(self) -> None:
        """Ask for the names whose time has come, and forget those that nobody wants."""
        self._wake.clear()
        wanted = self._world.wanted_names()
        for name in self._known.keys() - wanted:
            del self._known[name]
            self._world.name_forgotten(name)
        now = self._clock.now()
        due = [name for name in sorted(wanted) if name not in self._known or self._known[name].look_at <= now]
        gate = asyncio.Semaphore(_AT_ONCE)
        await asyncio.gather(*(self._ask(name, gate) for name in due))

    async def _ask(self, name: str, gate: asyncio.Semaphore) -> None:
        async with gate:
            answer = await self._resolver.resolve(name)
        before = self._known.get(name)
        after = remember(before, name, answer, self._clock.now())
        self._known[name] = after
        if before is None or before.resolved != after.resolved:
            _log.info("name", name=name, addresses=len(after.until), problem=after.problem)
            self._tell(after.resolved)

    async def _rest(self) -> None:
        """Sleep until the next name is due or the wanted names may have changed."""
        now = self._clock.now()
        pause = min((memory.look_at - now for memory in self._known.values()), default=_REST)
        sleeping = asyncio.create_task(self._clock.sleep(max(timedelta(0), min(pause, _REST))))
        waking = asyncio.create_task(self._wake.wait())
        try:
            await asyncio.wait({sleeping, waking}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            waking.cancel()

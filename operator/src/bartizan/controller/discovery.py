"""Asks the API server now and then which further kinds it serves, because a network plugin may come after bartizan.

A cluster that cannot be asked is taken for what it was: a plugin's kinds do not vanish because one question went unanswered.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from bartizan.core.capabilities import SERVED_BY, Capabilities, capabilities
from bartizan.kube.api import KubeApi
from bartizan.kube.clock import Clock
from bartizan.kube.errors import KubeError

_log: Final = structlog.get_logger("bartizan.discovery")
PERIOD: Final = timedelta(seconds=30)
"""How often the cluster is asked: what is written for a plugin's kind counts from its coming, and nobody tells of that."""
_AGAIN: Final = timedelta(seconds=10)


class Discovery:
    """A source that brings capabilities in."""

    def __init__(self, api: KubeApi, *, tell: Callable[[Capabilities], None], clock: Clock) -> None:
        """Call `tell` with what was found, each time."""
        self._api = api
        self._tell = tell
        self._clock = clock
        self._first = asyncio.Event()

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await self._clock.sleep(await self._look())

    async def wait_synced(self) -> None:
        """Return once the cluster was asked and has answered."""
        await self._first.wait()

    async def _look(self) -> timedelta:
        versions = sorted({version for ways in SERVED_BY.values() for version, _ in ways})
        try:
            served = {version: await self._api.served(version) for version in versions}
        except KubeError as error:
            _log.warning("not known what the cluster serves", error=str(error), wait_seconds=_AGAIN.total_seconds())
            return _AGAIN
        self._tell(capabilities(served))
        self._first.set()
        return PERIOD

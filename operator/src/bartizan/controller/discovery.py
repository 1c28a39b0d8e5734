"""Asks the API server now and then which further kinds it serves, because a network plugin may come after bartizan.

A cluster that cannot be asked is taken for what it was: a plugin's kinds do not vanish because one question went unanswered.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Final

import structlog

from bartizan.api.names import KubeObject
from bartizan.core.capabilities import ASKED, Capabilities, capabilities, certificates_version
from bartizan.core.pki.support import lack_of_kinds, lack_of_nodes, lack_of_volumes, template
from bartizan.kube.api import KubeApi
from bartizan.kube.clock import Clock
from bartizan.kube.errors import ForbiddenError, InvalidError, KubeError, NotFoundError

_log: Final = structlog.get_logger("bartizan.discovery")
PERIOD: Final = timedelta(seconds=30)
"""How often the cluster is asked: what is written for a plugin's kind counts from its coming, and nobody tells of that."""
_AGAIN: Final = timedelta(seconds=10)


class Discovery:
    """A source that brings capabilities in."""

    def __init__(
        self,
        api: KubeApi,
        *,
        namespace: str,
        nodes: Callable[[], Iterable[KubeObject]],
        tell: Callable[[Capabilities], None],
        clock: Clock,
    ) -> None:
        """Call `tell` with what was found, each time; a volume is shown to the API server in `namespace`."""
        self._api = api
        self._namespace = namespace
        self._nodes = nodes
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
        try:
            served = {version: await self._api.served(version) for version in ASKED}
            found = capabilities(served, pod_certificates_lack=await self._lack(served))
        except KubeError as error:
            _log.warning("not known what the cluster serves", error=str(error), wait_seconds=_AGAIN.total_seconds())
            return _AGAIN
        self._tell(found)
        self._first.set()
        return PERIOD

    async def _lack(self, served: Mapping[str, frozenset[str]]) -> str:
        """Return what keeps pods from certificates made on their node."""
        version = certificates_version(served)
        if lack := lack_of_kinds(version):
            return lack
        try:
            answer = await self._api.apply(template(self._namespace), manager="bartizan/discovery", dry_run=True)
        except (ForbiddenError, InvalidError, NotFoundError) as error:
            return f"the API server does not take a volume of pod certificates: {error}"
        return lack_of_volumes(answer) or lack_of_nodes(self._nodes(), version)

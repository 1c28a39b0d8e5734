"""The prober's life: watch, and run what is due, a few at a time.

Nothing is remembered but what stands in the policies' status: a prober that starts anew goes on where the last one stopped, and
one that is gone leaves proofs that grow old.
"""

import asyncio
from datetime import timedelta
from typing import Final

import structlog

from bartizan.core.model import PolicyKey
from bartizan.core.network.probing import Landscape
from bartizan.core.network.semantics import Endpoint
from bartizan.kube.api import KubeApi
from bartizan.kube.clock import Clock, SystemClock
from bartizan.kube.errors import KubeError, NotFoundError
from bartizan.prober.connect import Patience, listen
from bartizan.prober.landscape import RETRY, Terrain
from bartizan.prober.runs import Runs
from bartizan.prober.settings import ProberSettings

_log: Final = structlog.get_logger("bartizan.prober")
_TICK: Final = timedelta(seconds=5)
"""How often it is asked what is due: from memory, and so for nothing."""
_WAVES: Final = 4
"""How many runs follow each other on one look at the pods: after more of them what was seen would be too old to choose by."""
_SWEEP: Final = timedelta(minutes=10)
"""How often leftovers are looked for: pods that could not be deleted when their run ended."""


class Prober:
    """Everything put together; `run` until cancelled."""

    def __init__(
        self, api: KubeApi, settings: ProberSettings, *, clock: Clock | None = None, patience: Patience | None = None
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        witness = Endpoint(
            namespace=settings.namespace,
            name="bartizan-prober",
            ip=settings.address,
            labels={
                "app.kubernetes.io/name": "bartizan",
                "app.kubernetes.io/instance": settings.release,
                "app.kubernetes.io/component": "prober",
            },
            namespace_labels={"kubernetes.io/metadata.name": settings.namespace},
        )
        self._terrain = Terrain(api, release_namespace=settings.namespace, witness=witness, witness_port=settings.port)
        self._runs = Runs(api, self._terrain, settings, self._clock, patience or Patience())
        self._failed: dict[PolicyKey, float] = {}

    @property
    def synced(self) -> bool:
        """Whether everything that is chosen by has been listed once."""
        return self._terrain.synced

    async def run(self) -> None:
        """Listen as the witness, watch and probe until cancelled."""
        server = await listen("", self._settings.port)
        async with server, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._terrain.run())
            tasks.create_task(self._rounds())

    async def _rounds(self) -> None:
        while not self.synced:
            await self._clock.sleep(timedelta(milliseconds=250))
        sweep_at = self._clock.monotonic()
        while True:
            if self._clock.monotonic() >= sweep_at:
                sweep_at = self._clock.monotonic() + _SWEEP.total_seconds()
                await self._runs.sweep(self._terrain.namespaces)
            await self.round()
            await self._clock.sleep(_TICK)

    async def round(self) -> None:
        """Probe what is due now, or as much of it as can be chosen by one look at the pods."""
        moment = self._clock.monotonic()
        due = [
            key for key in self._terrain.due(self._clock.now(), self._settings.interval) if self._may_try(key, moment)
        ]
        due = due[: self._settings.concurrency * _WAVES]
        landscape = await self._look() if due else None
        if landscape is None:
            return
        limit = asyncio.Semaphore(self._settings.concurrency)
        await asyncio.gather(*(self._one(key, landscape, limit) for key in due))

    def _may_try(self, key: PolicyKey, moment: float) -> bool:
        """Whether it is not too soon after a failure that could not even be reported."""
        return moment >= self._failed.get(key, moment)

    async def _look(self) -> Landscape | None:
        try:
            return await self._terrain.look()
        except KubeError as error:
            _log.warning("the pods are not known", error=str(error))
            return None

    async def _one(self, key: PolicyKey, landscape: Landscape, limit: asyncio.Semaphore) -> None:
        """Probe one policy; whatever goes wrong stays with it."""
        async with limit:
            policy = landscape.policies.get(key)
            if policy is None:
                return
            try:
                await self._runs.probe(policy, landscape)
            except NotFoundError:
                _log.info("gone meanwhile", policy="/".join(key))
            except Exception as error:  # noqa: BLE001 -- one policy must not stop the others
                self._failed[key] = self._clock.monotonic() + RETRY.total_seconds()
                _log.warning("not probed", policy="/".join(key), error=str(error) or repr(error))
            else:
                self._failed.pop(key, None)

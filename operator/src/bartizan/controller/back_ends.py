"""Follows the kinds that a cluster may lack for as long as it serves them, and no longer.

The other sources wait for what they follow; these kinds may never come, or go with their CRD while the controller runs. What
was known of a kind that went is forgotten, so that whoever relied on it looks again.
"""

import asyncio
from datetime import timedelta
from typing import Final

import structlog

from bartizan.api.kinds import (
    CILIUM_NETWORK_POLICY,
    CLUSTER_NETWORK_POLICY,
    CLUSTER_TRUST_BUNDLES,
    POD_CERTIFICATE_REQUESTS,
    Kind,
)
from bartizan.controller.intake import Intake
from bartizan.controller.sources import OURS
from bartizan.controller.world import World
from bartizan.core.capabilities import Capabilities
from bartizan.core.model import ObjectRef
from bartizan.kube.api import KubeApi
from bartizan.kube.clock import Clock
from bartizan.kube.reflector import Reflector

_log: Final = structlog.get_logger("bartizan.back_ends")
_PAUSE: Final = timedelta(milliseconds=100)


class BackEndSource:
    """One reflector per kind that is served."""

    def __init__(self, api: KubeApi, world: World, intake: Intake, *, clock: Clock) -> None:
        """Follow nothing until `tend` says what there is."""
        self._api = api
        self._world = world
        self._intake = intake
        self._clock = clock
        self._wanted: dict[Kind, str] = {}
        self._reflectors: dict[Kind, Reflector] = {}
        self._wake = asyncio.Event()

    def tend(self, found: Capabilities) -> None:
        """Take in what the cluster serves."""
        served = {CILIUM_NETWORK_POLICY: found.cilium, CLUSTER_NETWORK_POLICY: found.cluster_network_policy}
        self._wanted = {kind: OURS for kind, there in served.items() if there}
        if version := found.certificates_version:
            # Requests are the nodes' and bear no label; of bundles we must see one of our name whoever took its label off.
            self._wanted |= {POD_CERTIFICATE_REQUESTS[version]: "", CLUSTER_TRUST_BUNDLES[version]: ""}
        self._wake.set()

    def follows(self, kind: Kind) -> bool:
        """Whether the cluster serves `kind`."""
        return kind in self._wanted

    async def run(self) -> None:
        """Follow until cancelled."""
        running: dict[Kind, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as group:
            while True:
                for kind in running.keys() - self._wanted.keys():
                    running.pop(kind).cancel()
                    self._forget(kind)
                for kind in sorted(self._wanted.keys() - running.keys(), key=lambda kind: kind.kind):
                    running[kind] = group.create_task(self._follow(kind))
                await self._wake.wait()
                self._wake.clear()

    async def wait_synced(self) -> None:
        """Return once every kind that is served was listed."""
        while not all(kind in self._reflectors and self._reflectors[kind].synced for kind in self._wanted):
            await self._clock.sleep(_PAUSE)

    async def _follow(self, kind: Kind) -> None:
        selector = self._wanted[kind]
        _log.info("followed from now on", kind=kind.kind, version=kind.api_version)
        self._reflectors[kind] = Reflector(
            self._api, kind, self._world.store, self._intake.changed, label_selector=selector, clock=self._clock
        )
        await self._reflectors[kind].run()

    def _forget(self, kind: Kind) -> None:
        _log.info("not served any more", kind=kind.kind, version=kind.api_version)
        self._reflectors.pop(kind, None)
        for ref in [ObjectRef.of(item) for item in self._world.store.list(kind)]:
            if self._world.store.delete(ref):
                self._intake.changed(ref)

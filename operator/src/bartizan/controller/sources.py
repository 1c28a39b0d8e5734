"""Sources of events: reflectors, one for each kind, and Secrets by namespace.

A source only brings objects in; it decides nothing. docs/adr/0012 says why they are not a framework's.
"""

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Final, Protocol

import structlog

from bartizan.api.kinds import (
    DAEMON_SET,
    ENDPOINT_SLICE,
    INGRESS,
    NAMESPACE,
    NETWORK_POLICY,
    NODE,
    POD,
    POLICY,
    POLICY_INDEX,
    ROLE_BINDING,
    SECRET,
    SECURITY_BASELINE,
    SERVICE,
    SERVICE_CIDR,
    TRUST_DOMAIN,
    Kind,
)
from bartizan.api.names import MANAGED_BY, MANAGED_BY_LABEL
from bartizan.controller.intake import Intake
from bartizan.controller.world import World
from bartizan.core.endpoints import API_SERVICE, DNS_SERVICES, NODE_LOCAL_LABEL, SERVICE_NAME_LABEL
from bartizan.core.model import ObjectRef
from bartizan.core.namespace import ACCESS_NAME
from bartizan.kube.api import KubeApi
from bartizan.kube.clock import Clock
from bartizan.kube.errors import ForbiddenError, KubeError
from bartizan.kube.reflector import Reflector

_log: Final = structlog.get_logger("bartizan.sources")

OURS: Final = f"{MANAGED_BY_LABEL}={MANAGED_BY}"
SERVERS: Final = f"{SERVICE_NAME_LABEL} in ({', '.join(sorted((API_SERVICE[1], *DNS_SERVICES)))})"
NODE_LOCAL: Final = "=".join(NODE_LOCAL_LABEL)
WATCHED: Final[tuple[tuple[Kind, str], ...]] = (
    (SECURITY_BASELINE, ""),
    (TRUST_DOMAIN, ""),
    (NODE, ""),
    (SERVICE_CIDR, ""),
    (NAMESPACE, ""),
    (SERVICE, ""),
    (ENDPOINT_SLICE, SERVERS),
    (DAEMON_SET, NODE_LOCAL),
    (POLICY_INDEX, OURS),
    (NETWORK_POLICY, ""),
    (POLICY, ""),
)
"""What is watched in the whole cluster, and by which label selector."""
AROUND: Final[tuple[tuple[Kind, str], ...]] = ((POD, ""), (INGRESS, ""))
"""What gaps are found in besides."""
_PROBE_FIRST: Final = timedelta(milliseconds=250)
_PROBE_MOST: Final = timedelta(seconds=10)


class EventSource(Protocol):
    """Brings objects in until cancelled."""

    async def run(self) -> None:
        """Bring objects in; ends only by being cancelled, or by an error that ends the process."""

    async def wait_synced(self) -> None:
        """Return once everything there is has been brought in."""


class ReflectorSource:
    """One reflector per kind."""

    def __init__(
        self,
        api: KubeApi,
        world: World,
        intake: Intake,
        *,
        kinds: Iterable[tuple[Kind, str]] = WATCHED,
        namespace: str = "",
        clock: Clock,
        templates: bool = False,
    ) -> None:
        """Watch `kinds` (with label selectors) in `namespace`, or everywhere; `templates` go where shapes are counted."""
        store = world.workloads.templates if templates else world.store
        on_change = intake.template_changed if templates else intake.changed
        self._reflectors = [
            Reflector(api, kind, store, on_change, namespace=namespace, label_selector=selector, clock=clock)
            for kind, selector in kinds
        ]

    async def run(self) -> None:
        """Follow every kind until cancelled."""
        async with asyncio.TaskGroup() as group:
            for reflector in self._reflectors:
                group.create_task(reflector.run())

    async def wait_synced(self) -> None:
        """Return once every kind was listed."""
        for reflector in self._reflectors:
            await reflector.wait_synced()


class CertificateSecrets:
    """The certificate Secrets of governed namespaces, each followed as long as its RoleBinding gives access.

    Only the leader runs it: replicas that don't write hold no keys of workloads.
    """

    def __init__(
        self, api: KubeApi, world: World, intake: Intake, *, on_synced: Callable[[str], None], clock: Clock
    ) -> None:
        """Call `on_synced(namespace)` when the Secrets of a namespace are known."""
        self._api = api
        self._world = world
        self._intake = intake
        self._on_synced = on_synced
        self._clock = clock
        self._known: set[str] = set()
        self._wake = asyncio.Event()

    def known(self, namespace: str) -> bool:
        """Whether the Secrets of `namespace` can be read and have been."""
        return namespace in self._known

    def tend(self) -> None:
        """Look again which namespaces are to be followed; cheap enough for every change of one."""
        self._wake.set()

    async def run(self) -> None:
        """Follow the namespaces that have access until cancelled."""
        followed: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                wanted = self._wanted()
                for namespace in wanted - followed.keys():
                    followed[namespace] = asyncio.create_task(self._follow(namespace))
                for namespace in followed.keys() - wanted:
                    await self._drop(namespace, followed.pop(namespace))
                for task in followed.values():
                    if task.done():
                        task.result()
                await self._wake.wait()
                self._wake.clear()
        finally:
            for namespace, task in followed.items():
                await self._drop(namespace, task)

    def _wanted(self) -> set[str]:
        governed = {name for name, view in self._world.snapshot().namespaces.items() if view.governed}
        access = [item["metadata"] for item in self._world.store.list(ROLE_BINDING)]
        return {meta["namespace"] for meta in access if meta["name"] == ACCESS_NAME} & governed

    async def _follow(self, namespace: str) -> None:
        await self._access(namespace)
        reflector = Reflector(
            self._api,
            SECRET,
            self._world.store,
            self._noticed,
            namespace=namespace,
            label_selector=OURS,
            clock=self._clock,
        )
        running = asyncio.create_task(reflector.run())
        try:
            await reflector.wait_synced()
            self._known.add(namespace)
            self._on_synced(namespace)
            await running
        finally:
            running.cancel()
            self._known.discard(namespace)

    def _noticed(self, ref: ObjectRef) -> None:
        """Take a change in. Until all Secrets of a namespace are known nobody looks: then all do, the most urgent first."""
        if ref.namespace in self._known:
            self._intake.changed(ref)
        else:
            self._world.changed(ref)

    async def _access(self, namespace: str) -> None:
        """Return once the Secrets can be listed: a RoleBinding takes a moment from etcd to the authorizer."""
        pause = _PROBE_FIRST
        while True:
            await self._clock.sleep(pause)
            try:
                await self._api.list(SECRET, namespace=namespace, label_selector=OURS)
            except ForbiddenError:
                _log.debug("access not granted yet", namespace=namespace)
            except KubeError as error:
                _log.warning("access not known", namespace=namespace, error=str(error))
            else:
                return
            pause = min(_PROBE_MOST, pause * 2)

    async def _drop(self, namespace: str, task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for ref in self._world.store.versions(SECRET, namespace):
            self._world.store.delete(ref)

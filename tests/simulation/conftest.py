"""A controller over the API server in memory, with time that moves only when a test says so."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType

import pytest

from bartizan.api.kinds import TRUST_DOMAIN
from bartizan.api.names import KubeObject
from bartizan.controller.authorities import Release
from bartizan.controller.controller import Controller
from bartizan.controller.meter import Meter
from bartizan.controller.names import NameResolver
from bartizan.controller.place import Place
from bartizan.controller.sources import ReflectorSource
from bartizan.core.plan import Event
from bartizan.testing import FakeClock, FakeKube, Write, a_namespace

RELEASE = "bartizan-system"


class Chosen:
    """Leadership that a test gives and takes."""

    def __init__(self) -> None:
        self.is_leader = False
        self._started: Callable[[], None] = lambda: None
        self._stopped: Callable[[], None] = lambda: None

    async def run(self, on_started: Callable[[], None], on_stopped: Callable[[], None]) -> None:
        """Lead from the start, until a test takes it away."""
        self._started, self._stopped = on_started, on_stopped
        self.give()
        await asyncio.get_running_loop().create_future()

    def give(self) -> None:
        """Let it lead."""
        self.is_leader = True
        self._started()

    def take(self) -> None:
        """Let another one lead."""
        self.is_leader = False
        self._stopped()


@dataclass
class Recorded:
    """Events that were told."""

    events: list[Event] = field(default_factory=list)

    async def record(self, event: Event) -> None:
        """Remember it."""
        self.events.append(event)


@dataclass
class Rig:
    """A running controller and what it runs on."""

    kube: FakeKube
    clock: FakeClock
    controller: Controller
    leadership: Chosen
    recorded: Recorded

    async def settle(self, seconds: float = 3) -> None:
        """Let time pass until what was started is done."""
        for _ in range(int(seconds * 4)):
            await self.clock.advance(timedelta(milliseconds=250))

    def said(self) -> list[tuple[str, str, str, str]]:
        """Return verb, kind, place and manager of the writes that changed something, and forget them."""
        writes = [_short(write) for write in self.kube.writes]
        self.kube.writes.clear()
        return writes


def _short(write: Write) -> tuple[str, str, str, str]:
    place = "/".join(part for part in (write.ref.namespace, write.ref.name) if part)
    return (write.verb, write.ref.kind, place, write.manager)


def a_trust_domain(name: str = "default", domain: str = "test.example") -> KubeObject:
    """Return the TrustDomain the chart makes."""
    return {
        "apiVersion": TRUST_DOMAIN.api_version,
        "kind": TRUST_DOMAIN.kind,
        "metadata": {"name": name, "generation": 1},
        "spec": {"domain": domain},
    }


@asynccontextmanager
async def a_rig(
    *items: KubeObject,
    resolver: NameResolver | None = None,
    issuance_rate: float = 200,
    prober: str = "",
    meter: Meter | None = None,
    served: Mapping[str, frozenset[str]] = MappingProxyType({}),
) -> AsyncIterator[Rig]:
    """Run a controller over a cluster that holds the release's namespace, a TrustDomain and `items`; `prober` is its account."""
    clock = FakeClock()
    kube = FakeKube(a_namespace(RELEASE, None), a_trust_domain(), *items, clock=clock)
    kube.also_served.update(served)
    leadership, recorded = Chosen(), Recorded()
    controller = Controller(
        kube,
        Place(
            release=Release(namespace=RELEASE),
            account="bartizan-controller",
            prober=prober,
            issuance_rate=issuance_rate,
        ),
        leadership=leadership,
        recorder=recorded,
        sources=lambda world, intake: (ReflectorSource(kube, world, intake, clock=clock),),
        clock=clock,
        resolver=resolver,
        meter=meter,
    )
    running = asyncio.create_task(controller.run())
    rig = Rig(kube, clock, controller, leadership, recorded)
    try:
        await rig.settle()
        yield rig
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
def rig():
    """The factory of rigs."""
    return a_rig

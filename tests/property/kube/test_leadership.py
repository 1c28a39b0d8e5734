"""Never two leaders at one true moment, whatever clocks, pauses, networks and people do.

Candidates have clocks of their own over one true time: offset, running up to a tenth too fast or slow, and stopping while the
process is paused (the process sees the time it missed when it wakes, as with CLOCK_BOOTTIME).
"""

import asyncio
from datetime import datetime, timedelta

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bartizan.api.kinds import LEASE
from bartizan.core.model import ObjectRef
from bartizan.kube.errors import UnavailableError
from bartizan.kube.lease import Leadership
from bartizan.testing import FakeClock, FakeKube

REF = ObjectRef(api_version=LEASE.api_version, kind=LEASE.kind, namespace="bartizan", name="controller")
STEP = timedelta(milliseconds=500)


class OwnClock:
    """A clock that is off, uneven, and stands still with its process."""

    def __init__(self, true: FakeClock, offset: float, rate: float) -> None:
        self.true = true
        self.offset = offset
        self.rate = rate
        self.running = asyncio.Event()
        self.running.set()

    def now(self) -> datetime:
        """Return a wall clock that nobody should trust."""
        return self.true.now() + timedelta(seconds=self.offset)

    def monotonic(self) -> float:
        """Return this machine's idea of elapsed seconds."""
        return self.offset + self.true.monotonic() * self.rate

    async def sleep(self, duration: timedelta) -> None:
        """Wake after `duration` by this clock, and not before the process runs again."""
        await self.true.sleep(duration / self.rate)
        await self.running.wait()


class OwnWire:
    """A candidate's way to the API server: slow, cut, or cut on the way back."""

    def __init__(self, kube: FakeKube, clock: OwnClock, latency: float) -> None:
        self.kube = kube
        self.clock = clock
        self.latency = timedelta(seconds=latency)
        self.cut = False
        self.deaf = False

    async def _there(self) -> None:
        await self.clock.true.sleep(self.latency)
        if self.cut:
            raise UnavailableError("cut off")

    async def _back(self) -> None:
        await self.clock.true.sleep(self.latency)
        await self.clock.running.wait()
        if self.deaf:
            raise UnavailableError("no answer")

    async def get(self, ref):
        """Return the object, late or not at all."""
        await self._there()
        found = await self.kube.get(ref)
        await self._back()
        return found

    async def apply(self, item, *, manager):
        """Apply late, or apply and never say so."""
        await self._there()
        done = await self.kube.apply(item, manager=manager)
        await self._back()
        return done


class Candidate:
    """A process that wants to lead."""

    def __init__(self, kube: FakeKube, true: FakeClock, name: str, machine: tuple[float, float, float]) -> None:
        offset, rate, latency = machine
        self.clock = OwnClock(true, offset, rate)
        self.wire = OwnWire(kube, self.clock, latency)
        self.leadership = Leadership(self.wire, "bartizan", "controller", name, clock=self.clock)
        self.acting = False
        self.task = asyncio.create_task(self.leadership.run(self._start, self._stop))

    def _start(self) -> None:
        assert not self.acting
        self.acting = True

    def _stop(self) -> None:
        assert self.acting
        self.acting = False

    @property
    def believes(self) -> bool:
        """Whether it would write now: it runs, and is_leader says so or on_stopped is yet to come."""
        return self.clock.running.is_set() and (self.leadership.is_leader or self.acting)


trouble = st.one_of(
    st.tuples(st.just("pause"), st.booleans()),
    st.tuples(st.just("cut"), st.booleans()),
    st.tuples(st.just("deaf"), st.booleans()),
    st.tuples(st.just("latency"), st.sampled_from([0.0, 0.1, 1.0, 2.0, 6.0, 12.0])),
    st.tuples(st.just("delete the lease"), st.just(None)),
    st.tuples(st.just("label the lease"), st.just(None)),
    st.tuples(st.just("nothing"), st.just(None)),
)
episode = st.tuples(st.integers(0, 2), trouble, st.integers(1, 60))
machine = st.tuples(st.floats(0, 1e6), st.floats(0.9, 1.1), st.sampled_from([0.0, 0.1, 1.0]))


def cause(kube: FakeKube, candidate: Candidate, what: str, value: object) -> None:
    """Let the trouble happen."""
    match what, value:
        case "pause", bool(paused):
            (candidate.clock.running.clear if paused else candidate.clock.running.set)()
        case "cut", bool(cut):
            candidate.wire.cut = cut
        case "deaf", bool(deaf):
            candidate.wire.deaf = deaf
        case "latency", float(seconds):
            candidate.wire.latency = timedelta(seconds=seconds)
        case "delete the lease", _ if kube.peek(REF):
            kube.remove(REF)
        case "label the lease", _ if lease := kube.peek(REF):
            lease["metadata"].setdefault("labels", {})["seen"] = str(kube.peek(REF)["metadata"]["resourceVersion"])
            kube.put(lease)


async def live_through(machines, episodes) -> None:
    """Run three candidates through the episodes and look at them every half second of true time."""
    true = FakeClock()
    kube = FakeKube(clock=true)
    candidates = [Candidate(kube, true, f"c{n}", machine) for n, machine in enumerate(machines)]
    try:
        await true.advance(timedelta(seconds=3))
        for who, (what, value), steps in episodes:
            cause(kube, candidates[who], what, value)
            for _ in range(steps):
                await true.advance(STEP)
                assert sum(candidate.believes for candidate in candidates) <= 1
        for candidate in candidates:
            candidate.clock.running.set()
            candidate.wire.cut = candidate.wire.deaf = False
            candidate.wire.latency = timedelta(0)
        await true.advance(timedelta(seconds=60))
        assert sum(candidate.believes for candidate in candidates) == 1
    finally:
        for candidate in candidates:
            candidate.clock.running.set()
            candidate.task.cancel()
        await true.advance(timedelta(seconds=60))
        results = await asyncio.gather(*(candidate.task for candidate in candidates), return_exceptions=True)
    assert [type(result) for result in results] == [asyncio.CancelledError] * 3


EVEN = ((0.0, 0.9, 0.0), (0.0, 1.0, 1.0), (0.0, 0.93, 0.0))
DELETED_TWICE = [(0, ("delete the lease", None), 38)] * 4
TAKEN_OVER_AND_DELETED = [
    (2, ("latency", 2.0), 87),
    (0, ("cut", True), 44),
    (1, ("delete the lease", None), 34),
]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.tuples(machine, machine, machine), st.lists(episode, max_size=12))
@example(EVEN, DELETED_TWICE)
@example(((0.0, 1.037, 0.0), (0.0, 0.983, 1.0), (0.0, 1.026, 0.0)), TAKEN_OVER_AND_DELETED)
def test_never_two_leaders_and_in_the_end_one(machines, episodes):
    """At every moment at most one may write; when the trouble is over, one leads within a minute."""
    asyncio.run(live_through(machines, episodes))

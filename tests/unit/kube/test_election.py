"""Who may lead: the table, and the candidate that acts by it."""

import asyncio
from datetime import timedelta

import pytest

from bartizan.api.kinds import LEASE
from bartizan.core.model import ObjectRef
from bartizan.kube.election import Acquire, Create, Hold, LeaseView, Observation, Renew, decide
from bartizan.kube.errors import ConflictError, UnavailableError
from bartizan.kube.lease import Leadership
from bartizan.testing import FakeClock, FakeKube

OURS = LeaseView(holder="me", acquired="t0", renewed="t1", transitions=2, resource_version="7")
THEIRS = LeaseView(holder="other", acquired="t0", renewed="t1", transitions=2, resource_version="7")
RELEASED = LeaseView(holder="", acquired="t0", renewed="t1", transitions=2, resource_version="7")
NEW = LeaseView(holder="", resource_version="1")


@pytest.mark.parametrize(
    ("lease", "age", "first", "ours", "expected"),
    [
        pytest.param(None, 0, True, None, Create(), id="there never was a lease"),
        pytest.param(None, 0, False, None, Create(), id="the lease vanished"),
        pytest.param(NEW, 14, False, None, Hold(""), id="it was made again: who held the old one may not know"),
        pytest.param(NEW, 15, False, None, Acquire(NEW, 0), id="it was made again long enough ago"),
        pytest.param(NEW, 0, True, None, Acquire(NEW, 0), id="nobody held it yet"),
        pytest.param(RELEASED, 0, True, None, Acquire(RELEASED, 3), id="its holder let go"),
        pytest.param(THEIRS, 14.9, False, None, Hold("other"), id="somebody else leads"),
        pytest.param(THEIRS, 15, False, None, Acquire(THEIRS, 3), id="somebody else fell silent"),
        pytest.param(OURS, 0, False, OURS, Renew(OURS), id="we lead"),
        pytest.param(OURS, 0, True, None, Hold("me"), id="our name, but not our write: another process of that name"),
        pytest.param(OURS, 15, False, None, Acquire(OURS, 3), id="our own former life has run out"),
        pytest.param(THEIRS, 0, False, OURS, Hold("other"), id="we were replaced"),
    ],
)
def test_decision(lease, age, first, ours, expected):
    """What a candidate does, by what it sees and for how long it has seen it."""
    observed = Observation(lease=lease, since=100, first=first)
    assert decide(observed, identity="me", now=100 + age, duration=timedelta(seconds=15), ours=ours) == expected


def test_lease_made_again_is_another_one():
    """Deleted and made again between two looks, a lease that nobody holds begins to age anew; made by us, it is still new."""
    again = LeaseView(holder="", resource_version="5")
    assert Observation(lease=NEW, since=100).then(again, 105) == Observation(lease=again, since=105)
    assert Observation(lease=None, since=100, first=True).then(NEW, 101) == Observation(
        lease=NEW, since=101, first=True
    )
    assert Observation(lease=None, since=100, first=True).then(THEIRS, 101) == Observation(lease=THEIRS, since=101)


def test_edit_of_labels_does_not_prolong_a_lease():
    """Only what a renewal changes makes an observation young again."""
    edited = LeaseView(holder="other", acquired="t0", renewed="t1", transitions=2, resource_version="8")
    renewed = LeaseView(holder="other", acquired="t0", renewed="t2", transitions=2, resource_version="9")
    seen = Observation(lease=THEIRS, since=100, first=True)
    assert seen.then(edited, 105) == Observation(lease=edited, since=100, first=True)
    assert seen.then(renewed, 105) == Observation(lease=renewed, since=105, first=False)
    assert seen.then(None, 105) == Observation(lease=None, since=105, first=False)


class Wire:
    """One candidate's own way to the API server, which can be cut or hang."""

    def __init__(self, kube):
        self.kube = kube
        self.cut = False
        self.hangs = False
        self.answers_after = timedelta(0)

    async def _pass(self):
        if self.cut:
            raise UnavailableError("cut off")
        if self.hangs:
            await asyncio.Event().wait()

    async def get(self, ref):
        """Return the object, if the way is open."""
        await self._pass()
        return await self.kube.get(ref)

    async def apply(self, item, *, manager):
        """Apply, if the way is open."""
        await self._pass()
        done = await self.kube.apply(item, manager=manager)
        await self.kube._clock.sleep(self.answers_after)
        return done


class Standing:
    """A candidate in a task, with what it was told and when."""

    def __init__(self, kube, clock, identity):
        self.clock = clock
        self.told = []
        self.leadership = Leadership(kube, "bartizan", "controller", identity, clock=clock)
        self.task = asyncio.create_task(self.leadership.run(self._tell("started"), self._tell("stopped")))

    def _tell(self, what):
        return lambda: self.told.append((what, self.clock.monotonic()))

    async def stop(self):
        """Shut down cleanly."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


REF = ObjectRef(api_version=LEASE.api_version, kind=LEASE.kind, namespace="bartizan", name="controller")


@pytest.fixture
def clock():
    """A clock under the test's control."""
    return FakeClock()


@pytest.fixture
def kube(clock):
    """An API server in memory."""
    return FakeKube(clock=clock)


async def test_first_candidate_leads_at_once(kube, clock):
    """On a new cluster leadership takes no waiting, and the lease says who and for how long."""
    one = Standing(kube, clock, "one")
    await clock.settle()
    assert one.told == [("started", 0.0)]
    lease = kube.peek(REF)
    assert lease is not None
    assert lease["spec"] == {
        "leaseDurationSeconds": 15,
        "holderIdentity": "one",
        "acquireTime": "2026-01-01T00:00:00.000000Z",
        "renewTime": "2026-01-01T00:00:00.000000Z",
        "leaseTransitions": 0,
    }
    await one.stop()


async def test_leader_renews_and_the_other_holds(kube, clock):
    """While the leader renews every 2 s, nobody else leads."""
    one, two = Standing(kube, clock, "one"), Standing(kube, clock, "two")
    await clock.advance(timedelta(minutes=2))
    assert (one.told, two.told) == ([("started", 0.0)], [])
    assert (one.leadership.holder, two.leadership.holder) == ("one", "one")
    await one.stop()
    await two.stop()


async def test_clean_shutdown_hands_over_within_a_retry(kube, clock):
    """A leader that leaves releases the lease; the other leads at its next look and counts a transition."""
    one, two = Standing(kube, clock, "one"), Standing(kube, clock, "two")
    await clock.advance(timedelta(seconds=5))
    await one.stop()
    await clock.advance(timedelta(seconds=2))
    assert (one.told, two.told) == ([("started", 0.0), ("stopped", 5.0)], [("started", 6.0)])
    lease = kube.peek(REF)
    assert lease is not None
    assert (lease["spec"]["holderIdentity"], lease["spec"]["leaseTransitions"]) == ("two", 1)
    await two.stop()


async def test_leader_without_an_api_server_stops_before_anybody_else_starts(kube, clock):
    """Cut off, a leader stops at the renew deadline; the other takes over only after the lease duration."""
    wire = Wire(kube)
    one = Standing(wire, clock, "one")
    await clock.advance(timedelta(seconds=1))
    two = Standing(kube, clock, "two")
    await clock.advance(timedelta(seconds=4))
    wire.cut = True
    await clock.advance(timedelta(seconds=16))
    assert one.told == [("started", 0.0), ("stopped", 14.0)]
    assert two.told == [("started", 21.0)]
    await one.stop()
    await two.stop()


async def test_hanging_api_server_cannot_hold_a_leader(kube, clock):
    """When a renewal never answers, the leader still stops at its deadline."""
    wire = Wire(kube)
    one = Standing(wire, clock, "one")
    await clock.advance(timedelta(seconds=1))
    wire.hangs = True
    await clock.advance(timedelta(seconds=30))
    assert one.told == [("started", 0.0), ("stopped", 10.0)]
    await one.stop()


async def test_late_answer_prolongs_nothing(kube, clock):
    """A renewal counts from before it was sent, because others may have seen it all the while its answer took."""
    wire = Wire(kube)
    one = Standing(wire, clock, "one")
    await clock.advance(timedelta(seconds=1))
    wire.answers_after = timedelta(seconds=7)
    await clock.advance(timedelta(seconds=8.5))
    wire.cut = True
    await clock.advance(timedelta(seconds=30))
    assert one.told == [("started", 0.0), ("stopped", 12.0)]
    await one.stop()


async def test_renewal_never_overwrites_a_successor(kube, clock):
    """A leader that slept between reading and renewing is refused by the version, and does not lead again."""
    wire = Wire(kube)
    one = Standing(wire, clock, "one")
    await clock.advance(timedelta(seconds=1))
    lease = kube.peek(REF)
    assert lease is not None
    successor = {**lease["spec"], "holderIdentity": "two", "renewTime": "2026-01-01T00:00:01.000000Z"}
    kube.fail_next(ConflictError("changed"), matching=lambda call: call.verb == "apply")
    kube.put({**lease, "spec": successor})
    await clock.advance(timedelta(seconds=2))
    assert (one.told, one.leadership.holder) == ([("started", 0.0), ("stopped", 2.0)], "two")
    stored = kube.peek(REF)
    assert stored is not None
    assert stored["spec"]["holderIdentity"] == "two"
    assert kube.writes[-1].manager == "bartizan/lease-holder"
    await one.stop()


async def test_lost_answer_costs_no_leadership(kube, clock):
    """A renewal that took effect though its answer was lost is recognised as our own."""
    one = Standing(kube, clock, "one")
    await clock.advance(timedelta(seconds=3))
    kube.fail_next(UnavailableError("reset"), matching=lambda call: call.verb == "apply", after=True)
    await clock.advance(timedelta(minutes=1))
    assert one.told == [("started", 0.0)]
    await one.stop()


async def test_edit_by_a_person_costs_no_leadership(kube, clock):
    """A label on the Lease changes its version and nothing else: the next renewal goes through."""
    one = Standing(kube, clock, "one")
    await clock.advance(timedelta(seconds=3))
    lease = kube.peek(REF)
    assert lease is not None
    lease["metadata"]["labels"]["seen"] = "yes"
    kube.put(lease)
    kube.fail_next(ConflictError("changed"), matching=lambda call: call.verb == "apply")
    await clock.advance(timedelta(minutes=1))
    assert one.told == [("started", 0.0)]
    await one.stop()


async def test_second_process_of_one_name_never_leads_beside_the_first(kube, clock):
    """Two processes that were given one identity still make one leader."""
    one, two = Standing(kube, clock, "same"), Standing(kube, clock, "same")
    for _ in range(100):
        await clock.advance(timedelta(seconds=0.5))
        assert [one.leadership.is_leader, two.leadership.is_leader].count(True) == 1
    await one.stop()
    await two.stop()


async def test_deleted_lease_makes_no_second_leader(kube, clock):
    """When somebody deletes the Lease, the leader makes it again and the other waits."""
    one, two = Standing(kube, clock, "one"), Standing(kube, clock, "two")
    await clock.advance(timedelta(seconds=5))
    kube.remove(REF)
    for _ in range(100):
        await clock.advance(timedelta(seconds=0.5))
        assert not (one.leadership.is_leader and two.leadership.is_leader)
    assert [one.leadership.is_leader, two.leadership.is_leader].count(True) == 1
    await one.stop()
    await two.stop()


async def test_bug_in_a_callback_is_raised_and_the_lease_released(kube, clock):
    """What on_started raises ends run with that error, and nobody waits for the lease to run out."""

    def broken() -> None:
        raise LookupError("mine")

    stopped = []
    leadership = Leadership(kube, "bartizan", "controller", "one", clock=clock)
    with pytest.raises(LookupError, match="mine"):
        await leadership.run(broken, lambda: stopped.append(True))
    lease = kube.peek(REF)
    assert lease is not None
    assert (stopped, lease["spec"]["holderIdentity"], leadership.is_leader) == ([True], "", False)

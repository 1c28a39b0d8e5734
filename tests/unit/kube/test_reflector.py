"""The reflector's promise through gaps, refusals and silence."""

import asyncio
from datetime import timedelta

import pytest

from bartizan.api.kinds import SECRET
from bartizan.core.model import ObjectRef
from bartizan.kube.backoff import Backoff
from bartizan.kube.errors import ForbiddenError, GoneError, TooManyRequestsError, UnavailableError
from bartizan.kube.reflector import Reflector
from bartizan.kube.store import Store
from bartizan.testing import FakeClock, FakeKube, a_namespace, a_secret


def only(*verbs):
    """Return a matcher of calls with these verbs."""
    return lambda call: call.verb in verbs


class Following:
    """A running reflector of Secrets over a fake API server, on a fake clock without jitter."""

    def __init__(self, *items):
        self.clock = FakeClock()
        self.kube = FakeKube(*items, clock=self.clock)
        self.store = Store()
        self.told = []
        self.reflector = Reflector(
            self.kube, SECRET, self.store, self._tell, clock=self.clock, backoff=Backoff(chance=lambda: 0.0)
        )
        self.task = None

    def _tell(self, ref):
        held = self.store.get(ref)
        self.told.append((ref.name, held["metadata"]["resourceVersion"] if held else None))

    async def __aenter__(self):
        self.task = asyncio.create_task(self.reflector.run())
        await self.clock.settle()
        return self

    async def __aexit__(self, *_):
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    def verbs(self):
        """Return what was asked so far."""
        return [call.verb for call in self.kube.calls]

    def in_step(self):
        """Whether the store holds what the server does."""
        return sorted(self.store.list(SECRET), key=lambda item: item["metadata"]["name"]) == self.kube.objects(SECRET)


def ref(name):
    """Return the reference of that Secret."""
    return ObjectRef.of(a_secret(name))


async def test_list_then_watch():
    """The collection is told once, then each change, with the store always ahead of the telling."""
    async with Following(a_secret("a")) as following:
        assert following.reflector.synced
        following.kube.put(a_secret("b"))
        following.kube.put(a_secret("b", data={"k": "QQ=="}))
        following.kube.remove(ref("a"))
        await following.clock.settle()
        assert following.told == [("a", "1"), ("b", "2"), ("b", "3"), ("a", None)]
        assert following.in_step()
        assert following.verbs() == ["list", "watch"]


async def test_what_vanished_in_a_gap_is_told():
    """After history is lost the collection is listed again, at once, and what vanished meanwhile is told."""
    async with Following(a_secret("a"), a_secret("b")) as following:
        following.told.clear()
        following.kube.break_watches()
        following.kube.remove(ref("a"))
        following.kube.put(a_secret("c"))
        following.kube.compact()
        await following.clock.advance(timedelta(seconds=1))
        assert sorted(following.told) == [("a", None), ("c", "4")]
        assert following.in_step()
        assert following.verbs() == ["list", "watch", "watch", "list", "watch"]


async def test_watch_goes_on_where_the_last_one_ended():
    """A stream that ends in time is followed by the next without listing and without waiting."""
    async with Following(a_secret("a")) as following:
        await following.clock.advance(timedelta(minutes=5))
        following.kube.put(a_secret("b"))
        await following.clock.settle()
        assert following.verbs() == ["list", "watch", "watch"]
        assert following.in_step()


async def test_bookmark_moves_the_version_on():
    """A quiet kind survives the loss of history, because bookmarks told how far it was."""
    async with Following(a_secret("a")) as following:
        for number in range(3):
            following.kube.put(a_namespace(f"n{number}"))
        await following.clock.advance(timedelta(minutes=4, seconds=59))
        following.kube.compact()
        await following.clock.advance(timedelta(minutes=6))
        assert "list" not in following.verbs()[1:]


async def test_refusals_are_waited_out_longer_and_longer():
    """A list that fails is asked again after 0.5, 1, 2 … seconds; the reflector is not synced until it succeeds."""
    following = Following(a_secret("a"))
    following.kube.fail_next(UnavailableError("down"), matching=only("list"), times=3)
    async with following:
        asked = []
        for _ in range(8):
            asked.append(following.verbs().count("list"))
            await following.clock.advance(timedelta(seconds=0.5))
        assert asked == [1, 2, 2, 3, 3, 3, 3, 4]
        assert following.reflector.synced


async def test_server_is_given_the_time_it_asks_for():
    """A 429 with Retry-After is asked again after that long."""
    following = Following()
    asked = TooManyRequestsError("slow down", retry_after=timedelta(seconds=9))
    following.kube.fail_next(asked, matching=only("list"))
    async with following:
        await following.clock.advance(timedelta(seconds=8.9))
        assert not following.reflector.synced
        await following.clock.advance(timedelta(seconds=0.2))
        assert following.reflector.synced


async def test_repeated_410_is_not_a_tight_loop():
    """A server that says 410 right after every list is given time from the second on."""
    following = Following(a_secret("a"))
    following.kube.fail_next(GoneError("gone"), matching=only("watch"), times=3)
    async with following:
        assert following.verbs() == ["list", "watch", "list", "watch"]
        await following.clock.advance(timedelta(seconds=0.5))
        assert following.verbs() == ["list", "watch"] * 3
        await following.clock.advance(timedelta(seconds=1))
        assert following.verbs() == ["list", "watch"] * 4
        assert following.in_step()


async def test_410_after_an_outage_lists_at_once():
    """An API server that comes back without its history has answered: the wait that its absence earned is over."""
    async with Following(a_secret("a")) as following:
        following.kube.fail_next(UnavailableError("away"), matching=only("watch"), times=4)
        following.kube.fail_next(GoneError("gone"), matching=only("watch"))
        following.kube.break_watches()
        await following.clock.advance(timedelta(seconds=0.5 + 1 + 2 + 4 + 8))
        following.kube.remove(ref("a"))
        following.kube.put(a_secret("b"))
        await following.clock.settle()
        asked = following.verbs()
        assert (asked[-3:], following.in_step()) == (["watch", "list", "watch"], True)


async def test_stream_that_ends_at_once_is_not_a_tight_loop():
    """A proxy that closes every watch without a word is asked again with back-off."""
    async with Following(a_secret("a")) as following:
        for _ in range(20):
            following.kube.break_watches()
            await following.clock.advance(timedelta(milliseconds=100))
        assert following.verbs().count("watch") < 6


async def test_broken_stream_is_taken_up_from_the_last_version():
    """An error in the stream costs no listing."""
    async with Following(a_secret("a")) as following:
        following.kube.break_watches(UnavailableError("reset"))
        following.kube.put(a_secret("b"))
        await following.clock.advance(timedelta(seconds=1))
        assert following.verbs() == ["list", "watch", "watch"]
        assert following.in_step()


async def test_lost_permission_is_outlived():
    """While RBAC refuses, the store keeps what it had; when it allows again, the store catches up."""
    async with Following(a_secret("a")) as following:
        following.kube.fail_next(ForbiddenError("no"), matching=only("watch", "list"), times=4)
        following.kube.break_watches(UnavailableError("reset"))
        following.kube.put(a_secret("b"))
        await following.clock.advance(timedelta(seconds=2))
        assert following.store.get(ref("a")) is not None
        await following.clock.advance(timedelta(minutes=1))
        assert following.in_step()


async def test_bug_is_not_swallowed():
    """What on_change raises ends the reflector's task with that error."""
    kube = FakeKube(a_secret("a"))

    def broken(_):
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        await Reflector(kube, SECRET, Store(), broken).run()
    assert kube.open_watches == 0


async def test_cancelled_reflector_leaves_no_watch_open():
    """Cancelling closes the stream."""
    async with Following(a_secret("a")) as following:
        assert following.kube.open_watches == 1
    assert following.kube.open_watches == 0

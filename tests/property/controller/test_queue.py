"""The work queue under any sequence of events: no key is lost, none is in flight twice."""

import asyncio
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bartizan.controller.queue import FIRST_DELAY, LONGEST_DELAY, WorkQueue
from bartizan.testing import FakeClock

KEYS = st.sampled_from("abc")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), KEYS),
        st.tuples(st.just("add ahead"), KEYS),
        st.tuples(st.just("later"), KEYS),
        st.tuples(st.just("retry"), KEYS),
        st.tuples(st.just("forget"), KEYS),
        st.tuples(st.just("finish"), KEYS),
        st.tuples(st.just("wait"), st.just("")),
    ),
    max_size=40,
)


class Workers:
    """Workers that finish a key when a test says so, and that count."""

    def __init__(self) -> None:
        self.gates: dict[str, asyncio.Event] = {}
        self.looks: list[str] = []
        self.most = 0

    async def work(self, key: str) -> None:
        """Hold `key` until it is let go."""
        assert key not in self.gates, f"{key} is in flight twice"
        self.looks.append(key)
        self.gates[key] = asyncio.Event()
        self.most = max(self.most, len(self.gates))
        await self.gates[key].wait()
        del self.gates[key]


@given(steps=STEPS, workers=st.integers(1, 3))
def test_no_key_is_lost_and_none_is_in_flight_twice(steps, workers):
    """After every wish for a key there is a look at it that began later, whatever happened in between."""

    async def play() -> None:
        clock, crew = FakeClock(), Workers()
        queue: WorkQueue[str] = WorkQueue(clock)
        serving = asyncio.create_task(queue.serve(crew.work, workers=workers))
        owed: dict[str, int] = {}
        for step, key in steps:
            if step in {"add", "add ahead", "later", "retry"}:
                owed[key] = crew.looks.count(key) + 1
            match step:
                case "add":
                    queue.add(key)
                case "add ahead":
                    queue.add(key, ahead=True)
                case "later":
                    queue.add_after(key, timedelta(seconds=1))
                case "retry":
                    queue.retry(key)
                case "forget":
                    queue.forget(key)
                case "finish" if key in crew.gates:
                    crew.gates[key].set()
                case _:
                    await clock.advance(timedelta(milliseconds=100))
        for _ in range(20):
            await clock.advance(LONGEST_DELAY)
            for gate in list(crew.gates.values()):
                gate.set()
        await clock.settle()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        assert crew.most <= workers
        assert {key: crew.looks.count(key) >= count for key, count in owed.items()} == dict.fromkeys(owed, True)
        assert (len(queue), queue.in_flight, queue.delayed) == (0, frozenset(), frozenset())

    asyncio.run(play())


@given(failures=st.integers(1, 200))
def test_back_off_doubles_up_to_five_minutes_and_forget_ends_it(failures):
    """The n-th retry waits 5 ms times 2 to the n-1, at most 5 minutes; after `forget` it is 5 ms again."""

    async def play() -> None:
        queue: WorkQueue[str] = WorkQueue(FakeClock())
        waits = [queue.retry("a") for _ in range(failures)]
        assert waits == [min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(n, 20)) for n in range(failures)]
        queue.forget("a")
        assert queue.retry("a") == FIRST_DELAY
        queue.clear()
        await asyncio.sleep(0)

    asyncio.run(play())


@given(failures=st.integers(1, 200))
def test_back_off_begins_later_after_what_is_final(failures):
    """Where the next try is in vain as well, the n-th retry waits a second times 2 to the n-1, at most 5 minutes."""

    async def play() -> None:
        queue: WorkQueue[str] = WorkQueue(FakeClock())
        second = timedelta(seconds=1)
        waits = [queue.retry("a", least=second) for _ in range(failures)]
        assert waits == [min(LONGEST_DELAY, second * 2 ** min(n, 20)) for n in range(failures)]
        queue.clear()
        await asyncio.sleep(0)

    asyncio.run(play())


@given(delays=st.lists(st.integers(1, 50), min_size=1, max_size=6))
def test_of_several_delays_the_earliest_holds(delays):
    """A key put off several times is looked at once, at the earliest of the times."""

    async def play() -> None:
        clock = FakeClock()
        queue: WorkQueue[str] = WorkQueue(clock)
        for delay in delays:
            queue.add_after("a", timedelta(seconds=delay))
        await clock.advance(timedelta(seconds=min(delays) - 0.5))
        assert len(queue) == 0
        await clock.advance(timedelta(seconds=100))
        assert len(queue) == 1

    asyncio.run(play())


@given(wishes=st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=30))
def test_what_is_ahead_is_taken_first(wishes):
    """Keys that any wish put ahead come before all others, each once, each lane in the order of its first wish."""

    async def play() -> None:
        queue: WorkQueue[int] = WorkQueue(FakeClock())
        for key, ahead in wishes:
            queue.add(key, ahead=ahead)
        first = list(dict.fromkeys(key for key, ahead in wishes if ahead))
        rest = [key for key in dict.fromkeys(key for key, _ in wishes) if key not in first]
        assert [await queue.take() for _ in range(len(queue))] == first + rest

    asyncio.run(play())


async def test_a_wish_ahead_during_a_look_counts_for_the_next_look():
    """A key in flight that is wished for ahead comes first once its look is done, and without the privilege after that."""
    queue: WorkQueue[str] = WorkQueue(FakeClock())
    queue.add("a")
    assert await queue.take() == "a"
    queue.add("b")
    queue.add("a", ahead=True)
    queue.done("a")
    assert [await queue.take(), await queue.take()] == ["a", "b"]
    queue.done("a")
    queue.done("b")
    queue.add("b")
    queue.add("a")
    assert [await queue.take(), await queue.take()] == ["b", "a"]


async def test_news_come_in_between_looks_that_never_wait():
    """What a watch tells after the first look still overtakes what waits, although no look ever lets go of the loop."""
    queue: WorkQueue[int] = WorkQueue(FakeClock())
    looks: list[int] = []
    all_done = asyncio.Event()

    async def look(key: int) -> None:
        looks.append(key)
        if len(looks) == 1:
            asyncio.get_running_loop().call_soon(lambda: queue.add(1000, ahead=True))
        if len(looks) == 101:
            all_done.set()

    for key in range(100):
        queue.add(key)
    serving = asyncio.create_task(queue.serve(look, workers=1))
    await all_done.wait()
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    assert looks.index(1000) < 5


@given(keys=st.integers(1, 30), workers=st.integers(1, 3))
def test_waiting_aside_keeps_nobody_out(keys, workers):
    """Whoever waits aside is replaced meanwhile, so that all can wait for the same; afterwards there are as many as before."""

    async def play() -> None:
        queue: WorkQueue[int] = WorkQueue(FakeClock())
        shared, waiting, busy = asyncio.Event(), set(), {"now": 0, "most": 0}

        async def work(key: int) -> None:
            async with queue.aside():
                waiting.add(key)
                await shared.wait()

        async def plain(_: int) -> None:
            busy["now"] += 1
            busy["most"] = max(busy["most"], busy["now"])
            await asyncio.sleep(0)
            busy["now"] -= 1

        serving = asyncio.create_task(queue.serve(lambda key: work(key) if key < keys else plain(key), workers=workers))
        for key in range(keys):
            queue.add(key)
        await FakeClock().advance(timedelta(0))
        assert waiting == set(range(keys))
        shared.set()
        await FakeClock().advance(timedelta(0))
        for key in range(keys, keys + 100):
            queue.add(key)
            queue.add(key + 100)
        for _ in range(10):
            await FakeClock().advance(timedelta(0))
        assert not len(queue)
        busy["most"] = 0
        for key in range(keys, keys + 100):
            queue.add(key)
        await FakeClock().advance(timedelta(0))
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        assert busy["most"] <= workers

    asyncio.run(play())

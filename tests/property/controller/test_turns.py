"""The queue in front of the signer under any demand: never more than the budget, the most urgent first, nobody forgotten."""

import asyncio
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bartizan.controller.issuance import Turns
from bartizan.testing import FakeClock

START = datetime(2026, 1, 1, tzinfo=UTC)
POLICIES = st.integers(0, 30)
ENDS = st.one_of(st.none(), st.integers(0, 500).map(lambda minutes: START + timedelta(minutes=minutes)))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("ask"), POLICIES, ENDS),
        st.tuples(st.just("drop"), POLICIES, st.none()),
        st.tuples(st.just("wait"), st.integers(1, 3000), st.none()),
    ),
    max_size=60,
)


class Crew:
    """Asks for policies, and asks again for each that is called, as the controller's workers do."""

    def __init__(self, clock, rate):
        self.clock = clock
        self.turns = Turns(clock, self.called, rate=rate)
        self.wanted = {}
        self.signed = []

    def ask(self, key, end):
        """Look at a policy that needs a certificate."""
        self.wanted[key] = end
        if self.turns.take(key, end):
            self.signed.append((self.clock.monotonic(), key, self.wanted.pop(key)))

    def called(self, key):
        """Look at a policy whose turn has come, if it still needs a certificate."""
        if key in self.wanted:
            self.ask(key, self.wanted[key])
        else:
            self.turns.drop(key)


async def _run(crew, steps):
    running = asyncio.create_task(crew.turns.run())
    try:
        for step, number, end in steps:
            match step:
                case "ask":
                    crew.ask(("shop", f"svc-{number:02d}"), end)
                case "drop":
                    crew.wanted.pop(("shop", f"svc-{number:02d}"), None)
                    crew.turns.drop(("shop", f"svc-{number:02d}"))
                case _:
                    await crew.clock.advance(timedelta(milliseconds=number))
        await crew.clock.advance(timedelta(seconds=120))
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


@given(steps=STEPS, rate=st.sampled_from([0.5, 1.0, 3.0, 10.0, 40.0]))
def test_never_more_than_the_budget_and_nobody_is_forgotten(steps, rate):
    """I6: within any span there are at most its share of the rate and one burst; everybody who still needs one is signed for."""

    async def play() -> None:
        crew = Crew(FakeClock(), rate)
        await _run(crew, steps)
        moments = [moment for moment, _, _ in crew.signed]
        burst = max(1, int(rate / 10))
        over = [
            (first, last)
            for begin, first in enumerate(moments)
            for end, last in enumerate(moments[begin:], begin)
            if end - begin + 1 > burst + (last - first) * rate + 1e-6
        ]
        assert (over, crew.wanted, len(crew.turns)) == ([], {}, 0)

    asyncio.run(play())


@given(ends=st.lists(ENDS, min_size=1, max_size=30), rate=st.sampled_from([1.0, 5.0, 20.0]))
def test_those_who_wait_are_signed_for_by_the_end_of_their_certificate(ends, rate):
    """Once the burst is spent, who has no certificate comes first and then whose certificate ends first, whoever asked first."""

    async def play() -> None:
        crew = Crew(FakeClock(), rate)
        asked = [("ask", number, end) for number, end in enumerate(ends)]
        await _run(crew, asked)
        first = len([moment for moment, _, _ in crew.signed if moment == 0])
        later = [(end or datetime.min.replace(tzinfo=UTC), key) for _, key, end in crew.signed[first:]]
        assert (later, len(crew.signed)) == (sorted(later), len(ends))

    asyncio.run(play())


async def test_a_turn_is_not_kept_for_who_does_not_come():
    """A policy that was called and never looked at again (it was deleted) does not hold up the others for longer than 30 s."""
    clock, called = FakeClock(), []
    turns = Turns(clock, called.append, rate=1)
    keys = [("shop", name) for name in ("a", "b", "c")]
    assert [turns.take(key, None) for key in keys] == [True, False, False]
    running = asyncio.create_task(turns.run())
    await clock.advance(timedelta(seconds=2))
    assert called == [("shop", "b")]
    await clock.advance(timedelta(seconds=31))
    assert called == [("shop", "b"), ("shop", "c")]
    assert turns.take(("shop", "c"), None)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_who_is_put_ahead_by_a_shorter_time_overtakes():
    """A policy that asks again with a certificate that ends sooner is called sooner, and only once."""
    clock, called = FakeClock(), []
    turns = Turns(clock, called.append, rate=1)
    day = timedelta(days=1)
    assert turns.take(("shop", "first"), None)
    for number, name in enumerate("abc"):
        assert not turns.take(("shop", name), START + (number + 1) * day)
    assert not turns.take(("shop", "c"), START)
    running = asyncio.create_task(turns.run())
    for _ in range(3):
        await clock.advance(timedelta(seconds=1))
        assert turns.take(called[-1], None)
    assert [name for _, name in called] == ["c", "a", "b"]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

"""The token bucket, back-off and the clock they run on."""

import asyncio
from datetime import timedelta

import pytest

from bartizan.kube.backoff import Backoff
from bartizan.kube.clock import SystemClock, within
from bartizan.kube.limit import TokenBucket
from bartizan.testing import FakeClock


async def test_burst_passes_at_once_and_the_rest_at_the_rate():
    """With 2 a second and a burst of 3, the fourth and fifth caller wait 0.5 s and 1 s."""
    bucket = TokenBucket(FakeClock(), rate=2, burst=3)
    waits = [bucket.take().total_seconds() for _ in range(5)]
    assert waits == [0, 0, 0, 0.5, 1.0]


async def test_tokens_come_back_up_to_the_burst():
    """A long pause fills the bucket, and no further than its burst."""
    clock = FakeClock()
    bucket = TokenBucket(clock, rate=2, burst=3)
    for _ in range(3):
        bucket.take()
    await clock.advance(timedelta(minutes=1))
    assert [bucket.take().total_seconds() for _ in range(4)] == [0, 0, 0, 0.5]


async def test_try_take_costs_nothing_when_it_fails():
    """A refused caller does not make the next one wait longer."""
    clock = FakeClock()
    bucket = TokenBucket(clock, rate=1, burst=1)
    assert [bucket.try_take() for _ in range(3)] == [True, False, False]
    await clock.advance(timedelta(seconds=1))
    assert bucket.try_take()


async def test_wait_returns_in_turn():
    """Waiting callers pass one by one as time goes on."""
    clock = FakeClock()
    bucket = TokenBucket(clock, rate=1, burst=1)
    passed = []

    async def caller(name: str) -> None:
        await bucket.wait()
        passed.append((name, clock.monotonic()))

    async with asyncio.TaskGroup() as group:
        for name in ("a", "b", "c"):
            group.create_task(caller(name))
        await clock.advance(timedelta(seconds=5))
    assert passed == [("a", 0.0), ("b", 1.0), ("c", 2.0)]


@pytest.mark.parametrize(
    ("failures", "chance", "asked", "seconds"),
    [
        pytest.param(1, 0.0, None, 0.5, id="the first wait"),
        pytest.param(4, 0.0, None, 4.0, id="doubled three times"),
        pytest.param(4, 0.5, None, 3.0, id="jitter takes off up to half"),
        pytest.param(10_000, 0.0, None, 30.0, id="never more than the most"),
        pytest.param(1, 0.0, 12, 12.0, id="at least what the server asked for"),
        pytest.param(1, 0.0, 600, 30.0, id="not even when the server asks for more"),
    ],
)
def test_backoff(failures, chance, asked, seconds):
    """Waits double from half a second to thirty."""
    delay = Backoff(chance=lambda: chance).delay(failures, timedelta(seconds=asked) if asked else None)
    assert delay == timedelta(seconds=seconds)


async def test_within_cancels_what_takes_too_long():
    """Work that outlives its limit is cancelled before TimeoutError is raised."""
    clock, cancelled = FakeClock(), []

    async def work() -> None:
        try:
            await clock.sleep(timedelta(seconds=10))
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    limited = asyncio.create_task(within(clock, timedelta(seconds=2), work()))
    await clock.advance(timedelta(seconds=2))
    with pytest.raises(TimeoutError, match="no answer within 2 s"):
        await limited
    assert cancelled == [True]


async def test_within_returns_and_raises_what_the_work_does():
    """Work that ends in time speaks for itself."""

    async def answer() -> int:
        return 42

    async def fail() -> None:
        raise ValueError("mine")

    assert await within(FakeClock(), timedelta(seconds=1), answer()) == 42
    with pytest.raises(ValueError, match="mine"):
        await within(FakeClock(), timedelta(seconds=1), fail())


async def test_system_clock_goes_forward():
    """The machine's clock is aware, and monotonic time passes with a sleep."""
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(timedelta(milliseconds=5))
    assert clock.monotonic() - before >= 0.005
    assert clock.now().utcoffset() == timedelta(0)

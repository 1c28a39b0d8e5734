"""What is remembered of a DNS name, moment by moment."""

from datetime import UTC, datetime, timedelta

from bartizan.core.network.names import AGAIN, GRACE, LEAST, MOST, MOST_ADDRESSES, STALE, Answer, remember

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def answer(*addresses, seconds=60):
    """What DNS says."""
    return Answer(addresses=addresses, ttl=timedelta(seconds=seconds))


def story(*steps):
    """Return the memories after each step of (offset, answer)."""
    memory, told = None, []
    for offset, said in steps:
        memory = remember(memory, "a.example", said, START + offset)
        told.append(memory)
    return told


def test_an_address_stays_for_its_time_and_then_goes():
    """The list grows by an answer and shrinks when the time of what was not named again has run out."""
    first, second, third = story(
        (0 * MINUTE, answer("1.1.1.1")), (MINUTE, answer("2.2.2.2")), (2 * MINUTE, answer("2.2.2.2"))
    )
    assert [m.resolved.addresses for m in (first, second, third)] == [
        ("1.1.1.1",),
        ("1.1.1.1", "2.2.2.2"),
        ("2.2.2.2",),
    ]
    assert second.look_at == START + MINUTE + GRACE


def test_when_a_name_is_asked_for_again():
    """By its time to live, between the least and the most, and when an address runs out."""
    assert [story((0 * MINUTE, answer("1.1.1.1", seconds=s)))[0].look_at - START for s in (0, 60, 9999)] == [
        LEAST,
        MINUTE,
        MOST,
    ]
    assert story((0 * MINUTE, answer(seconds=0)))[0].look_at == START + LEAST


def test_a_gone_name_is_an_answer():
    """Its addresses go when their time has run out, not later."""
    memories = story((0 * MINUTE, answer("1.1.1.1")), (MINUTE, answer()), (MINUTE + GRACE, answer()))
    assert [m.resolved.addresses for m in memories] == [("1.1.1.1",), ("1.1.1.1",), ()]


def test_a_silent_server_keeps_what_was_known_for_an_hour():
    """Cutting a service off is not what an unwell DNS asks for; after an hour without any answer it is over."""
    silent = Answer(problem="timeout")
    steps = [(0 * MINUTE, answer("1.1.1.1")), *((n * AGAIN, silent) for n in range(6, 380))]
    memories = story(*steps)
    kept = [START + at for (at, _), memory in zip(steps, memories, strict=True) if memory.resolved.addresses]
    assert START + STALE - AGAIN in kept
    assert max(kept) <= START + STALE + AGAIN + GRACE
    assert memories[1].resolved.problem == "timeout"


def test_one_name_has_at_most_so_many_addresses():
    """Those of the last answer are kept first."""
    flood = tuple(f"1.1.{n // 250}.{n % 250}" for n in range(200))
    before, after = story((0 * MINUTE, answer(*flood, seconds=300)), (MINUTE, answer("9.9.9.9", seconds=5)))
    assert (len(before.until), len(after.until)) == (MOST_ADDRESSES, MOST_ADDRESSES)
    assert "9.9.9.9" in after.until

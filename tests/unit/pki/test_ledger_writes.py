"""The ledger as it is written: few writes, and no row lost, whoever else writes."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from bartizan.api.kinds import CONFIG_MAP
from bartizan.controller.errors import LedgerBusyError, NotLeaderError
from bartizan.controller.ledger import PERIOD, Ledger
from bartizan.core.pki.evidence import Evidence, in_use
from bartizan.core.pki.ledger import CAPACITY, read_segment
from bartizan.kube.errors import ConflictError, UnavailableError
from bartizan.testing import FakeClock, FakeKube
from unit.pki.builders import HOUR, RELEASE, SIGNER, a_trust_domain
from unit.pki.test_ledger import a_row, rows

END = FakeClock().now() + HOUR


@asynccontextmanager
async def in_place():
    """Stand for the queue: nobody takes the caller's place."""
    yield


def a_ledger(kube, clock, *, leads=lambda: True) -> Ledger:
    """Return a ledger over the API server in memory."""
    return Ledger(kube, namespace=RELEASE, clock=clock, may_write=leads, aside=in_place)


@pytest.fixture
def clock():
    """Time under the test's control."""
    return FakeClock()


@pytest.fixture
def kube(clock):
    """An empty API server."""
    return FakeKube(clock=clock)


def stored(kube) -> list[str]:
    """Return the serials of all rows stored, sorted."""
    return sorted(row.serial for item in kube.objects(CONFIG_MAP) for row in read_segment(item).rows)


def serials(count) -> list[str]:
    """Return the serials of `rows(count)`, sorted."""
    return sorted(row.serial for row in rows(count))


async def test_a_group_shares_a_write(kube, clock):
    """Rows that come together are stored in one write, and everybody is told when theirs is."""
    ledger = a_ledger(kube, clock)
    await asyncio.gather(*(ledger.record(row) for row in rows(300, ends=END)))
    assert (len(kube.writes), stored(kube)) == (1, serials(300))


async def test_at_most_two_writes_a_second(kube, clock):
    """The first row is written at once; those that follow wait until half a second has passed, and share a write."""
    ledger = a_ledger(kube, clock)
    await ledger.record(a_row("0", ends=END))
    waiting = [asyncio.create_task(ledger.record(row)) for row in rows(50, ends=END)[1:]]
    await clock.advance(PERIOD - timedelta(milliseconds=1))
    assert (len(kube.writes), [task.done() for task in waiting]) == (1, [False] * 49)
    await clock.advance(timedelta(milliseconds=1))
    await asyncio.gather(*waiting)
    assert (len(kube.writes), stored(kube)) == (2, serials(50))


async def test_two_controllers_lose_nothing(kube, clock):
    """Two that write at once, each on what it has read, end with the rows of both, each once."""
    one, other = a_ledger(kube, clock), a_ledger(kube, clock)
    await asyncio.gather(one.book("default"), other.book("default"))
    every = rows(2 * CAPACITY, ends=END)
    for part in range(0, len(every), 200):
        half = every[part : part + 200]
        writes = [ledger.record(row) for n, row in enumerate(half) for ledger in [(one, other)[n % 2]]]
        running = asyncio.gather(*writes)
        await clock.advance(PERIOD)
        await running
    assert stored(kube) == sorted(row.serial for row in every)


async def test_a_row_that_is_not_stored_is_told(kube, clock):
    """While the API server refuses the write nobody is told that a row is stored; the next write goes through."""
    ledger = a_ledger(kube, clock)
    kube.fail_next(UnavailableError("away"), matching=lambda call: call.verb == "create")
    with pytest.raises(UnavailableError):
        await ledger.record(a_row("1", ends=END))
    await asyncio.gather(ledger.record(a_row("2", ends=END)), clock.advance(PERIOD))
    assert stored(kube) == ["2"]


async def test_an_answer_that_was_lost_costs_nothing(kube, clock):
    """A row whose write took effect although its answer was lost is there once after the next try."""
    ledger = a_ledger(kube, clock)
    kube.fail_next(UnavailableError("away"), matching=lambda call: call.verb == "create", after=True)
    with pytest.raises(UnavailableError):
        await ledger.record(a_row("1", ends=END))
    await asyncio.gather(ledger.record(a_row("1", ends=END)), clock.advance(PERIOD))
    assert stored(kube) == ["1"]


async def test_only_the_leader_writes(kube, clock):
    """A controller that has lost the Lease writes nothing down, so it publishes nothing."""
    with pytest.raises(NotLeaderError):
        await a_ledger(kube, clock, leads=lambda: False).record(a_row(ends=END))
    assert kube.writes == []


async def test_endless_conflicts_end(kube, clock):
    """Where somebody else changes the ledger each time, the row is given up with a sentence that says so."""
    ledger = a_ledger(kube, clock)
    kube.fail_next(ConflictError("changed"), matching=lambda call: call.verb == "create", times=9)
    with pytest.raises(LedgerBusyError, match="only one controller may write it"):
        await ledger.record(a_row(ends=END))


async def test_spent_segments_are_deleted(kube, clock):
    """A segment whose certificates have all expired is deleted with the next write."""
    ledger = a_ledger(kube, clock)
    await asyncio.gather(*(ledger.record(row) for row in rows(CAPACITY + 1, ends=END)))
    await clock.advance(2 * HOUR)
    await ledger.record(a_row("ffff", ends=END + 3 * HOUR))
    assert stored(kube) == ["ffff"]
    assert [item["metadata"]["name"] for item in kube.objects(CONFIG_MAP)] == ["bartizan-ledger-default-2"]


async def test_what_is_read_is_asked(kube, clock):
    """Counts and last ends speak of what is stored; a fresh ledger reads it when first asked for a book."""
    await a_ledger(kube, clock).record(a_row(ends=END))
    ledger = a_ledger(kube, clock)
    assert (ledger.counts(), ledger.last_end("issuing-one")) == ({}, None)
    book = await ledger.book("default")
    assert (book.since, [row.serial for row in book.rows]) == (clock.now(), ["a1"])
    assert (ledger.counts(), ledger.last_end("issuing-one")) == ({"issuing-one": 1}, END)
    assert ledger.last_end("another") is None


async def test_since_when_the_ledger_is_complete_outlives_the_leader(kube, clock):
    """A trust domain that has issued nothing is known to have issued nothing by every later leader too."""
    began, domain = clock.now(), a_trust_domain()
    root = SIGNER.make_root(domain, generation=1, now=began)
    issuing = SIGNER.make_issuing(domain, root, generation=1, now=began)
    await a_ledger(kube, clock).open("default")
    await clock.advance(10 * HOUR)
    later = a_ledger(kube, clock)
    await later.open("default")
    book = await later.book("default")
    assert (book.since, tuple(book.rows), len(kube.writes)) == (began, (), 1)
    seen = Evidence(complete_since=book.since, last_ends=book.last_ends())
    assert in_use([issuing], seen, since=began, now=clock.now()) == ()
    await later.record(a_row("1", ends=clock.now() + HOUR))
    assert (await a_ledger(kube, clock).book("default")).since == began


async def test_two_leaders_begin_the_ledger_once(kube, clock):
    """Whoever begins it second takes over from when on it is complete."""
    one, other = a_ledger(kube, clock), a_ledger(kube, clock)
    began = (await one.book("default")).since
    await clock.advance(HOUR)
    await other.book("default")
    await one.open("default")
    await other.open("default")
    assert (len(kube.objects(CONFIG_MAP)), (await other.book("default")).since) == (1, began)

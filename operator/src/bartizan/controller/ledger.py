"""Writes down what is issued, before it is published, in as few writes as the API server should see.

Whoever issues waits for the write that holds its row; rows that come meanwhile share the next one (group commit), so that a
thousand certificates cost some twenty writes. Two controllers that write at once cannot lose a row: a segment is written only
on the version that was read, a new one only if there is none of that name, and whoever loses reads again and adds to that.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from bartizan.api.kinds import CONFIG_MAP
from bartizan.controller.errors import LedgerBusyError, NotLeaderError
from bartizan.core.model import ObjectRef
from bartizan.core.pki.book import Book, book_of
from bartizan.core.pki.ledger import LEDGER_SELECTOR, LedgerRow, Segment, read_segment, segment_object
from bartizan.kube.api import KubeApi
from bartizan.kube.clock import Clock
from bartizan.kube.errors import ConflictError

_log: Final = structlog.get_logger("bartizan.ledger")
PERIOD: Final = timedelta(milliseconds=500)
"""The least time from one write to the next: at most two a second. A row that comes alone does not wait for it."""
_ATTEMPTS: Final = 5
"""How often a write is tried on what another controller has written meanwhile."""
_MANAGER: Final = "bartizan/ledger"


class Ledger:
    """The ledgers of all trust domains. Belongs to one event loop."""

    def __init__(
        self,
        api: KubeApi,
        *,
        namespace: str,
        clock: Clock,
        may_write: Callable[[], bool],
        aside: Callable[[], AbstractAsyncContextManager[None]],
        wrote: Callable[[str, str], None] = lambda _kind, _manager: None,
    ) -> None:
        """Keep segments in `namespace` while `may_write()`. Within `aside()` a caller waits and gives up its place."""
        self._api = api
        self._namespace = namespace
        self._clock = clock
        self._may_write = may_write
        self._aside = aside
        self._wrote = wrote
        self._books: dict[str, Book] | None = None
        self._reading = asyncio.Lock()
        self._waiting: list[tuple[LedgerRow, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._last = clock.monotonic() - PERIOD.total_seconds()

    def forget(self) -> None:
        """Read everything again before the next use: another controller may have written meanwhile."""
        self._books = None

    async def record(self, row: LedgerRow) -> None:
        """Return once `row` is stored. Only then may its certificate be published.

        Raises:
            KubeError, NotLeaderError, LedgerBusyError: it is not stored, or nobody knows; the certificate must not be used.
        """
        stored = asyncio.get_running_loop().create_future()
        self._waiting.append((row, stored))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())
        async with self._aside():
            await stored

    async def book(self, trust_domain: str) -> Book:
        """Return the ledger of a trust domain, read now if it was not yet.

        Raises:
            KubeError: it cannot be read.
        """
        books = await self._read()
        # An empty one is kept too: that it is complete from now on has to be true later as well.
        return books.setdefault(trust_domain, book_of(trust_domain, (), self._clock.now()))

    async def open(self, trust_domain: str) -> None:
        """Return once it is stored from when on the ledger of a trust domain is complete, also where it has no row.

        Otherwise every new leader would hold it to be complete only since its own start.

        Raises:
            KubeError, NotLeaderError, LedgerBusyError: it is not stored, or nobody knows.
        """
        for _ in range(_ATTEMPTS):
            book = await self.book(trust_domain)
            try:
                for segment in book.header():
                    self._keep(book.stored(await self._store(segment)))
            except ConflictError:
                self.forget()
            else:
                return
        raise _busy(trust_domain)

    def counts(self) -> Mapping[str, int]:
        """Return how many unexpired certificates each authority has signed, as far as is read."""
        now = self._clock.now()
        return {key: n for book in (self._books or {}).values() for key, n in book.counts(now).items()}

    def last_end(self, authority: str) -> datetime | None:
        """Return when the last certificate of an authority ends, as far as is read; None: it has signed none."""
        ends = [book.last_ends().get(authority) for book in (self._books or {}).values()]
        return max((end for end in ends if end), default=None)

    async def _write_all(self) -> None:
        """Write what waits, a group at a time, until nothing does."""
        while self._waiting:
            pause = self._last + PERIOD.total_seconds() - self._clock.monotonic()
            if pause > 0:
                await self._clock.sleep(timedelta(seconds=pause))
            group, self._waiting = self._waiting, []
            self._last = self._clock.monotonic()
            try:
                await self._write([row for row, _ in group])
            except Exception as error:  # noqa: BLE001 -- those who wait must learn of it, whatever it is
                self.forget()
                for _, stored in group:
                    if not stored.done():
                        stored.set_exception(error)
            else:
                for _, stored in group:
                    if not stored.done():
                        stored.set_result(None)

    async def _write(self, rows: list[LedgerRow]) -> None:
        for domain in sorted({row.trust_domain for row in rows}):
            await self._write_domain(domain, [row for row in rows if row.trust_domain == domain])

    async def _write_domain(self, domain: str, rows: list[LedgerRow]) -> None:
        for _ in range(_ATTEMPTS):
            book = await self.book(domain)
            try:
                for segment in book.with_rows(rows, self._clock.now()):
                    book = self._keep(book.stored(await self._store(segment)))
            except ConflictError:
                _log.info("another controller has written the ledger: reading it again", trust_domain=domain)
                self.forget()
            else:
                await self._drop_spent(book)
                return
        raise _busy(domain)

    async def _store(self, segment: Segment) -> Segment:
        self._check()
        item = segment_object(segment, namespace=self._namespace)
        if segment.resource_version:
            answer = await self._api.apply(item, manager=_MANAGER, force=True)
        else:
            answer = await self._api.create(item, manager=_MANAGER)
        self._wrote(CONFIG_MAP.kind, _MANAGER)
        meta = answer["metadata"]
        return replace(segment, resource_version=meta["resourceVersion"], uid=meta["uid"], damaged=False)

    async def _drop_spent(self, book: Book) -> None:
        for segment in book.spent(self._clock.now()):
            self._check()
            ref = ObjectRef(
                api_version=CONFIG_MAP.api_version, kind=CONFIG_MAP.kind, namespace=self._namespace, name=segment.name
            )
            await self._api.delete(ref, uid=segment.uid)
            book = self._keep(book.without(segment))

    async def _read(self) -> dict[str, Book]:
        async with self._reading:
            if self._books is None:
                listing = await self._api.list(CONFIG_MAP, namespace=self._namespace, label_selector=LEDGER_SELECTOR)
                segments = [segment for item in listing.items if (segment := read_segment(item))]
                self._books = _books(segments, self._clock.now())
            return self._books

    def _keep(self, book: Book) -> Book:
        if self._books is not None:
            self._books[book.trust_domain] = book
        return book

    def _check(self) -> None:
        if not self._may_write():
            raise NotLeaderError(
                "the Lease is held by another replica: no certificate is written down, and none issued"
            )


def _books(segments: Iterable[Segment], now: datetime) -> dict[str, Book]:
    every = tuple(segments)
    return {domain: book_of(domain, every, now) for domain in {one.trust_domain for one in every}}


def _busy(domain: str) -> LedgerBusyError:
    return LedgerBusyError(
        f"the ledger of trust domain {domain} was changed by somebody else {_ATTEMPTS} times while a row was added: "
        "only one controller may write it, see its field managers"
    )

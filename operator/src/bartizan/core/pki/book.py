"""The ledger of one trust domain as a value that grows: which segment the next rows go to, and which may go.

Everything that must be right when two controllers write at once is decided here and tested without either: rows are added to
what was read, never to what is remembered, and a row that is there already is not added twice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from bartizan.core.pki.ledger import CAPACITY, LedgerRow, Segment, counts, last_ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The segments of one trust domain, oldest first."""

    trust_domain: str
    since: datetime
    """From when on the rows are complete."""
    segments: tuple[Segment, ...] = ()

    @property
    def rows(self) -> Iterable[LedgerRow]:
        """All rows, oldest first."""
        return (row for segment in self.segments for row in segment.rows)

    def counts(self, now: datetime) -> Mapping[str, int]:
        """Return how many certificates of each authority have not expired."""
        return counts(self.rows, now)

    def last_ends(self) -> Mapping[str, datetime]:
        """Return when the last certificate of each authority ends."""
        return last_ends(self.rows)

    def header(self) -> tuple[Segment, ...]:
        """Return the segment to be written so that `since` is remembered; none where a segment does already."""
        return () if self.segments else (self._segment(1),)

    def with_rows(self, rows: Iterable[LedgerRow], now: datetime) -> tuple[Segment, ...]:
        """Return the segments to be written so that the ledger holds `rows` too; none where it does already.

        The last segment is filled up first, without the rows in it that have expired.
        """
        known = {row.serial for row in self.rows}
        new = [row for row in rows if row.serial not in known]
        written: list[Segment] = []
        last = self.segments[-1] if self.segments else self._segment(1)
        while new:
            kept = tuple(row for row in last.rows if row.not_after >= now)
            room = CAPACITY - len(kept)
            if room > 0:
                written.append(replace(last, rows=(*kept, *new[:room]), since=self.since))
                new = new[room:]
            last = self._segment(last.number + 1)
        return tuple(written)

    def stored(self, segment: Segment) -> "Book":
        """Return the book with `segment` as it is now stored."""
        others = [one for one in self.segments if one.number != segment.number]
        return replace(self, segments=tuple(sorted((*others, segment), key=lambda one: one.number)))

    def without(self, segment: Segment) -> "Book":
        """Return the book without a segment that was deleted."""
        return replace(self, segments=tuple(one for one in self.segments if one.number != segment.number))

    def spent(self, now: datetime) -> tuple[Segment, ...]:
        """Return the segments to be deleted: all their certificates have expired. The last one stays, it bears the number."""
        return tuple(segment for segment in self.segments[:-1] if segment.spent(now))

    def _segment(self, number: int) -> Segment:
        return Segment(trust_domain=self.trust_domain, number=number, since=self.since)


def book_of(trust_domain: str, segments: Iterable[Segment], now: datetime) -> Book:
    """Return the book that the segments of a trust domain make up.

    Where there is none, or one of them was spoilt, the ledger is complete only from now on.
    """
    mine = sorted((one for one in segments if one.trust_domain == trust_domain), key=lambda one: one.number)
    whole = mine and not any(one.damaged for one in mine)
    since = max(one.since for one in mine) if whole else now
    return Book(trust_domain=trust_domain, since=since, segments=tuple(mine))

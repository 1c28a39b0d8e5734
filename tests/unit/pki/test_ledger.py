"""The ledger of issued certificates: rows, segments, and what they say of an authority."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bartizan.core.pki.book import Book, book_of
from bartizan.core.pki.ledger import CAPACITY, LedgerRow, Segment, read_segment, segment_object
from unit.pki.builders import HOUR, NOW, RELEASE


def a_row(serial="a1", authority="issuing-one", *, ends=NOW + HOUR) -> LedgerRow:
    """Return the row of a certificate of shop/orders."""
    return LedgerRow(
        trust_domain="default",
        serial=serial,
        authority=authority,
        subject="shop/orders",
        holder="policy-uid",
        not_after=ends,
    )


def rows(count, *, start=0, ends=NOW + HOUR):
    """Return so many rows with different serials."""
    return tuple(a_row(format(start + n, "x"), ends=ends) for n in range(count))


def observed(segment: Segment, version="7") -> dict:
    """Return the ConfigMap of a segment as the API server gives it back."""
    item = segment_object(segment, namespace=RELEASE)
    return {**item, "metadata": {**item["metadata"], "uid": "uid", "resourceVersion": version}}


SEGMENT = Segment(trust_domain="default", number=3, since=NOW, rows=(a_row(), replace(a_row("b2"), holder="")))


def test_a_segment_says_all_of_its_rows():
    """A segment as a ConfigMap, whole."""
    assert segment_object(SEGMENT, namespace=RELEASE) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "namespace": RELEASE,
            "name": "bartizan-ledger-default-3",
            "labels": {
                "app.kubernetes.io/managed-by": "bartizan",
                "bartizan.dev/ledger": "issued",
                "bartizan.dev/trust-domain": "default",
            },
        },
        "data": {
            "trustDomain": "default",
            "since": "1772366400",
            "rows": "a1 issuing-one 1772370000 policy-uid shop/orders\nb2 issuing-one 1772370000 - shop/orders\n",
        },
    }


def test_what_is_written_can_be_read():
    """A segment read back is the one written, with what the API server added."""
    assert read_segment(observed(SEGMENT)) == replace(SEGMENT, resource_version="7", uid="uid")


def edited(**data):
    """Return the ConfigMap of a segment after somebody's edit."""
    item = observed(SEGMENT)
    return {**item, "data": {**item["data"], **data}}


@pytest.mark.parametrize(
    ("case", "item"),
    [
        ("a line cut short", edited(rows="a1 issuing-one 17723\nb2 issuing-one\n")),
        ("a moment that is none", edited(rows="a1 issuing-one soon policy-uid shop/orders\n")),
        ("a moment beyond all calendars", edited(rows=f"a1 issuing-one {'9' * 30} policy-uid shop/orders\n")),
        ("no beginning", edited(since="")),
    ],
)
def test_an_edited_segment_is_no_evidence(case, item):
    """A ledger that somebody has spoilt is complete only from now on, and keeps what can be read."""
    segment = read_segment(item)
    assert segment.damaged, case
    assert book_of("default", [segment], NOW + HOUR).since == NOW + HOUR


@pytest.mark.parametrize(
    ("case", "item"),
    [
        ("of another name", {**edited(), "metadata": {"name": "somebody-else"}}),
        ("without data", {**edited(), "data": None}),
        ("of another trust domain", edited(trustDomain="other")),
    ],
)
def test_not_a_segment(case, item):
    """What only bears the label is passed over."""
    assert read_segment(item) is None, case


def stored(segments, book=None):
    """Return the book after its segments were written."""
    book = book or Book(trust_domain="default", since=NOW)
    for segment in segments:
        book = book.stored(replace(segment, resource_version="1", uid=segment.name))
    return book


def test_rows_fill_segments():
    """Rows fill the last segment and go on in new ones; none is there twice."""
    book = stored(Book(trust_domain="default", since=NOW).with_rows(rows(CAPACITY - 1), NOW))
    more = book.with_rows(rows(3, start=CAPACITY - 2), NOW)
    assert [(one.number, len(one.rows), one.resource_version) for one in more] == [(1, CAPACITY, "1"), (2, 1, "")]
    assert [row.serial for row in stored(more, book).rows] == [row.serial for row in rows(CAPACITY + 1)]
    assert stored(more, book).with_rows(rows(CAPACITY + 1), NOW) == ()


def test_expired_rows_go():
    """A segment in use loses its expired rows when it is written, a full one goes as a whole, the last one stays."""
    book = stored(Book(trust_domain="default", since=NOW).with_rows(rows(CAPACITY + 1), NOW))
    later = NOW + 2 * HOUR
    (last,) = book.with_rows(rows(1, start=9000, ends=later), later)
    assert (last.number, [row.serial for row in last.rows]) == (2, ["2328"])
    book = stored([last], book)
    assert [one.number for one in book.spent(later)] == [1]
    assert [one.number for one in book.without(book.spent(later)[0]).segments] == [2]
    assert book.spent(NOW) == ()


def test_what_it_says_of_authorities():
    """The unexpired certificates of each authority are counted, and the last end of each is known."""
    every = (a_row("1"), a_row("2"), a_row("3", "issuing-two", ends=NOW + 2 * HOUR), a_row("4", ends=NOW - HOUR))
    book = stored(Book(trust_domain="default", since=NOW).with_rows(every, NOW))
    assert book.counts(NOW) == {"issuing-one": 2, "issuing-two": 1}
    assert book.counts(NOW + HOUR + timedelta(seconds=1)) == {"issuing-two": 1}
    assert book.last_ends() == {"issuing-one": NOW + HOUR, "issuing-two": NOW + 2 * HOUR}


def test_the_ledger_is_as_old_as_its_youngest_beginning():
    """A lost ledger begins anew, and segments from before the loss do not make it older."""
    old, new = replace(SEGMENT, number=1, since=NOW - HOUR), replace(SEGMENT, number=2, since=NOW)
    assert book_of("default", [new, old], NOW + HOUR) == Book(trust_domain="default", since=NOW, segments=(old, new))
    assert book_of("default", [replace(old, trust_domain="other")], NOW).since == NOW

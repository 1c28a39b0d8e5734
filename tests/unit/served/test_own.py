"""Certificates that pods have for themselves, as the controller compares them."""

from datetime import UTC, datetime, timedelta

from bartizan.controller.mounted import SignedFor
from bartizan.controller.served import own_leaves
from bartizan.core.served.issued import IssuedLeaf

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_a_pod_s_own_certificate_is_there_since_it_was_signed():
    """Its lifetime before its end where only that is known, under the name that certificates use; never later than now."""
    found = {
        "1": SignedFor("root-1", NOW + HOUR),
        "2": SignedFor("gone", NOW + HOUR),
        "3": None,
        "4": SignedFor("root-1", NOW + 9 * HOUR),
        "5": SignedFor("root-1", NOW + HOUR, since=NOW - HOUR / 2),
    }
    assert own_leaves(found, {"root-1": "0a"}, lifetime=2 * HOUR, now=NOW) == {
        "1": IssuedLeaf(authority="0a", not_after=NOW + HOUR, since=NOW - HOUR),
        "2": IssuedLeaf(authority="", not_after=NOW + HOUR, since=NOW - HOUR),
        "3": None,
        "4": IssuedLeaf(authority="0a", not_after=NOW + 9 * HOUR, since=NOW),
        "5": IssuedLeaf(authority="0a", not_after=NOW + HOUR, since=NOW - HOUR / 2),
    }
    assert own_leaves({}, {}, lifetime=HOUR, now=NOW) == {}

"""Certificates that pods have for themselves, as the controller compares them."""

from datetime import UTC, datetime, timedelta

from bartizan.controller.served import Served, none_of_their_own
from bartizan.controller.world import World
from bartizan.core.served.issued import IssuedLeaf
from bartizan.testing import FakeClock, a_policy_view

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
ORDERS = a_policy_view("orders", mtls={"lifetime": "2h"})


def each(own):
    """What is compared for each pod."""
    served = Served(World(release_namespace="r"), None, None, FakeClock(), probed=True, own=own)
    return served._each(ORDERS, {"root-1": "0a"}, NOW)


def test_a_pod_s_own_certificate_is_there_since_it_was_signed():
    """Its lifetime before its end, under the name that certificates use for the authority; never later than now."""
    end = NOW + timedelta(hours=1)
    known = {"1": ("root-1", end), "2": ("gone", end), "3": None, "4": ("root-1", NOW + timedelta(hours=9))}
    assert each(lambda _: known) == {
        "1": IssuedLeaf(authority="0a", not_after=end, since=NOW - timedelta(hours=1)),
        "2": IssuedLeaf(authority="", not_after=end, since=NOW - timedelta(hours=1)),
        "3": None,
        "4": IssuedLeaf(authority="0a", not_after=NOW + timedelta(hours=9), since=NOW),
    }
    assert each(none_of_their_own) == {}

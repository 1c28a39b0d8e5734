"""The first isolation of running pods: when it waits, for how long, and when it never does."""

from datetime import UTC, datetime, timedelta

import pytest

from bartizan.api.v1alpha1 import EdgeStatus
from bartizan.core.network.hold import LONGEST, Hold, first_isolation
from bartizan.testing import a_policy

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
WAITING = EdgeStatus(to="shop/api", state="PendingConsent", reason="PendingConsent")
FORBIDDEN = EdgeStatus(to="internet", state="Denied", reason="ForbiddenByBaseline")
OPEN = EdgeStatus(to="shop/db", state="Applied")
RUNNING = {"edges": [OPEN, WAITING], "isolated": False, "running": True}


def said(reason, **more):
    """Return a policy whose status says this of NetworkEnforced."""
    condition = {
        "type": "NetworkEnforced",
        "status": "False",
        "reason": reason,
        "message": "m",
        "lastTransitionTime": "2026-01-01T11:00:00Z",
    }
    return {**a_policy(), "status": {"conditions": [condition], **more}}


NEVER = {
    "no pod runs": {"running": False},
    "its pods are isolated already": {"isolated": True},
    "every edge resolves": {"edges": [OPEN]},
    "what is closed stays closed": {"edges": [OPEN, FORBIDDEN]},
    "it was isolated before and somebody deleted that": {"item": said("NotProven")},
    "it has waited long enough": {"item": said("HeldInAudit", heldUntil="2026-01-01T12:00:00Z")},
}


@pytest.mark.parametrize("case", NEVER)
def test_isolation_does_not_wait_when(case):
    """A hold is only for pods that run, are not isolated, and would lose what their policy declares."""
    parts = {"item": a_policy(), **RUNNING, **NEVER[case]}
    assert first_isolation(parts.pop("item"), parts.pop("edges"), now=NOW, **parts) is None


def test_isolation_waits_for_the_edges_that_may_still_resolve():
    """The hold names them and ends a quarter of an hour later."""
    assert first_isolation(a_policy(), now=NOW, **RUNNING) == Hold(edges=(WAITING,), until=NOW + LONGEST)


def test_the_end_of_a_hold_does_not_move():
    """A restart or another look reads the end from the status instead of beginning anew."""
    item = said("HeldInAudit", heldUntil="2026-01-01T12:03:00Z")
    assert first_isolation(item, now=NOW, **RUNNING) == Hold(edges=(WAITING,), until=NOW + timedelta(minutes=3))

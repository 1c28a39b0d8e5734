"""Rules that are written with an end that has passed: a slip in an edit, a restore in a policy that is made anew."""

from dataclasses import replace
from datetime import UTC, datetime

from bartizan.core.preview import preview
from bartizan.testing import a_policy_view, a_snapshot
from bartizan.testing.builders import a_trust_domain_view

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
WORLD = replace(a_snapshot(trust_domains=[a_trust_domain_view()]), now=NOW)
LATE = (
    "spec.network.egress[0].until is 2026-06-01T12:00:00Z, which has passed (it is 2026-06-01T12:00:00Z): "
    "the rule opens nothing; set a later time"
)


def web(until=None):
    """Return a policy that calls orders until a moment."""
    rule = {"to": {"cidr": "203.0.113.0/24"}, "ports": [{"port": 443}]}
    return a_policy_view("web", network={"egress": [{**rule, **({"until": until} if until else {})}]})


def test_an_edit_that_ends_before_it_begins_is_refused():
    """The message names the field, the value, the time now and the fix."""
    assert preview(web(), web("2026-06-01T12:00:00Z"), WORLD, []).errors == (LATE,)
    assert preview(web(), web("2026-06-01T12:00:01Z"), WORLD, []).errors == ()


def test_an_end_that_stood_there_before_is_no_reason_to_refuse():
    """A policy with a rule that has ended meanwhile can still be edited."""
    assert preview(web("2026-06-01T12:00:00Z"), web("2026-06-01T12:00:00Z"), WORLD, []).errors == ()


def test_a_new_policy_is_only_told():
    """A backup or a repository may hold rules that have ended; the policy is taken, and the writer reads it."""
    seen = preview(None, web("2026-06-01T12:00:00Z"), WORLD, [])
    assert (seen.errors, f"bartizan: {LATE}" in seen.warnings) == ((), True)
    expired = "bartizan: expired: to cidr/203.0.113.0/24: ended by itself at 2026-06-01T12:00:00Z"
    assert any(text.startswith(expired) for text in seen.warnings)

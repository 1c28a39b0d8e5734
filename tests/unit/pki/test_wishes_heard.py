"""What is said of the wishes in `spec.rotation`."""

import pytest

from bartizan.core.pki.status import plan_trust_domain
from unit.pki.builders import RELEASE, a_trust_domain
from unit.pki.telling import told
from unit.pki.test_phases import requested

UNKNOWN = "0123456789abcdef"
REQUEST = {"id": "r1", "role": "Root"}


def heard(story):
    """Return status, reason and message of WishesHeard, or nothing."""
    return [
        (one["status"], one["reason"], one["message"])
        for one in story.status["conditions"]
        if one["type"] == "WishesHeard"
    ]


def refused(message):
    """Return what is said of a wish that cannot be carried out."""
    return [("False", "CannotBeDone", message)]


DONE = [("True", "Heard", "What spec.rotation asks for is carried out, or under way")]
TOO_LATE = "the new authority may sign already, and the way back is another rotation"
BEFORE = [
    ("nothing is wished", {}, []),
    (
        "an id that no authority has",
        {"distrust": [UNKNOWN]},
        refused(
            f"distrust {UNKNOWN}: no authority has this id, and nothing is distrusted by it; ids are in status.authorities"
        ),
    ),
    ("a request that begins", {"request": REQUEST}, DONE),
    ("an abort of nothing known", {"abort": "r9"}, refused("abort r9: no rotation under way was requested by this id")),
    ("an abort in advance", {"abort": "current"}, DONE),
    (
        "a request that abort names too",
        {"request": REQUEST, "abort": "r1"},
        refused("request r1: abort names it too, so it is not begun"),
    ),
]


@pytest.mark.parametrize(("wishes", "said"), [case[1:] for case in BEFORE], ids=[case[0] for case in BEFORE])
def test_at_rest(wishes, said):
    """Each wish that does nothing is named with the reason; one that is carried out is confirmed."""
    story = told()
    story.wish(**wishes)
    story.look()
    assert heard(story) == said


def under_way(role="Root", cause="Requested"):
    """Return how a rotation under way is called."""
    return f"the rotation of {role.lower()} under way ({cause})"


DURING = [
    ("an abort in time", "Publishing", {"abort": "first"}, DONE),
    ("an abort too late", "Draining", {"abort": "first"}, refused(f"abort first: {under_way()} goes on: {TOO_LATE}")),
    (
        "an abort of whatever goes on, too late",
        "Draining",
        {"abort": "current"},
        refused(f"abort current: {under_way()} goes on: {TOO_LATE}"),
    ),
    ("an abort after the end", "Stable", {"abort": "first"}, refused("abort first: its rotation has ended; the way back is another rotation")),
    (
        "another request meanwhile",
        "Publishing",
        {"request": {"id": "second", "role": "Issuing"}},
        [("False", "Pending", f"request second: it waits until {under_way()} has ended")],
    ),
    (
        "the same request with another role",
        "Stable",
        {"request": {"id": "first", "role": "Issuing"}},
        refused("request first: it was carried out for role Root and is not again for Issuing: give it another id"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("phase", "wishes", "said"), [case[1:] for case in DURING], ids=[case[0] for case in DURING])
def test_while_and_after_a_rotation_was_requested(phase, wishes, said):
    """What comes too late, has to wait or was done for something else is said."""
    story = requested().until("Draining" if phase == "Stable" else phase)
    story.until(phase)
    first = {"request": {"id": "first", "role": "Root"}} if "abort" in wishes else {}
    story.wish(**(first | wishes))
    story.look()
    assert heard(story) == said


def test_distrust_that_was_carried_out_stays_heard():
    """The id of an authority that is gone by now was heard, however long it stays in the specification."""
    story = told()
    story.wish(distrust=[story.id("Issuing", 1)])
    story.look()
    assert heard(story) == DONE
    story.until("Draining").until("Stable").look()
    assert (story.states, heard(story)) == (["Root 2 Active", "Issuing 2 Active"], DONE)


def test_a_refusal_is_one_warning():
    """Whoever watches events learns once of a wish that cannot be carried out."""
    story = told()
    story.domain = a_trust_domain(rotation={"distrust": [UNKNOWN]})
    writes = plan_trust_domain(story.domain, story.plan(), story.status, story.now, namespace=RELEASE)
    assert [(one.type, one.reason) for one in writes.events] == [("Warning", "CannotBeDone")]
    story.look()
    again = plan_trust_domain(story.domain, story.plan(), story.status, story.now, namespace=RELEASE)
    assert again.events == ()

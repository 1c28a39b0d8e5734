"""Rotations walked through beforehand: when each phase begins at the earliest, and who would be refused by whom."""

from datetime import UTC, datetime, timedelta

import pytest

from bartizan.api.v1alpha1.status import CertificatePods
from bartizan.core.pki.consumers import Consumer, Loads
from bartizan.core.pki.forecast import Question, forecast
from bartizan.core.pki.forecast_words import document, text
from bartizan.signers.stand_ins import StandInSigner
from unit.pki.builders import HOUR, NOW
from unit.pki.telling import legacy, told

PHASES = ["Prepared", "Publishing", "Activated", "Draining", "Retirable", "Retired"]
SEEN_SERVING = CertificatePods(total=1, serving=1, seen=NOW)


def a_consumer(story, name, *calls, loads=Loads.SEEN, node=False, **parts):
    """Return policy shop/<name> with a certificate of 24 hours, two hours old, that calls others of its namespace."""
    fields = {
        "authority": story.id("Issuing", 1),
        "not_before": NOW - 2 * HOUR,
        "not_after": NOW + 22 * HOUR,
        "renewal": NOW + 10 * HOUR,
        "lifetime": 24 * HOUR,
        "secret_name": "" if node else f"{name}-tls",
        "why": f"{loads.lower()} to load",
        "calls": frozenset(("shop", one) for one in calls),
    }
    return Consumer(key=("shop", name), loads=loads, **{**fields, **parts})


def ask(story, *consumers, what="Root", **parts):
    """Return question and forecast for a trust domain and its policies, beginning now."""
    asked = Question(
        view=story.domain, status=story.status, consumers=consumers, what=what, **{"now": story.now, **parts}
    )
    return asked, forecast(asked, StandInSigner())


def phases(found):
    """Return the phases with the time after which they begin."""
    return [(one.phase, one.at - NOW) for one in found.stages]


def refused(found):
    """Return who is refused by whom, why, in which phase and whether that is certain."""
    return [(one.refused[1], one.by[1], one.why, one.phase, one.certain) for one in found.refusals]


def test_a_root_takes_as_long_as_the_longest_certificate():
    """An hour to settle, then until the last old certificate ends; nobody who loads what is new is refused."""
    story = told()
    _, found = ask(story, a_consumer(story, "web", "orders"), a_consumer(story, "orders"))
    second = timedelta(seconds=1)
    times = [0 * HOUR, 0 * HOUR, HOUR, HOUR, 22 * HOUR + second, 22 * HOUR + second]
    assert phases(found) == list(zip(PHASES, times, strict=True))
    assert (found.over - NOW, found.refusals, found.blocked) == (22 * HOUR + 2 * second, (), "")
    assert found.stages[1].waited_for == (
        "every bundle holds the new root since 2026-03-01T12:00:00Z; it signs from 2026-03-01T13:00:00Z",
    )


def test_what_is_observed_is_left_as_it_is():
    """The walk is made on copies: status and specification are the same afterwards, and a second walk has the same answer."""
    story = told()
    before = repr(story.status), story.domain
    first, again = (ask(story, a_consumer(story, "web"))[1] for _ in range(2))
    assert (repr(story.status), story.domain) == before
    assert first == again


def test_an_issuing_authority_needs_no_publishing():
    """Its rotation changes no trust, so even a peer that never reads anything again is refused for its age alone."""
    story = told()
    never = a_consumer(story, "orders", loads=Loads.NEVER)
    _, found = ask(story, a_consumer(story, "web", "orders"), never, what="Issuing")
    assert [phase for phase, _ in phases(found)] == ["Prepared", "Draining", "Retirable", "Retired"]
    assert refused(found) == [("orders", "web", "Expired", "Draining", True)]


def test_bridges_carry_a_peer_that_never_loads_until_its_certificate_ends():
    """It is refused because its own certificate ended, not because of the rotation, and refuses others once the bridge goes."""
    story = told()
    _, found = ask(story, a_consumer(story, "web", "orders"), a_consumer(story, "orders", loads=Loads.UNKNOWN))
    assert refused(found) == [
        ("orders", "web", "Expired", "Draining", False),
        ("web", "orders", "Untrusted", "Retired", False),
    ]
    assert found.breaks == ()


def test_an_old_root_carries_no_bridge():
    """Under a root with a path length peers that never load refuse the new certificates as soon as they are served."""
    story = legacy(told())
    long = {"not_after": NOW + 168 * HOUR, "renewal": NOW + 80 * HOUR, "lifetime": 168 * HOUR}
    _, found = ask(
        story,
        a_consumer(story, "web", "orders", **long),
        a_consumer(story, "orders", loads=Loads.NEVER, **{**long, "not_after": NOW + 400 * HOUR}),
    )
    assert dict(phases(found))["Activated"] == 168 * HOUR
    assert next(one[:4] for one in refused(found)) == ("web", "orders", "Untrusted", "Draining")
    assert found.breaks


def test_distrust_cuts_off_who_does_not_load_in_time():
    """At the deadline the old root goes: whoever still shows or trusts it alone is refused in both directions, for certain."""
    story = told()
    root = story.id("Root", 1)
    asked, found = ask(
        story,
        a_consumer(story, "web", "orders"),
        a_consumer(story, "orders", loads=Loads.NEVER),
        what="Distrust",
        distrusted=(root,),
        deadline=timedelta(minutes=20),
    )
    assert found.deadline - NOW == timedelta(minutes=20)
    assert dict(phases(found))["Retired"] == timedelta(minutes=20)
    assert refused(found) == [
        ("orders", "web", "Untrusted", "Retired", True),
        ("web", "orders", "Untrusted", "Retired", True),
    ]
    said = text(asked, found)
    assert "Retired +20m: orders" not in said
    assert "Retired +20m: shop/orders by shop/web, shop/web by shop/orders: shop/orders never to load" in said


def test_nodes_ask_for_certificates_at_half_of_their_lives():
    """In an emergency it depends on how many pods are evicted by the deadline, and a plain rotation waits for them."""
    story = told()
    pair = a_consumer(story, "web", "orders", node=True), a_consumer(story, "orders")
    _, found = ask(story, *pair, what="Distrust", distrusted=(story.id("Issuing", 1),))
    assert refused(found) == [("web", "orders", "Untrusted", "Retired", False)]
    assert found.refusals[0].because == (
        "shop/web has certificates that its nodes ask for, at half of their lives and not earlier; in an emergency its pods are "
        "evicted one at a time, and how many are by then is not known"
    )
    assert ask(story, *pair)[1].refusals == ()


@pytest.mark.parametrize(
    ("parts", "last", "waits"),
    [
        ({"held_up": "changed by helm"}, "Publishing", "Secret shop/web-tls does not hold the bundle yet"),
        ({"loads": Loads.NEVER, "asked": SEEN_SERVING}, "Draining", "was seen served at"),
    ],
    ids=["a Secret that somebody else changes", "pods seen to go on with the old one"],
)
def test_what_would_never_end_is_said(parts, last, waits):
    """A rotation that waits for a person ends nowhere, and the forecast names what it waits for."""
    story = told()
    asked, found = ask(story, a_consumer(story, "web", **parts))
    assert (found.over, found.stages[-1].phase) == (None, last)
    assert waits in found.stages[-1].waited_for[0]
    assert "it does not end by itself" in text(asked, found)


def test_nothing_begins_where_it_cannot():
    """The reason is one sentence, for each of the reasons."""
    story, rotating = told(), told()
    rotating.wish(request={"id": "a", "role": "Root"})
    rotating.look()
    lost = told()
    lost.status["authorities"][0]["state"] = "Lost"
    bundle = story.status["bundle"]
    foreign = told(issuer={"certManager": {"name": "corp"}}, bundle=bundle)
    empty = told()
    empty.status = {}
    answers = [
        ask(rotating)[1],
        ask(lost)[1],
        ask(foreign)[1],
        ask(empty)[1],
        ask(story, what="Current")[1],
        ask(story, what="Distrust", distrusted=("0" * 16,))[1],
        ask(story, now=NOW - 2 * HOUR)[1],
        ask(story, now=NOW + 2400 * HOUR)[1],
        ask(story, now=datetime.max.replace(tzinfo=UTC))[1],
    ]
    assert [one.blocked for one in answers] == [
        "a rotation is under way (Prepared): another one begins when it has ended",
        "the key of root generation 1 is lost: nothing rotates until it is restored",
        "certManager signs for default: its authorities are not bartizan's to rotate",
        "TrustDomain default has no authorities yet",
        "nothing rotates now",
        "no authority in use has the id 0000000000000000",
        "no root and issuing authority of default are valid at 2026-03-01T10:00:00Z",
        "no root and issuing authority of default are valid at 2026-06-09T12:00:00Z",
        "no root and issuing authority of default are valid at 9999-12-31T23:59:59Z",
    ]


@pytest.mark.parametrize("phase", ["Prepared", "Publishing", "Activated", "Draining"])
def test_a_rotation_under_way_is_taken_up_where_it_is(phase):
    """From any phase the walk goes on and ends, with the bridges that are there already."""
    story = told()
    story.wish(request={"id": "a", "role": "Root"})
    story.until(phase)
    parts = {"not_before": story.now - HOUR, "not_after": story.now + 23 * HOUR, "renewal": story.now + 11 * HOUR}
    pair = a_consumer(story, "web", "orders", **parts), a_consumer(story, "orders", **parts)
    _, found = ask(story, *pair, what="Current")
    order = [one.phase for one in found.stages if one.phase != phase]
    assert order == PHASES[PHASES.index(phase) + 1 :]
    assert (found.refusals, found.over is not None) == ((), True)


def test_the_document_says_the_same_as_the_text():
    """Every stage and refusal is in the JSON, with times as Kubernetes writes them."""
    story = told()
    asked, found = ask(story, a_consumer(story, "web", "orders"), a_consumer(story, "orders", loads=Loads.UNKNOWN))
    said = document(asked, found, ("pods of shop",))
    assert [(one["phase"], one["afterSeconds"]) for one in said["timeline"]][:3] == [
        ("Prepared", 0),
        ("Publishing", 0),
        ("Activated", 3600),
    ]
    assert said["refusals"][1] == {
        "refused": "shop/web",
        "by": "shop/orders",
        "why": "Untrusted",
        "phase": "Retired",
        "at": "2026-03-02T10:00:01Z",
        "certain": False,
        "because": "shop/orders unknown to load",
    }
    assert (said["over"], said["deadline"], said["notSeen"]) == ("2026-03-02T10:00:02Z", None, ["pods of shop"])
    assert "nobody knows: shop/orders" in text(asked, found)

"""How one authority follows another, step by step."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bartizan.core.pki.evidence import Target
from bartizan.core.pki.leaf import public_key_id
from bartizan.core.pki.pem import self_signed
from unit.pki.builders import HOUR, NOW
from unit.pki.telling import legacy, told

MINUTE = timedelta(minutes=1)
ROOT = {"request": {"id": "first", "role": "Root"}}
ISSUING = {"request": {"id": "first", "role": "Issuing"}}


def requested(wish=ROOT, **spec):
    """Return a trust domain in which a rotation was asked for."""
    story = told(**spec)
    story.wish(**wish)
    return story


def bundle_of(story):
    """Return the bundle as ids of keys, those that are certified by another with a mark and last."""
    marks = [public_key_id(one) + ("" if self_signed(one) else "*") for one in story.plan().bundle]
    return sorted(marks, key=lambda mark: (mark.endswith("*"), mark))


def test_a_root_takes_all_phases():
    """A forced rotation of the root, look by look: what each phase writes down, trusts, and signs with."""
    story = requested()
    assert story.look() == ("Prepared", [])
    assert (story.states, story.plan().create.message) == (
        ["Root 1 Active", "Issuing 1 Active"],
        "make root authority generation 2: a rotation has begun (Requested)",
    )
    assert story.look() == ("Publishing", [])
    one, two = story.id("Root", 1), story.id("Root", 2)
    assert (story.states, bundle_of(story)) == (
        ["Root 1 Active", "Root 2 Next", "Issuing 1 Active"],
        [*sorted((one, two)), f"{one}*"],
    )
    assert story.look(targets=(story.target(),)) == (
        "Publishing",
        ["every bundle holds the new root since 2026-03-01T12:00:00Z; it signs from 2026-03-01T13:00:00Z"],
    )
    assert story.look(HOUR) == ("Activated", [])
    assert story.plan().signer.generation == 1, "the old one signs until the new one is there"
    assert story.look() == ("Draining", [])
    assert story.states == ["Root 1 Draining", "Root 2 Active", "Issuing 1 Draining", "Issuing 2 Active"]
    chain = story.plan().chain_of(story.plan().signer)
    assert [public_key_id(link) for link in chain] == [story.id("Issuing", 2), two]
    assert not self_signed(chain[1])
    assert story.look(31 * MINUTE) == ("Retirable", [])
    assert story.look() == ("Retired", [])
    assert story.states == ["Root 1 Retired", "Root 2 Active", "Issuing 1 Retired", "Issuing 2 Active"]
    assert (bundle_of(story), len(story.plan().chains), len(story.plan().chains[0])) == ([two], 1, 1)
    assert len(story.secrets) == 4, "nothing is deleted before it is written down"
    assert story.look() == ("Retired", ["the Secrets of the old authorities are deleted"])
    assert sorted(story.secrets) == ["bartizan-authority-default-issuing-2", "bartizan-authority-default-root-2"]
    assert story.look() == ("Stable", [])
    assert story.states == ["Root 2 Active", "Issuing 2 Active"]
    assert story.look(48 * HOUR) == ("Stable", []), "a request is done once"
    assert story.status["generations"] == {"root": 2, "issuing": 2}


def test_an_issuing_authority_needs_no_publishing():
    """A forced rotation of the issuing authority changes no bundle, and takes four phases."""
    story = requested(ISSUING)
    before, phases = bundle_of(story), []
    for _ in range(7):
        phases.append(story.look(16 * MINUTE)[0])
        assert bundle_of(story) == before
    assert phases == ["Prepared", "Draining", "Draining", "Retirable", "Retired", "Retired", "Stable"]
    assert story.states == ["Root 1 Active", "Issuing 2 Active"]


def test_half_life():
    """At half of its life the issuing authority is followed, then the root, each by a rotation of its own."""
    story = told()
    story.look(timedelta(days=45))
    assert (story.phase, story.status["rotation"]["cause"]) == ("Prepared", "HalfLife")
    assert story.until("Stable").states == ["Root 1 Active", "Issuing 2 Active"]
    story.now = NOW + timedelta(days=3650) / 2
    story.until("Publishing")
    assert story.status["rotation"]["role"] == "Root"


@pytest.mark.parametrize(
    ("case", "late", "reason"),
    [
        (
            "an old bundle",
            {"targets": (Target(name="Secret shop/orders-tls", bundle="0000"),)},
            "Secret shop/orders-tls does not hold the bundle yet",
        ),
        (
            "a place nobody can look into",
            {"unseen": ("the Secrets of namespace shop",)},
            "the Secrets of namespace shop can't be looked into",
        ),
    ],
)
def test_publishing_waits_for_everybody(case, late, reason):
    """However much time passes, a new root does not sign before every bundle holds it, and who lacks it is named."""
    story = requested().until("Publishing")
    story.seen = replace(story.seen, targets=())
    assert story.look(50 * HOUR, **late) == ("Publishing", [reason]), case
    story.look(targets=(), unseen=())
    assert story.look(59 * MINUTE)[0] == "Publishing", "the time to settle begins when everybody has it"
    assert story.look(MINUTE)[0] == "Activated"


def test_many_reasons_are_cut_short():
    """Of a hundred workloads that wait, ten are named and the others counted."""
    story = requested().until("Publishing")
    story.look(targets=tuple(Target(name=f"Secret shop/s{n}", bundle="0000") for n in range(100)))
    assert (len(story.waiting), story.waiting[-1]) == (11, "and 90 more")


def test_without_a_bridge_it_takes_the_longest_life():
    """Under a root of an earlier version no bridge verifies, so each peer must have read the bundle with its renewal."""
    story = legacy(told())
    story.wish(**ROOT)
    story.until("Publishing")
    story.look(targets=(story.target(),))
    assert story.look(167 * HOUR)[0] == "Publishing"
    assert story.look(HOUR)[0] == "Activated"
    story.until("Draining")
    assert len(story.plan().chain_of(story.plan().signer)) == 1


def test_the_end_of_the_old_root_presses():
    """A fortnight before the old root ends the new one signs, whoever has not got it: without it nobody could go on."""
    story = requested(lifetimes={"root": "8760h", "issuing": "336h"}).until("Publishing")
    story.wish(abort="first", **ROOT)
    story.wish(**ROOT)
    stale = (Target(name="Secret shop/stuck", bundle="0000"),)
    end = story.plan().roots[0].not_after
    story.now = end - 337 * HOUR
    assert story.look(targets=stale)[0] == "Publishing"
    assert story.look(2 * HOUR)[0] == "Activated"


def test_somebody_can_always_sign():
    """While a rotation of the root waits for weeks, issuing authorities go on following each other under the old root."""
    story = requested(lifetimes={"root": "87600h", "issuing": "336h"}).until("Publishing")
    stale = (Target(name="Secret shop/stuck", bundle="0000"),)
    for _ in range(80):
        story.look(12 * HOUR, targets=stale)
        signer = story.plan().signer
        assert signer.not_after - story.now >= 156 * HOUR
        assert story.plan().root_id(signer) == story.id("Root", 1)
    assert story.phase == "Publishing"


def draining(wish=ROOT):
    """Return a rotation in which nothing but evidence is waited for."""
    story = requested(wish).until("Draining")
    story.now += HOUR
    return story


@pytest.mark.parametrize("wish", [ROOT, ISSUING], ids=["root", "issuing"])
@pytest.mark.parametrize(
    ("case", "seen", "reason"),
    [
        (
            "a certificate in the ledger",
            lambda story: {"last_ends": {story.id("Issuing", 1): story.now + HOUR}},
            "the last certificate of issuing authority generation 1 in the ledger ends",
        ),
        (
            "a certificate in a Secret",
            lambda story: {"targets": (story.target(authority=story.id("Issuing", 1)),)},
            "Secret shop/orders-tls holds a certificate of issuing authority generation 1",
        ),
        (
            "a certificate seen served",
            lambda story: {"sightings": {story.id("Issuing", 1): story.now - 29 * MINUTE}},
            "a certificate of issuing authority generation 1 was seen served at",
        ),
        (
            "a place nobody can look into",
            lambda _: {"unseen": ("the Secrets of namespace shop",)},
            "the Secrets of namespace shop can't be looked into",
        ),
        (
            "a ledger that was not read",
            lambda _: {"complete_since": None},
            "the ledger of issued certificates is not read yet",
        ),
        (
            "a ledger that was lost",
            lambda story: {"complete_since": story.now},
            "certificates issued before the ledger began may be valid until",
        ),
    ],
)
def test_nothing_goes_without_evidence(wish, case, seen, reason):
    """Whatever speaks for an old certificate being in use keeps its authority, also when it appears at the last look."""
    story = draining(wish)
    phase, (said, *more) = story.look(**seen(story))
    assert (phase, said.startswith(reason), more) == ("Draining", True, []), (case, said)
    story = draining(wish)
    assert story.look() == ("Retirable", [])
    assert story.look(**seen(story))[0] == "Draining", case
    assert "Issuing 1 Draining" in story.states


def test_what_counts_no_more():
    """Certificates that have ended, a ledger that is old enough, and sightings of half an hour ago keep nothing."""
    story = draining()
    old = story.id("Issuing", 1)
    seen = {
        "last_ends": {old: story.now - MINUTE, "another": story.now + HOUR},
        "sightings": {old: story.now - 30 * MINUTE, "another": story.now},
        "complete_since": story.now - 168 * HOUR,
    }
    assert story.look(**seen) == ("Retirable", [])


@pytest.mark.parametrize("abort", ["first", "current"])
@pytest.mark.parametrize("phase", ["Prepared", "Publishing"])
def test_abort(abort, phase):
    """Until the new root signs it can be given up: it is removed, its number is not used again, the request stays done."""
    story = requested().until(phase)
    story.wish(abort=abort, **ROOT)
    story.look()
    assert story.phase == "Stable"
    story.look()
    story.look()
    assert (story.phase, story.states) == ("Stable", ["Root 1 Active", "Issuing 1 Active"])
    assert sorted(story.secrets) == ["bartizan-authority-default-issuing-1", "bartizan-authority-default-root-1"]
    story.wish(request={"id": "second", "role": "Root"})
    used = story.status["generations"]["root"]
    story.until("Publishing")
    assert f"Root {used + 1} Next" in story.states


@pytest.mark.parametrize("phase", ["Activated", "Draining", "Retirable", "Retired"])
def test_abort_comes_too_late(phase):
    """Once the new root signs, an abort does nothing, neither now nor to a later rotation."""
    story = requested().until(phase)
    story.wish(abort="current", **ROOT)
    story.until("Stable")
    assert story.states == ["Root 2 Active", "Issuing 2 Active"]
    story.wish(abort="current", request={"id": "second", "role": "Issuing"})
    story.until("Draining")


def test_a_request_that_was_given_up_before_it_began():
    """A request whose abort is written beside it is never begun."""
    story = requested({"abort": "first", **ROOT})
    assert [story.look(HOUR)[0] for _ in range(3)] == ["Stable"] * 3


def test_current_holds_back_until_three_quarters():
    """While `abort: current` stands, no root rotation begins at half of the life, but at three quarters one does."""
    story = told(lifetimes={"root": "8760h", "issuing": "8000h"})
    story.wish(abort="current")
    story.look()
    story.now = NOW + 5000 * HOUR
    story.until("Stable")
    assert story.states[0] == "Root 1 Active"
    story.now = NOW + 6600 * HOUR
    story.until("Publishing")

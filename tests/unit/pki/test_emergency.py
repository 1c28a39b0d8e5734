"""When an authority must not be trusted any more, and what else goes wrong with a rotation."""

from datetime import timedelta

import pytest

from bartizan.core.pki.authority import authority_secret
from bartizan.core.pki.evidence import Target
from unit.pki.builders import HOUR, NOW, RELEASE, SIGNER, a_trust_domain, stored
from unit.pki.telling import legacy, told
from unit.pki.test_phases import ROOT, requested

MINUTE = timedelta(minutes=1)
STALE = (Target(name="Secret shop/stuck", bundle="0000"),)


def distrusting(story, *names, **more):
    """Have authorities distrusted, each named as `Root 1`."""
    ids = [story.id(name.split(" ")[0], int(name.split(" ")[1])) for name in names]
    story.wish(distrust=ids, **more)
    return story


def test_a_distrusted_root_goes_at_the_deadline():
    """The next root signs at once, everything is issued anew at once, what still uses the old one is named, and it goes."""
    story = distrusting(told(), "Root 1")
    began = story.now
    assert [story.look()[0] for _ in range(4)] == ["Prepared", "Publishing", "Activated", "Draining"]
    old, new = story.id("Issuing", 1), story.id("Issuing", 2)
    wave = story.plan().draining[old]
    assert (wave.start, wave.end, story.plan().signer.id) == (began, began, new)
    used = {"targets": (story.target(authority=old),), "last_ends": {old: began + 20 * HOUR}}
    phase, waiting = story.look(14 * MINUTE, **used)
    assert (phase, waiting) == (
        "Draining",
        [
            "the last certificate of issuing authority generation 1 in the ledger ends 2026-03-02T08:00:00Z",
            "Secret shop/orders-tls holds a certificate of issuing authority generation 1",
            "probes have looked for what is served since 2026-03-01T12:00:00Z, and go on until 2026-03-01T12:30:00Z",
        ],
    )
    assert story.look(MINUTE) == ("Retired", [])
    assert story.states == ["Root 1 Retired", "Root 2 Active", "Issuing 1 Retired", "Issuing 2 Active"]
    assert [story.look()[0] for _ in range(3)] == ["Retired", "Stable", "Stable"]
    assert story.states == ["Root 2 Active", "Issuing 2 Active"]


def test_what_still_uses_it_is_named_before_it_goes():
    """A controller that was away until after the deadline names what it cuts off in one look, and cuts in the next."""
    story = distrusting(told(), "Root 1").until("Draining")
    old = story.id("Issuing", 1)
    used = {"targets": (story.target(authority=old),)}
    phase, waiting = story.look(HOUR, **used)
    assert (phase, len(waiting)) == ("Draining", 1)
    assert story.look()[0] == "Retired"


def test_a_distrusted_issuing_authority_takes_its_root_along():
    """Peers trust an issuing authority through its root, so as long as that is trusted, so is every certificate it signs."""
    story = distrusting(told(), "Issuing 1").until("Draining").until("Stable")
    assert story.states == ["Root 2 Active", "Issuing 2 Active"]


@pytest.mark.parametrize(
    ("case", "phase", "names", "states"),
    [
        ("the new one before it signs", "Publishing", ["Root 2"], ["Root 1 Active", "Issuing 1 Active"]),
        ("the old one before the new one signs", "Publishing", ["Root 1"], ["Root 2 Active", "Issuing 2 Active"]),
        ("both before the new one signs", "Publishing", ["Root 1", "Root 2"], ["Root 3 Active", "Issuing 2 Active"]),
        ("the old one while it drains", "Draining", ["Root 1"], ["Root 2 Active", "Issuing 2 Active"]),
        ("the new one while the old drains", "Draining", ["Root 2"], ["Root 3 Active", "Issuing 3 Active"]),
        ("both while the old drains", "Draining", ["Root 1", "Issuing 2"], ["Root 3 Active", "Issuing 3 Active"]),
        ("the old one when it goes already", "Retired", ["Root 1"], ["Root 2 Active", "Issuing 2 Active"]),
    ],
)
def test_an_emergency_during_a_rotation(case, phase, names, states):
    """Whatever rotates when an authority is distrusted: in the end what is distrusted is gone, and the rest signs."""
    story = distrusting(requested().until(phase), *names, **ROOT)
    story.look()
    for _ in range(3):
        story.until("Stable").look(MINUTE)
    assert (story.phase, story.states) == ("Stable", states), case


def test_an_emergency_cannot_be_aborted():
    """A standing `abort: current` does not keep a distrusted root trusted."""
    story = distrusting(told(), "Root 1", abort="current").until("Draining").until("Stable")
    assert story.states == ["Root 2 Active", "Issuing 2 Active"]


def test_without_a_bridge_the_new_root_is_published_first():
    """Under a root of an earlier version the new one gets two minutes in every bundle, and half of the deadline at most."""
    story = distrusting(legacy(told()), "Root 1")
    assert [story.look()[0] for _ in range(2)] == ["Prepared", "Publishing"]
    story.look(targets=(story.target(),))
    assert story.look(MINUTE)[0] == "Publishing"
    assert story.look(MINUTE)[0] == "Activated"
    story = distrusting(legacy(told()), "Root 1")
    assert [story.look(targets=STALE)[0] for _ in range(2)] == ["Prepared", "Publishing"]
    assert story.look(7 * MINUTE)[0] == "Publishing"
    assert story.look(MINUTE)[0] == "Activated"


@pytest.mark.parametrize(("gone", "signs"), [("root-1", 2), ("issuing-1", 3)])
def test_a_lost_authority_is_given_up_by_distrusting_it(gone, signs):
    """A lost key blocks every rotation, until somebody says in the specification that it is not to be waited for.

    Where nobody can sign any more, an issuing authority under the old root helps out until the new one signs.
    """
    story = told()
    identity = story.id("Root" if gone == "root-1" else "Issuing", 1)
    del story.secrets[f"bartizan-authority-default-{gone}"]
    story.wish(**ROOT)
    assert (story.look()[0], story.look(HOUR)[0]) == ("Stable", "Stable")
    assert story.status["conditions"][0]["reason"] == "CAKeyLost"
    story.wish(distrust=[identity])
    story.look()
    story.until("Stable")
    assert story.states == ["Root 2 Active", f"Issuing {signs} Active"]
    assert story.status["conditions"][0]["reason"] == "Applied"


def test_a_lost_new_root_can_be_given_up():
    """A new root whose Secret was deleted before it signs goes with an abort."""
    story = requested().until("Publishing")
    del story.secrets["bartizan-authority-default-root-2"]
    assert story.look(HOUR)[0] == "Publishing"
    story.wish(abort="first", **ROOT)
    assert story.look()[0] == "Stable"
    story.look()
    assert (story.states, story.status["generations"]["root"]) == (["Root 1 Active", "Issuing 1 Active"], 2)


def test_what_was_removed_does_not_come_back():
    """A retired root put in again from a backup is neither trusted nor kept."""
    story = requested()
    backup = dict(story.secrets)
    story.until("Draining").until("Stable")
    story.secrets |= backup
    before = story.plan().bundle
    story.look()
    assert (story.plan().bundle, story.states) == (before, ["Root 2 Active", "Issuing 2 Active"])
    assert sorted(story.secrets) == ["bartizan-authority-default-issuing-2", "bartizan-authority-default-root-2"]


def test_a_root_that_nobody_announced_is_not_trusted():
    """A Secret with a root of our trust domain, planted beside ours, gets into no bundle."""
    story = told()
    story.store(SIGNER.make_root(story.domain, generation=7, now=NOW))
    before = story.plan().bundle
    story.look()
    assert (story.plan().bundle, story.states) == (before, ["Root 1 Active", "Issuing 1 Active"])


@pytest.mark.parametrize(("signs", "phase"), [(False, "Publishing"), (True, "Draining")])
def test_a_rotation_of_an_earlier_version_is_taken_over(signs, phase):
    """Two roots and no record: an earlier version had begun. Which of them signs says how far it was."""
    story = told()
    del story.status["rotation"], story.status["generations"]
    second = SIGNER.make_root(story.domain, generation=2, now=NOW + HOUR)
    made = [second, *([SIGNER.make_issuing(story.domain, second, generation=2, now=NOW + HOUR)] if signs else [])]
    for one in made:
        story.store(one)
        entry = {"id": one.id, "role": one.role.value, "generation": 2, "secretName": one.secret_name}
        story.status["authorities"].append({**entry, "notAfter": one.not_after.isoformat()})
    story.now += 2 * HOUR
    assert story.look()[0] == phase
    story.look(targets=(story.target(),))
    story.now += 168 * HOUR
    assert story.until("Stable").states == ["Root 2 Active", "Issuing 2 Active"]


@pytest.mark.parametrize(
    ("case", "rotation", "phase"),
    [
        ("nothing", None, "Stable"),
        ("not a mapping", "Draining", "Stable"),
        ("a phase nobody knows", {"phase": "Pondering"}, "Stable"),
        ("a moment nobody can read", {"phase": "Draining", "since": "soon", "role": "Issuing"}, "Draining"),
        ("a field of a later version", {"phase": "Retired", "mood": "good"}, "Retired"),
    ],
)
def test_a_record_is_read_with_care(case, rotation, phase):
    """A record with unreadable parts loses those parts, and only one without a phase begins anew."""
    story = told()
    story.status["rotation"] = rotation
    assert story.plan().record.phase == phase, case


def test_a_bridge_that_was_exchanged_is_not_used():
    """Somebody else's certificate in the place of a bridge is left out: peers only wait longer."""
    story = requested().until("Publishing")
    other = SIGNER.make_root(a_trust_domain(), generation=2, now=NOW, old=story.plan().roots[0])
    name = "bartizan-authority-default-root-2"
    data = authority_secret(other, namespace=RELEASE)["data"]
    own = story.secrets[name]
    story.secrets[name] = stored(
        {**own, "data": {**own["data"], "bridge.crt": data["bridge.crt"], "old-by-new.crt": data["old-by-new.crt"]}}
    )
    root = next(one for one in story.plan().roots if one.generation == 2)
    assert (root.bridge, root.old_by_new, len(story.plan().bundle)) == (None, None, 2)

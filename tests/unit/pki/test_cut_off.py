"""Whose own certificate is of an authority that is not trusted any more, at each step of an emergency, and what is said."""

import pytest

from bartizan.core.observations import certificate
from bartizan.core.pki.cut_off import CutOff, cut_off, said_of
from bartizan.core.reasons import Reason
from unit.pki.telling import told
from unit.pki.test_emergency import distrusting
from unit.pki.test_phases import requested

FINE = certificate("True", Reason.ISSUED_TO_PODS, "each pod gets its own")


def found(story, **own):
    """Return who is cut off; `own` says which authority's each pod is, such as `Issuing 1`."""
    return cut_off(story.domain, story.plan(), own)


def test_an_emergency_cuts_off_from_its_first_to_its_last_look():
    """Told as soon as it has begun, replaced as soon as another one signs, and after everything is over too."""
    story = told()
    old = story.id("Issuing", 1)
    distrusting(story, "Root 1")
    assert found(story, a=old).uids == frozenset()
    seen = {}
    for _ in range(12):
        phase = story.look()[0]
        seen.setdefault(phase, found(story, a=old, b=story.plan().signer.id if phase == "Draining" else ""))
    story.until("Stable")
    assert {phase: sorted(one.replaced & {"a"}) for phase, one in seen.items()} == {
        "Prepared": [], "Publishing": [], "Activated": [], "Draining": ["a"],
    }  # fmt: skip
    assert all("a" in one.uids for one in seen.values())
    assert seen["Draining"].uids == {"a"}
    after = found(story, a=old, b=story.plan().signer.id)
    assert after == CutOff(uids=frozenset({"a"}), asked=True, follows=True)
    assert after.replaced == {"a"}


def test_nobody_is_replaced_unless_somebody_distrusts():
    """A certificate of an authority that nobody knows is told, and its pod is left alone."""
    stranger = found(told(), a="0000000000000000")
    assert (stranger.uids, stranger.replaced) == ({"a"}, frozenset())


def test_a_plain_rotation_cuts_nobody_off():
    """Old and new are accepted side by side."""
    story = requested().until("Draining")
    assert found(story, a=story.id("Issuing", 1), b=story.plan().signer.id).uids == frozenset()


def test_a_lost_key_cuts_nobody_off():
    """What cannot be read may be trusted all the same."""
    story = told()
    old = story.id("Issuing", 1)
    story.secrets = {name: item for name, item in story.secrets.items() if "issuing" not in name}
    assert story.plan().lost
    assert found(story, a=old).uids == frozenset()


ALL = frozenset({"1", "2", "3", "4"})
HELD = "4 of 6 pods hold a certificate of an authority that is not trusted any more, and their nodes ask for another one only at half of its life: a, b, c and 1 more; "


@pytest.mark.parametrize(
    ("case", "kind", "fix"),
    [
        ("nobody distrusts", CutOff(uids=ALL, follows=True), "delete them one after the other: the pods in their place get certificates of the present authority; then"),
        ("no other signs yet", CutOff(uids=ALL, asked=True), "they are replaced as soon as the next authority signs; then"),
        ("they go", CutOff(uids=ALL, asked=True, follows=True), "they are evicted one at a time, as their PodDisruptionBudget allows; then"),
    ],
)  # fmt: skip
def test_the_condition_names_them_and_the_fix(case, kind, fix):
    """How many, the first names, what is done and how far that is."""
    said = said_of(FINE, kind, ["a", "b", "c", "d"], total=6, steps=("then",))
    assert (said.status, said.reason, said.message) == ("False", "PodsOnDistrustedAuthority", HELD + fix), case


def test_what_is_wrong_already_is_said_first():
    """Neither another fault nor a policy without such pods changes."""
    wrong = certificate("False", Reason.SECRET_NOT_OURS, "not ours")
    assert said_of(wrong, CutOff(uids=ALL), ["a"], total=1, steps=()) == wrong
    assert said_of(FINE, CutOff(uids=ALL), [], total=1, steps=("then",)) == FINE

"""The trail of what has happened to a trust domain's authorities."""

from itertools import pairwise

from structlog.testing import capture_logs

from bartizan.controller.issued import tell_issued
from bartizan.core.pki.examine import IssueReason
from bartizan.core.pki.leaf import public_key_id
from unit.pki.builders import a_pki
from unit.pki.telling import told

DEADLINE = "2026-03-01T12:15:00Z"
HEARD = ("Heard", "What spec.rotation asks for is carried out, or under way")


def phases(called, *names):
    """Return how the way through phases is told."""
    pairs = pairwise(names)
    return [("RotationPhase", f"{called}: {one} has become {other}") for one, other in pairs]


def without_ends(story):
    """Return what was told, without until when an authority is valid."""
    return [(reason, message.partition(", valid until")[0]) for reason, message in story.events]


def test_a_requested_rotation_leaves_a_trail():
    """Who asked, what came, each phase, and what went; and nothing of it twice."""
    story = told()
    old, story.events = story.id("Issuing", 1), []
    story.wish(request={"id": "r1", "role": "Issuing"})
    story.look()
    story.until("Draining")
    new = story.id("Issuing", 2)
    story.until("Stable").look()
    called = "Rotation of issuing (Requested, request r1)"
    assert without_ends(story) == [
        HEARD,
        ("RotationBegun", f"{called}: another authority comes in place of {old}"),
        *phases(called, "Prepared", "Draining"),
        ("AuthorityMade", f"Issuing authority generation 2 ({new}) is made"),
        *phases(called, "Draining", "Retirable", "Retired"),
        ("AuthorityRetired", f"Issuing authority generation 1 ({old}) is not accepted any more"),
        ("RotationEnded", f"{called} has ended: {new} signs"),
        ("AuthorityDeleted", f"Issuing authority generation 1 ({old}) is gone for good, and so is its Secret bartizan-authority-default-issuing-1"),
    ]  # fmt: skip


def test_an_emergency_is_told_from_beginning_to_end():
    """What is distrusted and until when it goes at the latest, and that it is gone."""
    story = told()
    root, issuing = story.id("Root", 1), story.id("Issuing", 1)
    story.wish(distrust=[issuing])
    story.look()
    assert ("DistrustBegun", f"No more trusted: {root}, and at {DEADLINE} at the latest it goes") in story.events
    story.until("Draining").until("Stable")
    assert ("DistrustEnded", f"Gone from every bundle: {root}") in story.events
    assert [reason for reason, _ in story.events].count("DistrustBegun") == 1


def test_an_abort_is_told():
    """A rotation that was given up is not told as one that ended."""
    story = told()
    request = {"id": "r1", "role": "Root"}
    story.wish(request=request)
    story.look()
    story.until("Publishing")
    story.wish(request=request, abort="r1")
    story.look()
    message = "Rotation of root (Requested, request r1) was given up by abort r1 before the new authority signed"
    assert ("RotationAborted", message) in story.events
    assert "RotationEnded" not in [reason for reason, _ in story.events]


def test_a_certificate_issued_leaves_a_line_without_its_key():
    """Whose, which, by whom, until when and why; and nothing of the key."""
    pki = a_pki()
    leaf = pki.decide(pki.issue()).leaf
    with capture_logs() as logs:
        tell_issued(pki.policy, leaf, IssueReason.SECRET_MISSING)
    assert logs == [
        {
            "event": "issued",
            "log_level": "info",
            "namespace": "shop",
            "policy": "orders",
            "trust_domain": "default",
            "serial": leaf.serial,
            "authority": public_key_id(leaf.chain[0]),
            "not_after": leaf.not_after.isoformat(),
            "reason": "SecretMissing",
        }
    ]

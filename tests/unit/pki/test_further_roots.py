"""Roots of others beside the built-in issuer's own, while what the specification says of them cannot be read."""

from datetime import timedelta

from bartizan.core.pki.leaf import public_key_id
from contract.issuers.corporate import Corporate, pem
from unit.pki.builders import HOUR, NOW, a_trust_domain
from unit.pki.telling import told

CORP, OTHER = Corporate(now=NOW), Corporate("Other", now=NOW)
SPOILT = CORP.bundle + pem(OTHER.issuing)


def ready(story):
    """Return the condition Ready as status and reason, and its message."""
    (one,) = story.status["conditions"]
    return one["status"], one["reason"], one["message"]


def spoilt():
    """Return a trust domain that published two further roots, whose bundle was then edited badly."""
    story = told(bundle=CORP.bundle + OTHER.bundle)
    story.domain = a_trust_domain(bundle=SPOILT)
    return story


def test_a_bad_bundle_takes_no_root_away_and_is_told():
    """The further roots published last stay, the certificate at fault is named, and the built-in authority goes on signing."""
    story = spoilt()
    before = story.status["bundle"]
    story.look()
    status, reason, message = ready(story)
    assert (status, reason, story.status["bundle"]) == ("False", "InvalidSpec", before)
    assert message.startswith(
        "certificate 2 of spec.bundle (CN=Other issuing) did not sign itself: a bundle holds roots only. Until it is "
        "corrected, the further roots that were published last stay trusted. Issuing authority generation 1 signs until "
    )
    assert story.plan().signer is not None


def test_what_was_kept_is_exchanged_once_the_bundle_is_right():
    """A bundle that can be read decides again, also by leaving a root out."""
    story = spoilt()
    story.look()
    story.domain = a_trust_domain(bundle=CORP.bundle)
    story.look()
    assert (ready(story)[:2], story.plan().bundle[1:]) == (("True", "Applied"), (CORP.root,))


def test_a_root_of_ours_that_goes_is_not_kept_by_a_bad_bundle():
    """While the bundle cannot be read a rotation still takes the old root, and its certified form, out of every bundle."""
    story = told(bundle=CORP.bundle)
    wish = {"request": {"id": "r1", "role": "Root"}}
    story.more = {"bundle": SPOILT}
    story.wish(**wish)
    story.until("Retired").until("Stable").look()
    assert story.states == ["Root 2 Active", "Issuing 2 Active"]
    assert [public_key_id(one) for one in story.plan().bundle] == [story.id("Root", 2), public_key_id(CORP.root)]


def test_kept_roots_still_end():
    """A root that has ended is not kept."""
    story = spoilt()
    story.now = CORP.root.not_valid_after_utc + HOUR
    assert CORP.root not in story.plan().bundle
    assert CORP.root.not_valid_after_utc - NOW > timedelta(days=1)

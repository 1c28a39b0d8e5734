"""How a trust domain stands, in one screenful."""

from datetime import timedelta

from bartizan.core.pki.consumers import Loads
from bartizan.core.pki.distrusting import meaning
from bartizan.core.pki.distrusting import told as in_words
from bartizan.core.pki.overview import overview
from bartizan.core.pki.overview_words import document, text
from bartizan.core.pki.remembered import known_authorities
from unit.pki.builders import HOUR, NOW
from unit.pki.telling import told
from unit.pki.test_asking import an_item
from unit.pki.test_forecast import SEEN_SERVING, a_consumer


def look(story, *consumers, **parts):
    """Return the overview of a trust domain with these policies."""
    given = {"policies": len(consumers), "leaves": None, "unseen": (), "now": story.now, **parts}
    return overview(story.domain, an_item(story), consumers=consumers, **given)


def test_everything_is_said_of_a_trust_domain_at_rest():
    """Authorities, bundle, the next rotation of each, and that everybody is on the present authority."""
    story = told()
    found = look(story, a_consumer(story, "web"), leaves={story.id("Issuing", 1): 3})
    assert text(found).splitlines() == [
        "trust domain default (prod.example.com), signed by builtIn",
        "  Ready True (Applied): Issuing authority generation 1 signs until 2026-05-30T12:00:00Z",
        f"  bundle {found.bundle}, 1 root",
        "",
        "ID                ROLE     GENERATION  STATE   NOT AFTER             CERTIFICATES",
        f"{story.id('Root', 1)}  Root     1           Active  2036-02-27T12:00:00Z  -",
        f"{story.id('Issuing', 1)}  Issuing  1           Active  2026-05-30T12:00:00Z  3",
        "",
        "rotation: Stable",
        "  next root rotation by itself: 2031-02-28T11:30:00Z",
        "  next issuing rotation by itself: 2026-04-15T11:30:00Z",
        "",
        "1 policy, 1 with a certificate",
    ]


def test_a_rotation_says_what_it_waits_for():
    """Phase, since when, why, from which generation to which, and every reason."""
    story = told()
    story.wish(request={"id": "a", "role": "Root"})
    story.until("Publishing").look(timedelta(minutes=1), targets=(story.target(bundle="other"),))
    said = text(look(story)).splitlines()
    assert "rotation: Publishing since 2026-03-01T14:00:00Z (Root generation 1 to 2, Requested)" in said
    assert "  waits: Secret shop/orders-tls does not hold the bundle yet" in said


def test_who_lags_behind_is_named():
    """Another authority's certificates, and those that should have been renewed long ago."""
    story = told()
    behind = a_consumer(story, "web", authority="b" * 16)
    late = a_consumer(story, "orders", not_after=NOW + HOUR / 2)
    found = look(story, behind, late, policies=3, unseen=("pods of shop",))
    said = document(found)
    assert said["policies"] == {
        "total": 3,
        "withCertificate": 2,
        "notOnCurrentAuthority": ["shop/web"],
        "endingSoon": [{"policy": "shop/orders", "notAfter": "2026-03-01T12:30:00Z"}],
    }
    assert [one["certificates"] for one in said["authorities"]] == [None, None]
    assert text(found).splitlines()[-4:] == [
        "3 policies, 2 with a certificate, 1 without",
        "  not on the current authority: 1: shop/web",
        "  ends soon: shop/orders at 2026-03-01T12:30:00Z",
        "not seen: pods of shop",
    ]


def test_an_abort_that_stands_moves_the_next_root():
    """While it says `current`, a root is followed at three quarters of its life."""
    story = told(rotation={"abort": "current"})
    assert text(look(story)).count("next root rotation by itself: 2033-08-28T23:45:00Z") == 1


def test_distrust_says_first_who_is_concerned():
    """An issuing authority takes its root along; holders and what was seen of their pods are counted."""
    story = told()
    issuing = next(one for one in known_authorities(story.status) if one.role == "Issuing")
    holders = (
        a_consumer(story, "web", asked=SEEN_SERVING.model_copy(update={"total": 4, "on_current_authority": 3})),
        a_consumer(story, "orders", loads=Loads.UNKNOWN),
        a_consumer(story, "old", authority="b" * 16),
    )
    assert list(in_words(meaning(story.status, issuing, holders, NOW))) == [
        f"{issuing.id} is issuing authority generation 1 (Active)",
        f"  it is trusted through root generation 1 ({story.id('Root', 1)}), and there is no revocation list: that root goes along",
        "  2 policies hold a certificate under that root: shop/web, shop/orders",
        "  3 of 4 pods are known to have one of the present authority",
    ]

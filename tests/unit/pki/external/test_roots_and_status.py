"""The bundle that a platform team writes, and what a TrustDomain with an external issuer says of itself."""

from datetime import timedelta

import pytest

from bartizan.core.pki.external.roots import MOST_ROOTS, further_roots, read_roots
from bartizan.core.pki.external.said import plan_external_domain
from bartizan.core.pki.rotation import plan_authorities
from bartizan.signers.certificates import key_pem
from bartizan.testing import a_trust_domain_view
from contract.issuers.corporate import NOW, Corporate, pem

CORP, OTHER = Corporate(), Corporate("Other")
ENDED = Corporate("Ended", now=NOW - timedelta(days=4000), lasts=timedelta(days=10))
BY_CM = {"issuer": {"certManager": {"name": "corp"}}}

GOOD = [
    ("one root", CORP.bundle, (CORP.root,)),
    ("two roots with words between", f"# ours\n{CORP.bundle}\n# theirs\n{OTHER.bundle}", (CORP.root, OTHER.root)),
    ("a root twice", CORP.bundle * 2, (CORP.root,)),
    ("one that has ended beside one that has not", ENDED.bundle + CORP.bundle, (CORP.root,)),
]
BAD = [
    ("an intermediate", CORP.bundle + pem(CORP.issuing), "certificate 2 of spec.bundle (CN=Example Corp issuing) did not sign itself: a bundle holds roots only"),
    ("a key", CORP.bundle + key_pem(CORP.root_key).decode(), "spec.bundle holds something else than certificates: a bundle is public, and keys are not"),
    ("nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "spec.bundle cannot be read: it must be X.509 certificates in PEM"),
    ("only ended ones", ENDED.bundle, "all 1 roots of spec.bundle have ended: write one that is valid"),
    ("too many", CORP.bundle * (MOST_ROOTS + 1), "spec.bundle holds 17 roots, and at most 16 can be trusted"),
]  # fmt: skip


@pytest.mark.parametrize(("bundle", "roots"), [case[1:] for case in GOOD], ids=[case[0] for case in GOOD])
def test_roots_are_read_in_order(bundle, roots):
    """Each root once, in the order written, and none that has ended."""
    assert (read_roots(bundle, NOW).certificates, read_roots(bundle, NOW).problem) == (roots, "")


@pytest.mark.parametrize(("bundle", "problem"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_a_bundle_with_one_thing_wrong_is_not_used_at_all(bundle, problem):
    """All or none, with a sentence: a typing mistake must not take a root out of every peer's trust."""
    assert (read_roots(bundle, NOW).certificates, read_roots(bundle, NOW).problem) == ((), problem)


def test_the_built_in_issuer_trusts_further_roots_beside_its_own():
    """That is how a trust domain is moved from one issuer to another without a failed handshake."""
    view = a_trust_domain_view(bundle=OTHER.bundle)
    assert further_roots(view, {}, NOW) == (OTHER.root,)
    assert plan_authorities(view, [], {}, NOW).bundle == (OTHER.root,)
    assert further_roots(a_trust_domain_view(bundle=OTHER.bundle, **BY_CM), {}, NOW) == ()


def said(view, item):
    """Return the status that is written."""
    plan = plan_external_domain(view, item, NOW)
    return plan.status.item["status"] if plan.status else None


def an_item(**status):
    """Return a TrustDomain as observed."""
    return {"metadata": {"name": "default"}, "status": status}


def test_an_external_domain_says_who_is_asked_and_whom_peers_trust():
    """Ready, the bundle without what stood between the roots, and the time to look again: when the first root ends."""
    view = a_trust_domain_view(bundle=f"# ours\n{CORP.bundle}", **BY_CM)
    status = said(view, an_item())
    (ready,) = status.pop("conditions")
    assert status == {"bundle": CORP.bundle, "observedGeneration": 1}
    assert (ready["status"], ready["reason"]) == ("True", "Applied")
    end = CORP.root.not_valid_after_utc
    wanted = f"Asks cert-manager's ClusterIssuer corp; 1 root trusted, the first of them until {end:%Y-%m-%dT%H:%M:%SZ}"
    assert ready["message"] == wanted
    assert plan_external_domain(view, an_item(), NOW).requeue_after == end - NOW


def test_what_is_said_already_is_not_written_again():
    """A status that triggers itself would never end."""
    view = a_trust_domain_view(bundle=CORP.bundle, **BY_CM)
    assert said(view, an_item(**said(view, an_item()))) is None


def test_built_in_authorities_are_remembered_for_a_way_back():
    """Their Secrets stay, and a key that is lost meanwhile must not be made anew on the way back."""
    known = [{"id": "a" * 16, "role": "Root", "generation": 3, "secretName": "s", "notAfter": "2030-01-01T00:00:00Z"}]
    view = a_trust_domain_view(bundle=CORP.bundle, **BY_CM)
    assert said(view, an_item(authorities=known))["authorities"] == known


def test_a_bundle_that_cannot_be_used_is_told_and_not_published():
    """InvalidSpec names the certificate; nothing is said to be trusted."""
    view = a_trust_domain_view(bundle=pem(CORP.issuing), **BY_CM)
    status = said(view, an_item(bundle=CORP.bundle))
    assert (status["conditions"][0]["reason"], status.get("bundle")) == ("InvalidSpec", None)

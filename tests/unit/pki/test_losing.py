"""The way on after keys were lost, as it is said, and that it leads somewhere."""

from datetime import timedelta

from bartizan.core.pki.authority import Role, authority_labels
from bartizan.core.pki.losing import with_unlabelled
from bartizan.core.pki.rotation import plan_authorities
from bartizan.core.pki.status import plan_trust_domain
from unit.pki.builders import NOW, RELEASE, a_pki, with_data
from unit.pki.telling import told

PKI = a_pki()
MINUTE = timedelta(minutes=1)


def ready(story):
    """Return reason and message of Ready."""
    one = story.status["conditions"][0]
    return one["reason"], one["message"]


def test_both_keys_lost_are_given_up_by_distrusting_them():
    """The message names both ids; with them in `distrust` a new root comes, and it is said meanwhile when it signs."""
    story = told()
    root, issuing = story.id("Root", 1), story.id("Issuing", 1)
    story.secrets.clear()
    story.look()
    reason, message = ready(story)
    assert (reason, f"put {issuing}, {root} into spec.rotation.distrust" in message) == ("CAKeyLost", True)
    assert "delete TrustDomain" not in message
    story.wish(distrust=[root, issuing])
    while story.phase != "Publishing":
        story.look()
    story.look(targets=(story.target(),))
    message = (
        "No issuing authority is at hand until the new root signs: every bundle holds the new root since "
        "2026-03-01T12:00:00Z; it signs from 2026-03-01T12:02:00Z. It signs at 2026-03-01T12:07:30Z at the latest"
    )
    assert ready(story) == ("AuthorityNotReady", message)
    story.look(2 * MINUTE)
    story.until("Stable")
    assert (story.states, ready(story)[0]) == (["Root 2 Active", "Issuing 2 Active"], "Applied")


def test_somebody_looks_again_while_nobody_signs():
    """Nothing tells that the time of a new root has come, so with no authority at hand it is looked again all the same."""
    story = told()
    ids = [story.id("Root", 1), story.id("Issuing", 1)]
    story.secrets.clear()
    story.wish(distrust=ids)
    while story.phase != "Publishing":
        story.look()
    story.look(targets=(story.target(),))
    writes = plan_trust_domain(story.domain, story.plan(), story.status, story.now, namespace=RELEASE)
    assert (story.plan().issuing, writes.requeue_after) == ((), timedelta(seconds=15))


def test_a_secret_without_its_labels_is_named():
    """A backup put in again without labels is not listed; what is missing is said, and nothing else of the plan changes."""
    status = plan_trust_domain(PKI.domain, PKI.plan(), {}, NOW, namespace=RELEASE).status.item["status"]
    root, issuing = PKI.secrets
    plan = plan_authorities(PKI.domain, [issuing], status, NOW)
    bare = {**root, "metadata": {**root["metadata"], "labels": {"app.kubernetes.io/managed-by": "bartizan"}}}
    (lost,) = with_unlabelled(plan, "default", [bare]).lost
    assert lost.problem == (
        "exists and lacks labels; label it bartizan.dev/trust-domain=default bartizan.dev/authority-role=root "
        "bartizan.dev/authority-generation=1"
    )
    assert with_unlabelled(plan, "default", []) == plan
    whole = {**root, "metadata": {**root["metadata"], "labels": authority_labels("default", Role.ROOT, 1)}}
    assert with_unlabelled(plan, "default", [whole]) == plan


def test_without_ids_only_a_new_beginning_helps():
    """Where the status knows nothing of what is spoilt, there is no id to distrust, and deletion is what is left."""
    root, _ = PKI.secrets
    plan = plan_authorities(PKI.domain, [with_data(root, tls_key="")], {}, NOW)
    status = plan_trust_domain(PKI.domain, plan, {}, NOW, namespace=RELEASE).status.item["status"]
    assert "delete TrustDomain default and the Secrets labelled" in status["conditions"][0]["message"]

"""Whole plans for one policy, and the sentences they say."""

from datetime import UTC, datetime, timedelta

import pytest

from bartizan.api.v1alpha1 import EdgeStatus
from bartizan.core.conditions import Observation
from bartizan.core.isolation import PolicyObserved
from bartizan.core.model import InvalidPolicy, NamespaceView
from bartizan.core.network.compile import baseline_policy, compile_network
from bartizan.core.observations import certificate, consent, network, not_governed, ready
from bartizan.core.ownership import is_ours, spelled_out, upkeep
from bartizan.core.plan import SOON, Apply, Plan
from bartizan.core.posture import CertificateOutcome, plan_failure, plan_policy
from bartizan.core.reasons import ConditionType, Mode, Reason
from bartizan.testing import a_policy, a_policy_view, a_snapshot

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
STAMP = "2026-01-01T12:00:00Z"
ISSUED = CertificateOutcome(
    observation=certificate("True", Reason.ISSUED, "Secret orders-tls holds a certificate"),
    look_after=timedelta(hours=12),
)


CAPABILITIES = ("cilium", "clusterNetworkPolicy", "gatewayAPI", "mutatingAdmissionPolicy", "podCertificates")


def condition(kind, status, reason, message):
    """Return a condition as it is applied at NOW."""
    return {
        "type": kind,
        "status": status,
        "observedGeneration": 1,
        "lastTransitionTime": STAMP,
        "reason": reason,
        "message": message,
    }


def plan(policy=None, *, mode=Mode.ENFORCE, now=NOW, issued=ISSUED, **observed):
    """Return the plan for a policy in namespace shop."""
    view = policy or a_policy_view()
    snapshot = a_snapshot(view, namespaces={"shop": mode})
    return plan_policy(
        view,
        snapshot=snapshot,
        observed=PolicyObserved(item=observed.pop("item", a_policy()), **observed),
        certificate=issued if mode is not Mode.NOT_GOVERNED else None,
        now=now,
    )


def applied(item, **more):
    """Return an object as the API server would hold it after the plan's apply."""
    return {**item, "metadata": {**item["metadata"], "uid": "1", **more}}


def test_a_new_policy_gets_its_network_policy_and_its_status():
    """The whole plan: one NetworkPolicy without force, a status with six conditions, a look at the renewal."""
    view = a_policy_view()
    meant = spelled_out(compile_network(view, a_snapshot(view)).network_policy)
    found = plan()
    assert found.applies == (Apply(item=meant, manager="bartizan/networkpolicy", force=False),)
    assert (found.deletes, found.requeue_after) == ((), timedelta(hours=12))
    assert found.status.item == {
        "apiVersion": "bartizan.dev/v1alpha1",
        "kind": "ServiceSecurityPolicy",
        "metadata": {"name": "orders", "namespace": "shop"},
        "status": {
            "observedGeneration": 1,
            "mode": "Enforce",
            "conditions": [
                condition("Ready", "True", "Applied", "everything the policy declares is applied"),
                condition(
                    "NetworkEnforced",
                    "Unknown",
                    "NotProven",
                    "NetworkPolicy ssp-orders is written; no probe has shown that packets obey it",
                ),
                condition(
                    "IdentityReady",
                    "True",
                    "Exclusive",
                    "no other policy selects the same pods or writes the same Secret",
                ),
                condition("CertificateReady", "True", "Issued", "Secret orders-tls holds a certificate"),
                condition("SecretsInjected", "True", "NoneDeclared", "the policy declares no secrets"),
                condition("ConsentComplete", "True", "Mutual", "every edge between policies is declared on both sides"),
            ],
            "summary": {
                "edges": 0,
                "applied": 0,
                "enforced": 0,
                "pending": 0,
                "degraded": 0,
                "expired": 0,
                "requests": 0,
                "gaps": 0,
            },
            "capabilities": {
                **dict.fromkeys(CAPABILITIES, False),
                "podCertificatesLack": "the cluster has not been asked yet",
            },
            "emitted": [
                {
                    "kind": "NetworkPolicy",
                    "name": "ssp-orders",
                    "hash": meant["metadata"]["annotations"]["bartizan.dev/desired-hash"],
                }
            ],
        },
    }
    assert [(event.type, event.reason) for event in found.events] == [("Normal", "Applied"), ("Normal", "Issued")]


def test_a_plan_that_was_applied_leaves_nothing_to_do():
    """Asked again after its own plan, an hour later, the decision wants nothing but the look at the renewal."""
    first = plan()
    item = {**a_policy(), "status": first.status.item["status"]}
    again = plan(item=item, network_policy=applied(first.applies[0].item), now=LATER)
    assert again == Plan(requeue_after=timedelta(hours=12))


def test_a_condition_keeps_its_time_while_its_status_lasts():
    """A new message or reason does not move lastTransitionTime; a new status does."""
    first = plan()
    item = {**a_policy(), "status": first.status.item["status"]}
    worse = CertificateOutcome(observation=certificate("False", Reason.PENDING, "waiting"))
    times = {
        one["type"]: one["lastTransitionTime"]
        for one in plan(item=item, issued=worse, now=LATER).status.item["status"]["conditions"]
    }
    assert times == {
        "Ready": "2026-01-01T13:00:00Z",
        "NetworkEnforced": STAMP,
        "IdentityReady": STAMP,
        "CertificateReady": "2026-01-01T13:00:00Z",
        "SecretsInjected": STAMP,
        "ConsentComplete": STAMP,
    }


def test_a_certificate_that_cannot_be_seen_yet_takes_nothing_back():
    """While access to Secrets is on its way the NetworkPolicy is kept, and the status is left as it was."""
    unseen = CertificateOutcome(
        observation=certificate("False", Reason.PENDING, "waiting"), look_after=SOON, settled=False
    )
    found = plan(issued=unseen)
    assert (len(found.applies), found.status, found.events, found.requeue_after) == (1, None, (), SOON)


def test_an_unreadable_policy_keeps_what_it_had():
    """A policy that can't be read is told so; what was applied before is neither changed nor deleted."""
    bad = InvalidPolicy(namespace="shop", name="orders", uid="u", generation=2, problem="spec.network: is wrong")
    observed = PolicyObserved(item=a_policy(), network_policy=applied(baseline_policy("shop")))
    snapshot = a_snapshot(namespaces={"shop": Mode.ENFORCE})
    found = plan_policy(bad, snapshot=snapshot, observed=observed, certificate=None, now=NOW)
    said = found.status.item["status"]["conditions"]
    assert (found.applies, found.deletes) == ((), ())
    assert [(one["type"], one["status"], one["reason"], one["message"]) for one in said] == [
        (
            "Ready",
            "False",
            "InvalidSpec",
            "spec.network: is wrong. What was applied before stays as it is until this is corrected.",
        )
    ]


@pytest.mark.parametrize("mode", [Mode.WARN, Mode.AUDIT, Mode.NOT_GOVERNED])
def test_allows_go_only_after_the_isolation(mode):
    """Where nothing is enforced any more, the NetworkPolicy waits for the isolation to go before it goes itself."""
    existing = applied(plan().applies[0].item)
    isolation = applied(baseline_policy("shop"))
    waiting = plan(mode=mode, network_policy=existing, isolation=isolation)
    going = plan(mode=mode, network_policy=existing)
    assert (waiting.deletes, waiting.requeue_after) == ((), SOON)
    assert [delete.ref.name for delete in going.deletes] == ["ssp-orders"]


def test_a_namespace_that_is_being_deleted_gets_nothing():
    """A write into a namespace that goes would only be refused."""
    view = a_policy_view()
    snapshot = a_snapshot(view)
    gone = type(snapshot)(
        policies=snapshot.policies, namespaces={"shop": NamespaceView(name="shop", mode=Mode.ENFORCE, deleting=True)}
    )
    observed = PolicyObserved(item=a_policy())
    assert plan_policy(view, snapshot=gone, observed=observed, certificate=ISSUED, now=NOW) == Plan()


def test_a_refused_write_changes_ready_and_nothing_else():
    """The failure is told in Ready; the other conditions keep saying what they said; telling it twice writes once."""
    first = plan()
    item = {**a_policy(), "status": first.status.item["status"]}
    told = plan_failure(a_policy_view(), item, "422: no", reason=Reason.RECONCILE_FAILED, now=LATER)
    status = told.status.item["status"]
    assert [(one["type"], one["reason"]) for one in status["conditions"]] == [
        ("Ready", "ReconcileFailed"),
        ("NetworkEnforced", "NotProven"),
        ("IdentityReady", "Exclusive"),
        ("CertificateReady", "Issued"),
        ("SecretsInjected", "NoneDeclared"),
        ("ConsentComplete", "Mutual"),
    ]
    assert [(one.type, one.reason, one.message) for one in told.events] == [("Warning", "ReconcileFailed", "422: no")]
    again = {**a_policy(), "status": status}
    assert plan_failure(a_policy_view(), again, "422: no", reason=Reason.RECONCILE_FAILED, now=LATER) == Plan()


def edge(state, reason=None, message=None):
    """Return an edge to finance/payments."""
    return EdgeStatus(to="finance/payments", state=state, reason=reason, message=message)


SAID = {
    "one side has not declared": (
        consent([edge("PendingConsent", "PendingConsent", "it does not admit shop/orders")]),
        ("False", Reason.PENDING_CONSENT, "to finance/payments: it does not admit shop/orders"),
    ),
    "the other policy does not exist": (
        consent([edge("PendingConsent", "PeerNotFound", "no such policy: create it")]),
        ("False", Reason.PEER_NOT_FOUND, "to finance/payments: no such policy: create it"),
    ),
    "four wait, three are named": (
        consent([edge("PendingConsent", "PendingConsent", "no")] * 4),
        ("False", Reason.PENDING_CONSENT, "; ".join(["to finance/payments: no"] * 3) + "; and 1 more"),
    ),
    "a denied edge makes the policy not ready": (
        ready([], [edge("Denied", "ForbiddenByBaseline", "the baseline forbids it")]),
        ("False", Reason.NOT_READY, "not open as declared: to finance/payments: the baseline forbids it"),
    ),
    "metadata cut out of a block is no one's loss": (
        ready([], [edge("Degraded", "MetadataClosed", "cut out")]),
        ("True", Reason.APPLIED, "everything the policy declares is applied"),
    ),
    "report-only enforcement does not make a policy unready": (
        ready([network(Mode.WARN, "ssp-orders")], []),
        ("True", Reason.APPLIED, "everything the policy declares is applied"),
    ),
    "a conflict names itself in Ready": (
        ready([network(Mode.ENFORCE, "ssp-orders", taken="ssp-orders")], []),
        (
            "False",
            Reason.FIELD_CONFLICT,
            "NetworkEnforced: a NetworkPolicy ssp-orders exists that bartizan did not make; it is left alone: rename or delete it",
        ),
    ),
    "not governed says how to govern": (
        not_governed("shop"),
        (
            "False",
            Reason.NAMESPACE_NOT_GOVERNED,
            "namespace shop is not governed, so nothing is enforced or issued for this policy; label it with bartizan.dev/enforcement=enforce (or warn, or audit). System namespaces and bartizan's own are never governed.",
        ),
    ),
}


@pytest.mark.parametrize("case", SAID)
def test_what_conditions_say(case):
    """Every sentence names what is wrong and what to do."""
    found, expected = SAID[case]
    assert (found.status, found.reason, found.message) == expected


OWNERSHIP = {
    "the policy owns it": ({"ownerReferences": [{"uid": "u"}]}, True),
    "another policy owns it": ({"ownerReferences": [{"uid": "other"}]}, False),
    "one of our managers wrote it": ({"managedFields": [{"manager": "bartizan/networkpolicy"}]}, True),
    "only our label is left": ({"labels": {"app.kubernetes.io/managed-by": "bartizan"}}, True),
    "our label, but somebody owns it": (
        {"labels": {"app.kubernetes.io/managed-by": "bartizan"}, "ownerReferences": [{"uid": "other"}]},
        False,
    ),
    "nothing of ours": ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, False),
}


@pytest.mark.parametrize("case", OWNERSHIP)
def test_whose_object_it_is(case):
    """An object is ours if any trace of us is left on it, and nobody else claims it."""
    meta, ours = OWNERSHIP[case]
    assert is_ours({"metadata": {"name": "x", **meta}}, owner_uid="u") is ours


DRIFT = {
    "as the API server keeps it, without empty lists": (
        {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
        False,
    ),
    "a rule added": ({"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}]}, True),
    "a direction no longer isolated": ({"podSelector": {}, "policyTypes": ["Ingress"]}, True),
    "a selector narrowed": (
        {
            "podSelector": {"matchExpressions": [{"key": "x", "operator": "Exists"}]},
            "policyTypes": ["Ingress", "Egress"],
        },
        True,
    ),
}


@pytest.mark.parametrize("case", DRIFT)
def test_any_difference_of_meaning_is_drift(case):
    """What was added counts as much as what was changed; what the API server drops by itself does not."""
    spec, drifted = DRIFT[case]
    desired = spelled_out(baseline_policy("shop"))
    observed = {**desired, "spec": spec}
    assert bool(upkeep(desired, observed, manager="bartizan/networkpolicy")) is drifted


def test_labels_of_others_are_not_drift():
    """Other tools may label our objects."""
    desired = spelled_out(baseline_policy("shop"))
    meta = {**desired["metadata"], "labels": {**desired["metadata"]["labels"], "team": "a"}}
    assert upkeep(desired, {**desired, "metadata": meta}, manager="bartizan/networkpolicy") == ()


def test_observations_are_values():
    """Two equal observations are equal: plans can be compared."""
    assert certificate("True", Reason.ISSUED, "x") == Observation(
        type=ConditionType.CERTIFICATE_READY, status="True", reason=Reason.ISSUED, message="x"
    )

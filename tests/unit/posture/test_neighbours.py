"""What a policy's status says of others: who asks, who shares, who is in the way; and when it looks again by itself."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bartizan.core.isolation import PolicyObserved
from bartizan.core.model import WorkloadShape
from bartizan.core.observations import certificate
from bartizan.core.plan import Plan
from bartizan.core.posture import CertificateOutcome, plan_policy
from bartizan.core.reasons import Reason
from bartizan.testing import a_policy, a_policy_view, a_snapshot

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
RENEWAL = timedelta(hours=12)
ISSUED = CertificateOutcome(observation=certificate("True", Reason.ISSUED, "issued"), look_after=RENEWAL)
HTTP = {"name": "http", "port": 8080}
TO_ORDERS = {"to": {"service": "orders"}}


def told(policy, *others, status=None, now=NOW, shapes=None):
    """Return the plan for the first policy among the others, given what its status said before."""
    item = {**a_policy(policy.name), **({"status": status} if status else {})}
    return plan_policy(
        policy,
        snapshot=replace(a_snapshot(policy, *others), shapes=shapes or {}),
        observed=PolicyObserved(item=item),
        certificate=ISSUED,
        now=now,
    )


def said(plan):
    """Return the status that a plan writes."""
    return plan.status.item["status"]


def conditions(plan):
    """Return the conditions' statuses and reasons by type."""
    return {one["type"]: (one["status"], one["reason"]) for one in said(plan)["conditions"]}


ORDERS = a_policy_view("orders", network={"ports": [HTTP]})
WEB = a_policy_view("web", network={"egress": [{**TO_ORDERS, "reason": "checkout"}]})


def test_a_request_keeps_the_time_it_was_first_seen():
    """An hour later the same request says the same, and saying it again is no write."""
    first = said(told(ORDERS, WEB))
    assert first["requests"] == [
        {"from": "shop/web", "ports": ["http"], "reason": "checkout", "since": "2026-01-01T12:00:00Z"}
    ]
    assert first["summary"]["requests"] == 1
    assert told(ORDERS, WEB, status=first, now=NOW + timedelta(hours=1)).status is None


def test_requests_are_capped_and_all_are_counted():
    """Sixty callers wait: fifty are listed, sixty counted."""
    callers = [a_policy_view(f"caller-{number}", network={"egress": [TO_ORDERS]}) for number in range(60)]
    status = said(told(ORDERS, *callers))
    assert (len(status["requests"]), status["summary"]["requests"]) == (50, 60)


def test_the_plan_looks_again_exactly_when_an_edge_ends():
    """The end of the other side's rule is the next look, to the microsecond; after it the edge is Expired."""
    end = NOW + timedelta(minutes=5, microseconds=7)
    lent = a_policy_view(
        "orders", network={"ports": [HTTP], "ingress": [{"from": {"service": "web"}, "until": end.isoformat()}]}
    )
    assert told(WEB, lent).requeue_after == end - NOW
    assert told(lent, WEB).requeue_after == end - NOW
    late = told(WEB, lent, now=end)
    assert late.requeue_after == RENEWAL
    assert said(late)["summary"] == {
        "edges": 1, "applied": 0, "enforced": 0, "pending": 0, "degraded": 0, "expired": 1, "requests": 0, "gaps": 0,
    }  # fmt: skip
    assert conditions(late)["ConsentComplete"] == ("False", "ConsentExpired")
    assert conditions(late)["Ready"] == ("False", "NotReady")


def test_a_rule_that_ended_as_written_is_no_fault():
    """The policy that set the end itself stays Ready when it comes."""
    lent = a_policy_view("web", network={"egress": [{**TO_ORDERS, "until": NOW.isoformat()}]})
    plan = told(lent, ORDERS)
    assert [edge["state"] for edge in said(plan)["edges"]] == ["Expired"]
    assert conditions(plan)["Ready"] == ("True", "Applied")


def test_a_denial_makes_the_caller_unready_and_says_why():
    """ConsentComplete names who denied and its words."""
    decisions = [{"service": "web", "namespace": "shop", "verdict": "Denied", "reason": "use the queue"}]
    denying = a_policy_view("orders", network={"ports": [HTTP], "decisions": decisions})
    plan = told(WEB, denying)
    assert conditions(plan)["ConsentComplete"] == ("False", "ConsentDenied")
    message = next(one["message"] for one in said(plan)["conditions"] if one["type"] == "ConsentComplete")
    assert message == "to shop/orders: shop/orders denied shop/web: use the queue; checkout"


def test_policies_that_come_to_overlap_both_say_so():
    """Whoever was there first and whoever came later name each other; neither is Ready."""
    twin = a_policy_view("twin", workload={"selector": {"matchLabels": {"app": "orders"}}})
    for one, other in ((ORDERS, twin), (twin, ORDERS)):
        plan = told(one, other)
        assert conditions(plan)["IdentityReady"] == ("False", "OverlappingPolicies")
        assert conditions(plan)["Ready"] == ("False", "NotReady")
        message = next(c["message"] for c in said(plan)["conditions"] if c["type"] == "IdentityReady")
        assert message.startswith(f"spec.workload.selector can select the same pods as policy {other.name};")


def test_policies_that_a_pod_brings_together_both_say_so():
    """Selectors about different labels are told apart until something that runs, or will run, bears both."""
    tier = a_policy_view("tier", workload={"selector": {"matchLabels": {"tier": "t"}}})
    both = WorkloadShape(
        namespace="shop", labels=(("app", "orders"), ("tier", "t")), origin="Deployment orders", running=False
    )
    for shapes, expected in (((), ("True", "Exclusive")), ((both,), ("False", "OverlappingPolicies"))):
        for one, other in ((ORDERS, tier), (tier, ORDERS)):
            plan = told(one, other, shapes={"shop": shapes})
            assert conditions(plan)["IdentityReady"] == expected
            message = next(c["message"] for c in said(plan)["conditions"] if c["type"] == "IdentityReady")
            assert ("(pods Deployment orders are selected by both)" in message) is bool(shapes)


def test_policies_of_other_namespaces_are_not_in_the_way():
    """The same selector elsewhere is another service."""
    assert conditions(told(ORDERS, a_policy_view("orders", "bank")))["IdentityReady"] == ("True", "Exclusive")


def test_a_shared_account_is_a_gap_of_every_policy_that_names_it():
    """Each says which others bear the same identity, and the fix; policies with accounts of their own say nothing."""
    selector = {"selector": {"matchLabels": {"app": "canary"}}, "serviceAccountName": "orders"}
    canary, web = a_policy_view("canary", workload=selector), a_policy_view("web")
    assert said(told(canary, ORDERS, web))["gaps"] == [
        {
            "type": "SharedIdentity",
            "object": "ServiceAccount shop/orders",
            "message": "policy orders names it too: their pods bear the same SPIFFE ID and cannot be told apart by it",
            "fix": "give each policy a ServiceAccount of its own (spec.workload.serviceAccountName) and run its pods as that",
        }
    ]
    assert said(told(ORDERS, canary, web))["summary"]["gaps"] == 1
    assert "gaps" not in said(told(web, canary, ORDERS))


def test_a_settled_status_is_not_written_again():
    """With requests, gaps and ends in it the status is still the same the next time."""
    end = (NOW + timedelta(days=1)).isoformat()
    selector = {"selector": {"matchLabels": {"app": "canary"}}, "serviceAccountName": "orders"}
    others = (WEB, a_policy_view("canary", workload=selector))
    policy = a_policy_view("orders", network={"ports": [HTTP], "ingress": [{"from": {"service": "x"}, "until": end}]})
    first = told(policy, *others)
    again = told(policy, *others, status=said(first), now=NOW + timedelta(minutes=1))
    assert Plan(applies=again.applies, requeue_after=again.requeue_after) == again

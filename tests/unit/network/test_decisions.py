"""Answers to callers that asked: an approval counts like a line of `ingress`, a denial counts more than one."""

from dataclasses import replace
from datetime import UTC, datetime

from bartizan.core.network.compile import compile_network
from bartizan.core.network.peers import neighbours
from unit.network.building import GRPC, HTTP, a_policy, a_world, compiled, edges_of, egress_of, ingress_of, pods, tcp

TO_PAYMENTS = {"to": {"service": "payments", "namespace": "finance"}}
ANALYTICS = a_policy("bi/analytics", egress=[TO_PAYMENTS])


def payments(*decisions, **more):
    """Return the provider with decisions about bi/analytics."""
    said = [{"service": "analytics", "namespace": "bi", **one} for one in decisions]
    view = a_policy("finance/payments", ports=[HTTP, GRPC], **more)
    network = view.spec.network.model_dump(by_alias=True, exclude_none=True)
    spec = view.spec.model_validate({**view.spec.model_dump(by_alias=True), "network": {**network, "decisions": said}})
    return replace(view, spec=spec)


def test_an_approval_opens_what_it_names_on_both_sides():
    """The caller and the called side are written as if `ingress` listed the caller."""
    approved = payments({"verdict": "Approved", "ports": ["http"], "reason": "reports"})
    assert egress_of(compiled(ANALYTICS, approved)) == [{"to": [pods("finance/payments")], "ports": [tcp(8080)]}]
    result = compiled(approved, ANALYTICS)
    assert ingress_of(result) == [{"from": [pods("bi/analytics")], "ports": [tcp(8080)]}]
    assert edges_of(result) == [
        {"from": "bi/analytics", "ports": ["8080/TCP"], "state": "Applied", "message": "reports"}
    ]


def test_an_approval_ends_like_a_rule():
    """`until` of an approval closes both sides."""
    approved = payments({"verdict": "Approved", "until": "2026-06-01T12:00:00Z"})
    world = replace(a_world(ANALYTICS, approved), now=datetime(2026, 6, 1, 12, tzinfo=UTC))
    assert egress_of(compile_network(ANALYTICS, world)) == []
    assert ingress_of(compile_network(approved, world)) == []


def test_an_approval_alone_opens_nothing():
    """Consent is mutual: without the caller's own line an approval waits for it."""
    approved = payments({"verdict": "Approved"})
    result = compiled(approved, a_policy("bi/analytics"))
    assert ingress_of(result) == []
    assert [edge["state"] for edge in edges_of(result)] == ["PendingConsent"]


def test_a_denial_is_told_to_the_caller():
    """The caller's edge is Denied, with the words of whoever denied it."""
    denied = payments({"verdict": "Denied", "reason": "use the replica"})
    result = compiled(ANALYTICS, denied)
    assert egress_of(result) == []
    assert edges_of(result) == [
        {
            "to": "finance/payments",
            "ports": [],
            "state": "Denied",
            "reason": "ConsentDenied",
            "message": "finance/payments denied bi/analytics: use the replica",
        }
    ]


def test_a_denial_stands_above_the_list():
    """A caller that `ingress` lists is closed on both sides while it is denied; others are not touched."""
    rules = [{"from": {"service": "analytics", "namespace": "bi"}}, {"from": {"service": "web"}}]
    denied = payments({"verdict": "Denied"}, ingress=rules)
    web = a_policy("finance/web", egress=[{"to": {"service": "payments"}}])
    result = compiled(denied, ANALYTICS, web)
    assert ingress_of(result) == [{"from": [pods("finance/web")], "ports": [tcp(8080), tcp(9090)]}]
    assert [(edge["from"], edge["state"]) for edge in edges_of(result)] == [
        ("bi/analytics", "Denied"),
        ("finance/web", "Applied"),
    ]
    assert egress_of(compiled(ANALYTICS, denied, web)) == []


def test_an_approval_for_a_port_that_went_opens_nothing_and_says_so():
    """The team may take a port out without asking whoever approved it; the edge then names the port."""
    approved = payments({"verdict": "Approved", "ports": ["admin"]})
    result = compiled(approved, ANALYTICS)
    assert ingress_of(result) == []
    assert [(edge["state"], edge["message"]) for edge in edges_of(result)] == [
        ("Denied", "network.ports has no port admin: correct the name, or list the port")
    ]
    assert egress_of(compiled(ANALYTICS, approved)) == []


def test_a_decision_makes_neighbours():
    """A change of the caller reaches the policy that decided about it."""
    assert neighbours(payments({"verdict": "Denied"})) == {("bi", "analytics")}

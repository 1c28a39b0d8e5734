"""Rules that end by themselves: up to the second on both sides, whatever kind of peer they are about."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bartizan.core.model import PolicyView
from bartizan.core.network.compile import compile_network
from unit.network.building import GRPC, HTTP, a_policy, a_world, edges_of, egress_of, ingress_of, pods, tcp

END = datetime(2026, 6, 1, 12, tzinfo=UTC)
BEFORE, LATER = END - timedelta(microseconds=1), END + timedelta(days=1)
UNTIL = "2026-06-01T12:00:00Z"
TO_ORDERS = {"to": {"service": "orders"}}
FROM_WEB = {"from": {"service": "web"}}


def at(moment: datetime, policy: PolicyView, *others: PolicyView):
    """Return what the first policy comes to among the others at a moment."""
    return compile_network(policy, replace(a_world(policy, *others), now=moment))


def web(**rule):
    """Return the caller."""
    return a_policy("shop/web", egress=[{**TO_ORDERS, **rule}])


def orders(**rule):
    """Return the called side."""
    return a_policy("shop/orders", ports=[HTTP], ingress=[{**FROM_WEB, **rule}])


ENDS = {
    "the caller's": (web(until=UNTIL), orders()),
    "the called side's": (web(), orders(until=UNTIL)),
    "both, and the caller's first": (web(until=UNTIL), orders(until="2027-01-01T00:00:00Z")),
    "both, and the called side's first": (web(until="2027-01-01T00:00:00Z"), orders(until=UNTIL)),
    "spelled in another zone": (web(until="2026-06-01T14:00:00+02:00"), orders()),
}


@pytest.mark.parametrize("case", ENDS)
def test_whichever_side_ends_closes_both(case):
    """Up to the end both sides are open and say when they close; from the end on neither holds a rule."""
    caller, called = ENDS[case]
    one, two = at(BEFORE, caller, called), at(BEFORE, called, caller)
    assert egress_of(one) == [{"to": [pods("shop/orders")], "ports": [tcp(8080)]}]
    assert ingress_of(two) == [{"from": [pods("shop/web")], "ports": [tcp(8080)]}]
    assert [(edge["state"], edge["until"]) for edge in (*edges_of(one), *edges_of(two))] == [("Applied", UNTIL)] * 2
    assert (one.changes_at, two.changes_at) == (END, END)
    for moment in (END, LATER):
        one, two = at(moment, caller, called), at(moment, called, caller)
        assert (egress_of(one), ingress_of(two)) == ([], [])
        assert {edge["state"] for edge in (*edges_of(one), *edges_of(two))} == {"Expired"}


def test_each_side_is_told_whose_end_it_was():
    """The one who wrote the end reads that its rule ended, the other that the consent did, and who can mend it."""
    caller, called = web(reason="checkout"), orders(until=UNTIL)
    assert edges_of(at(LATER, caller, called)) == [
        {
            "to": "shop/orders",
            "ports": ["8080/TCP"],
            "state": "Expired",
            "reason": "ConsentExpired",
            "message": "shop/orders: it admitted shop/web until 2026-06-01T12:00:00Z, which has passed; "
            "its policy must set a later until; checkout",
            "until": UNTIL,
        }
    ]
    assert edges_of(at(LATER, called, caller)) == [
        {
            "from": "shop/web",
            "ports": [],
            "state": "Expired",
            "reason": "Expired",
            "message": "ended by itself at 2026-06-01T12:00:00Z: set until to a later time, or take the rule out",
            "until": UNTIL,
        }
    ]


def test_rules_about_one_peer_add_up_in_time():
    """A port stays open as long as one of the rules that open it; one that only the ended rule opened closes."""
    called = a_policy(
        "shop/orders",
        ports=[HTTP, GRPC],
        ingress=[{**FROM_WEB, "ports": ["http", "grpc"], "until": UNTIL}, {**FROM_WEB, "ports": ["http"]}],
    )
    assert ingress_of(at(BEFORE, called, web())) == [{"from": [pods("shop/web")], "ports": [tcp(8080), tcp(9090)]}]
    assert egress_of(at(END, web(), called)) == [{"to": [pods("shop/orders")], "ports": [tcp(8080)]}]
    assert ingress_of(at(END, called, web())) == [{"from": [pods("shop/web")], "ports": [tcp(8080)]}]


OUTSIDE = {
    "workload": {"workload": {"namespace": "tools", "selector": {"matchLabels": {"app": "runner"}}}},
    "cidr": {"cidr": "203.0.113.0/24"},
    "internet": {"internet": {}},
    "self": {"self": {}},
}


@pytest.mark.parametrize("peer", OUTSIDE.values(), ids=OUTSIDE)
def test_edges_with_what_has_no_policy_end_too(peer):
    """`until` counts for every kind of peer, in both directions."""
    rules = {"ingress": [{"from": peer, "until": UNTIL}]}
    if "self" not in peer:
        rules["egress"] = [{"to": peer, "ports": [{"port": 443}], "until": UNTIL}]
    policy = a_policy("shop/web", ports=[HTTP], **rules)
    open_, closed = at(BEFORE, policy), at(END, policy)
    assert ingress_of(open_)
    assert egress_of(open_)
    assert (ingress_of(closed), egress_of(closed)) == ([], [])
    assert {edge["state"] for edge in edges_of(closed)} == {"Expired"}


def test_a_port_that_ends_earlier_is_when_the_edge_changes():
    """`until` in the status is the moment at which the first of the open ports closes."""
    called = a_policy(
        "shop/orders",
        ports=[HTTP, GRPC],
        ingress=[{**FROM_WEB, "ports": ["http"], "until": UNTIL}, {**FROM_WEB, "ports": ["grpc"]}],
    )
    assert [edge.get("until") for edge in edges_of(at(BEFORE, web(), called))] == [UNTIL]
    assert [edge.get("until") for edge in edges_of(at(END, web(), called))] == [None]


def test_nothing_ends_where_nothing_says_so():
    """Without any `until` there is no moment to wait for."""
    assert at(LATER, web(), orders()).changes_at is None


def test_an_end_that_has_passed_is_not_waited_for():
    """The next moment is one to come; and a caller that is not listed yet counts, because its request ends."""
    called = a_policy("shop/orders", ports=[HTTP])
    assert at(BEFORE, called, web(until=UNTIL)).changes_at == END
    assert at(END, called, web(until=UNTIL)).changes_at is None


def test_without_a_clock_a_rule_that_can_end_is_closed():
    """A snapshot nobody gave a moment opens nothing too long."""
    caller, called = web(until="9999-12-31T23:59:59Z"), orders()
    assert egress_of(compile_network(caller, a_world(caller, called))) == []
    assert egress_of(compile_network(web(), a_world(web(), called))) != []

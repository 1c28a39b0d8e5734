"""Defects read in another intents operator (D1 to D16 of the research), as far as they are about consent and identity.

Each was a way in which a declared edge meant more, or lasted longer, than its author could know. Here they are promises.
"""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bartizan.core.admission import judge
from bartizan.core.index import compile_index
from bartizan.core.model import InvalidPolicy
from bartizan.core.network.compile import baseline_policy, compile_network
from bartizan.core.network.semantics import Endpoint, Flow, allows
from bartizan.testing.builders import a_pod
from unit.network.building import (
    DNS_RULE,
    HTTP,
    a_policy,
    a_world,
    compiled,
    edges_of,
    egress_of,
    ingress_of,
    pods,
    tcp,
)

WEB = a_policy("shop/web", egress=[{"to": {"service": "orders"}}])
ORDERS = a_policy("shop/orders", ports=[HTTP], ingress=[{"from": {"service": "web"}}])


@pytest.mark.parametrize("account", ["default", "intruder"])
def test_d1_a_forged_label_gives_no_access(account):
    """A pod that only wears the caller's labels is refused: the labels belong to whoever runs the caller's account."""
    index = compile_index("shop", [WEB, ORDERS])["spec"]
    forged = a_pod("intruder", labels={"app": "web"}, account=account)
    for operation in ("CREATE", "UPDATE"):
        assert "C-06" in {violation.id for violation in judge(forged, index, operation=operation)}


def test_d1_dropping_the_labels_does_not_free_a_pod():
    """A pod of the caller's account without the caller's labels is refused, and isolated whatever happens."""
    index = compile_index("shop", [WEB, ORDERS])["spec"]
    stripped = a_pod("escaped", labels={"app": "something-else"}, account="web")
    assert {"C-01", "C-06"} <= {violation.id for violation in judge(stripped, index, operation="UPDATE")}
    assert baseline_policy("shop")["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_d4_nothing_declared_is_nothing_open():
    """A service without callers and calls is closed both ways but for the cluster's DNS."""
    spec = compiled(a_policy("shop/orders", ports=[HTTP])).network_policy["spec"]
    assert (spec["policyTypes"], spec.get("ingress", []), spec["egress"]) == (["Ingress", "Egress"], [], [DNS_RULE])


def test_d4_taking_the_last_rule_out_closes_instead_of_opening():
    """A policy that loses its only call keeps both directions isolated."""
    before, after = compiled(WEB, ORDERS), compiled(a_policy("shop/web"), ORDERS)
    assert egress_of(before) != egress_of(after) == []
    assert after.network_policy["spec"]["policyTypes"] == ["Ingress", "Egress"]


def test_d5_one_more_caller_never_cuts_another():
    """All callers stand in one object, so admitting a second one leaves the first as it was."""
    admin = a_policy("shop/admin", egress=[{"to": {"service": "orders"}}])
    rules = [{"from": {"service": "web"}}, {"from": {"service": "admin"}}]
    both = compiled(a_policy("shop/orders", ports=[HTTP], ingress=rules), WEB, admin)
    assert ingress_of(both) == [{"from": [pods("shop/admin"), pods("shop/web")], "ports": [tcp(8080)]}]


def test_d7_an_edge_needs_no_running_pod():
    """Both sides are named by their policies: what is written follows from those alone, whether pods run or not."""
    assert ingress_of(compiled(ORDERS, WEB)) == [{"from": [pods("shop/web")], "ports": [tcp(8080)]}]


def test_d9_a_broken_policy_stops_nobody_s_revocation():
    """With an unreadable policy next to it and named by it, a revoked edge closes on both sides."""
    broken = InvalidPolicy(namespace="shop", name="broken", uid="u", generation=1, problem="spec.network: wrong")
    rules = [{"from": {"service": "broken"}}]
    revoked = a_policy("shop/orders", ports=[HTTP], ingress=rules)
    world = {"invalid": {("shop", "broken"): broken}}
    assert ingress_of(compiled(revoked, WEB, **world)) == []
    assert egress_of(compiled(WEB, revoked, **world)) == []
    assert [(edge["from"], edge["reason"]) for edge in edges_of(compiled(revoked, WEB, **world))] == [
        ("shop/broken", "PeerNotFound")
    ]


def test_d10_what_is_no_longer_declared_is_no_longer_open():
    """Nothing is a union over time: each object is compiled from what is declared at its moment."""
    until = datetime(2026, 6, 1, tzinfo=UTC)
    lent = a_policy("shop/orders", ports=[HTTP], ingress=[{"from": {"service": "web"}, "until": until.isoformat()}])
    world = a_world(lent, WEB)
    opened = [ingress_of(compile_network(lent, replace(world, now=now))) for now in (until.replace(year=2025), until)]
    assert opened == [[{"from": [pods("shop/web")], "ports": [tcp(8080)]}], []]


def test_d15_only_the_declared_port_is_open():
    """A pod's own port is opened and no Service port beside it."""
    assert egress_of(compiled(WEB, ORDERS)) == [{"to": [pods("shop/orders")], "ports": [tcp(8080)]}]


def test_the_provider_has_the_last_word():
    """No annotation, label or declaration of a caller opens a service that does not list it: packets stay out."""
    silent = a_policy("shop/orders", ports=[HTTP])
    world = a_world(WEB, silent)
    written = [compile_network(one, world).network_policy for one in (WEB, silent)]

    def pod(name):
        return Endpoint(
            namespace="shop",
            name=name,
            ip="10.244.0.9",
            labels={"app": name},
            namespace_labels={"kubernetes.io/metadata.name": "shop"},
        )

    flow = Flow(source=pod("web"), destination=pod("orders"), port=8080, protocol="TCP")
    verdict = allows(flow, [*written, baseline_policy("shop")])
    assert (verdict.egress.allowed, verdict.ingress.allowed) == (False, False)

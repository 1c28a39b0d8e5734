"""What policies in files declare and would not get, said at the rule that declares it."""

from datetime import UTC, datetime

import pytest

from bartizan.core.findings.network import idle_finding, network_findings, peers_elsewhere
from bartizan.core.findings.world import build_world
from bartizan.testing.builders import a_namespace, a_policy

NOW = datetime(2026, 11, 22, tzinfo=UTC)
HTTP = [{"name": "http", "port": 8080}]
SYSTEM = frozenset({"kube-system"})


def calls(*egress, name="web", **more):
    """A policy that calls."""
    return a_policy(name, network={"egress": list(egress)}, **more)


def called(*ingress, name="orders", **network):
    """A policy that is called."""
    return a_policy(name, network={"ports": HTTP, "ingress": list(ingress), **network})


def found(*items):
    """Check, severity, path and value of each finding about the first of the objects."""
    world = build_world(items, system=SYSTEM, now=NOW)
    policy = world.snapshot.policies["shop", items[0]["metadata"]["name"]]
    return [(one.check, one.severity.value, one.path, one.value) for one in network_findings(items[0], policy, world)]


ORDERS = {"to": {"service": "orders"}}
CASES = {
    "both sides declare it": ([calls(ORDERS), called({"from": {"service": "web"}})], []),
    "the called side does not": ([calls(ORDERS), called()], [("N-02", "medium", "spec.network.egress[0]", "shop/orders")]),
    "the caller does not": ([called({"from": {"service": "web"}}), calls()], [("N-02", "low", "spec.network.ingress[0]", "shop/web")]),
    "the second rule's peer is not there": ([calls(ORDERS, {"to": {"service": "gone"}}), called({"from": {"service": "web"}})], [("N-01", "medium", "spec.network.egress[1]", "shop/gone")]),
    "a namespace of which nothing is given": ([calls({"to": {"service": "payments", "namespace": "finance"}})], []),
    "a namespace whose object is given": ([calls({"to": {"service": "payments", "namespace": "finance"}}), a_namespace("finance")], [("N-01", "medium", "spec.network.egress[0]", "finance/payments")]),
    "a port that the called side lacks": ([calls({**ORDERS, "ports": [{"name": "grpc"}]}), called({"from": {"service": "web"}})], [("N-05", "medium", "spec.network.egress[0]", "shop/orders")]),
    "an end that has passed": ([calls({"to": {"internet": {}}, "ports": [{"port": 443}], "until": "2026-01-01T00:00:00Z"})], [("N-04", "low", "spec.network.egress[0].until", "internet")]),
    "a denial": ([calls(ORDERS), called(decisions=[{"service": "web", "namespace": "shop", "verdict": "Denied"}])], [("N-03", "medium", "spec.network.egress[0]", "shop/orders")]),
    "metadata without leave": ([calls({"to": {"cloudMetadata": {}}, "reason": "x"})], [("N-06", "medium", "spec.network.egress[0]", "cloudMetadata")]),
    "a block within the metadata range": ([calls({"to": {"cidr": "169.254.169.254/32"}, "ports": [{"port": 80}]})], [("N-07", "medium", "spec.network.egress[0]", "cidr/169.254.169.254/32")]),
    "a name whose addresses only a cluster knows": ([calls({"to": {"fqdn": "api.example.com"}, "ports": [{"port": 443}]})], []),
    "the internet": ([calls({"to": {"internet": {}}, "ports": [{"port": 443}]})], []),
    "two policies for one label": ([a_policy("web"), {**a_policy("web2"), "spec": a_policy("web")["spec"]}], [("O-02", "high", "spec.workload.selector", None)]),
}  # fmt: skip


@pytest.mark.parametrize(("items", "wanted"), CASES.values(), ids=CASES)
def test_each_rule_gets_its_finding(items, wanted):
    """The check, at the rule; nothing where the edge would be there or only a cluster could say."""
    assert found(*items) == wanted


def test_the_other_side_s_lines_are_ready_to_paste():
    """A one-sided edge comes with what the other policy has to say."""
    item = calls({"to": {"service": "payments", "namespace": "finance"}})
    world = build_world([item, a_policy("payments", "finance", network={"ports": HTTP})], system=SYSTEM, now=NOW)
    (one,) = network_findings(item, world.snapshot.policies["shop", "web"], world)
    assert one.snippet == (
        "# in policy finance/payments\nnetwork:\n  ingress:\n  - from: {service: web, namespace: shop}"
    )


def test_namespaces_of_which_nothing_is_given_are_named():
    """So that it can be said that rules about them were not judged."""
    item = calls({"to": {"service": "payments", "namespace": "finance"}}, ORDERS)
    world = build_world([item], system=SYSTEM, now=NOW)
    assert peers_elsewhere(world.snapshot.policies["shop", "web"], world) == {"finance"}


def test_the_first_of_two_objects_counts():
    """Policies, namespaces and floors that stand there twice are read once."""
    forbids = {"apiVersion": "bartizan.dev/v1alpha1", "kind": "SecurityBaseline", "metadata": {"name": "default"}, "spec": {"network": {"internet": "Forbid"}}}  # fmt: skip
    allows = {**forbids, "spec": {}}
    item = calls({"to": {"internet": {}}, "ports": [{"port": 443}]})
    assert found(item, forbids, allows) == [("N-06", "medium", "spec.network.egress[0]", "internet")]
    assert found(item, allows, forbids) == []


def test_a_namespace_that_says_nothing_is_judged_as_enforced():
    """No label makes nothing laxer; a label is believed, and a system namespace is never governed."""
    items = [
        a_policy("a", "plain"),
        a_namespace("bare", None),
        a_namespace("warned", "warn"),
        a_policy("b", "kube-system"),
    ]
    world = build_world(items, system=SYSTEM, now=NOW)
    assert {name: world.snapshot.mode(name).value for name in ("plain", "bare", "warned", "kube-system")} == {
        "plain": "Enforce", "bare": "Enforce", "warned": "Warn", "kube-system": "NotGoverned",
    }  # fmt: skip


def test_a_policy_that_selects_nothing_is_low():
    """It protects nothing, and opens nothing either."""
    one = idle_finding(a_policy("web"))
    assert (one.check, one.severity.value, one.path) == ("C-03", "low", "spec.workload.selector")

"""The tiers around NetworkPolicy: what is written, and what it means for a packet."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bartizan.core.capabilities import Capabilities
from bartizan.core.network.backends.judge import tiered
from bartizan.core.network.backends.tiers import TiersObserved, baseline_tier, metadata_tier, plan_tiers
from bartizan.core.network.compile import baseline_policy, compile_network
from bartizan.core.network.semantics import Endpoint, ExternalEndpoint, Flow
from bartizan.core.reasons import Mode
from unit.network.building import HTTP, a_policy, a_world

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
METADATA = {"to": {"cloudMetadata": {}}, "reason": "workload identity"}


def pod(namespace, app, ip, enforcement="enforce", **more):
    """A pod in a namespace."""
    labels = {"kubernetes.io/metadata.name": namespace}
    return Endpoint(
        namespace=namespace,
        name=app,
        ip=ip,
        labels={"app": app},
        namespace_labels={**labels, **({"bartizan.dev/enforcement": enforcement} if enforcement else {})},
        **more,
    )


WEB = pod("shop", "web", "10.244.0.1")
ORDERS = pod("shop", "orders", "10.244.0.2", named_ports={"http": (8080, "TCP")})
FREE = pod("shop", "orders", "10.244.0.3", enforcement=None)
OUTSIDE = pod("tools", "runner", "10.244.0.4", enforcement=None)
CLOUD = ExternalEndpoint(ip="169.254.169.254")
WORLD = ExternalEndpoint(ip="203.0.113.9")
BELOW, ABOVE = baseline_tier(["shop"]), metadata_tier(["shop"])
SHOP = [
    compile_network(policy, a_world(web, orders)).network_policy
    for web in [a_policy("shop/web", egress=[{"to": {"service": "orders"}}])]
    for orders in [a_policy("shop/orders", ports=[HTTP], ingress=[{"from": {"service": "web"}}])]
    for policy in (web, orders)
]
OPENER = {
    "metadata": {"namespace": "shop", "name": "foreign"},
    "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{}]},
}


@pytest.mark.parametrize(
    ("source", "destination", "policies", "decided"),
    [
        (WEB, ORDERS, SHOP, ("NetworkPolicy", "NetworkPolicy", True)),
        (ORDERS, WEB, SHOP, ("NetworkPolicy", "NetworkPolicy", False)),
        (WEB, ORDERS, [], ("Baseline", "Baseline", False)),
        (WEB, ORDERS, [baseline_policy("shop")], ("NetworkPolicy", "NetworkPolicy", False)),
        (OUTSIDE, ORDERS, [], ("Default", "Baseline", False)),
        (OUTSIDE, ORDERS, SHOP, ("Default", "NetworkPolicy", False)),
        (OUTSIDE, FREE, [], ("Default", "Default", True)),
        (WEB, WORLD, [], ("Baseline", "Default", False)),
        (WEB, WORLD, [OPENER], ("NetworkPolicy", "Default", True)),
        (WEB, CLOUD, [OPENER], ("Admin", "Default", False)),
        (OUTSIDE, CLOUD, [], ("Default", "Default", True)),
        (WEB, WEB, [], ("Default", "Default", True)),
    ],
    ids=[
        "a declared edge passes although the baseline tier denies",
        "an undeclared one is the NetworkPolicy's to deny",
        "without NetworkPolicies the baseline tier denies",
        "isolation decides before the baseline tier",
        "nobody comes in from elsewhere without NetworkPolicies",
        "nor with them",
        "a namespace that lost its label is free at once",
        "nothing goes out without NetworkPolicies",
        "a foreign NetworkPolicy opens the world",
        "but not cloud metadata",
        "ungoverned namespaces are left alone",
        "a pod reaches itself",
    ],
)
def test_the_emitted_tiers_mean_what_they_are_for(source, destination, policies, decided):
    """Both emitted objects around NetworkPolicies: which tier decides at each end, and whether the flow passes."""
    verdict = tiered(Flow(source=source, destination=destination, port=8080), policies, [BELOW, ABOVE])
    assert (verdict.egress.tier, verdict.ingress.tier, verdict.allowed) == decided


def cluster_policy(name, tier, priority, *egress, subject=None):
    """A ClusterNetworkPolicy with egress rules of (action, peers, protocols…)."""
    rules = [
        {"action": action, "to": [peer], **({"protocols": list(protocols)} if protocols else {})}
        for action, peer, *protocols in egress
    ]
    chosen = subject or {"namespaces": {}}
    spec = {"tier": tier, "priority": priority, "subject": chosen, "egress": rules}
    return {"metadata": {"name": name}, "spec": spec}


EVERYBODY = {"namespaces": {}}
SHOP_ORDERS = {"pods": {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "orders"}}}}
NEWER = {"somethingNew": {}}
HTTP_PORT = {"tcp": {"destinationPort": {"number": 8080}}}
RANGE = {"tcp": {"destinationPort": {"range": {"start": 8000, "end": 8100}}}}


@pytest.mark.parametrize(
    ("tiers", "decided"),
    [
        ([], ("Default", True)),
        (
            [
                cluster_policy("b", "Admin", 2, ("Deny", EVERYBODY)),
                cluster_policy("a", "Admin", 1, ("Accept", EVERYBODY)),
            ],
            ("Admin", True),
        ),
        ([cluster_policy("a", "Admin", 1, ("Deny", SHOP_ORDERS), ("Accept", EVERYBODY))], ("Admin", False)),
        (
            [
                cluster_policy("a", "Admin", 1, ("Pass", EVERYBODY)),
                cluster_policy("b", "Admin", 2, ("Deny", EVERYBODY)),
            ],
            ("Default", True),
        ),
        (
            [
                cluster_policy("a", "Admin", 1, ("Pass", EVERYBODY)),
                cluster_policy("b", "Baseline", 2, ("Deny", EVERYBODY)),
            ],
            ("Baseline", False),
        ),
        (
            [
                cluster_policy("a", "Baseline", 1, ("Pass", EVERYBODY)),
                cluster_policy("b", "Baseline", 2, ("Deny", EVERYBODY)),
            ],
            ("Default", True),
        ),
        ([cluster_policy("a", "Admin", 1, ("Deny", EVERYBODY, HTTP_PORT))], ("Admin", False)),
        ([cluster_policy("a", "Admin", 1, ("Deny", EVERYBODY, RANGE))], ("Admin", False)),
        ([cluster_policy("a", "Admin", 1, ("Deny", EVERYBODY, {"destinationNamedPort": "http"}))], ("Admin", False)),
        (
            [cluster_policy("a", "Admin", 1, ("Deny", EVERYBODY, {"udp": {"destinationPort": {"number": 8080}}}))],
            ("Default", True),
        ),
        (
            [cluster_policy("a", "Admin", 1, ("Deny", EVERYBODY, {"tcp": {"destinationPort": {"number": 9090}}}))],
            ("Default", True),
        ),
        ([cluster_policy("a", "Admin", 1, ("Deny", EVERYBODY), subject=SHOP_ORDERS)], ("Default", True)),
        ([cluster_policy("a", "Admin", 1, ("Deny", {"networks": ["10.244.0.0/16"]}))], ("Admin", False)),
        ([cluster_policy("a", "Admin", 1, ("Accept", NEWER), ("Deny", EVERYBODY))], ("Admin", False)),
        ([cluster_policy("a", "Admin", 1, ("Pass", NEWER), ("Accept", EVERYBODY))], ("Admin", False)),
    ],
    ids=[
        "nothing is allowed",
        "the lower number comes first",
        "the first rule that matches decides",
        "pass skips the rest of the tier",
        "pass goes on below",
        "pass at the bottom is allowed",
        "a port",
        "a range of ports",
        "a named port",
        "another protocol",
        "another port",
        "another subject",
        "networks hold pods too",
        "an unknown peer accepts nobody",
        "an unknown peer passes nobody on",
    ],
)
def test_tiers_mean_what_the_api_says(tiers, decided):
    """One flow from web to orders, without NetworkPolicies: which tier decides, and how."""
    verdict = tiered(Flow(source=WEB, destination=ORDERS, port=8080), [], tiers)
    assert (verdict.egress.tier, verdict.allowed) == decided


def world(*policies, baseline=None, **modes):
    """A snapshot of a cluster that serves ClusterNetworkPolicy."""
    known = {name: Mode(mode) for name, mode in modes.items()}
    snapshot = a_world(*policies, modes=known, baseline=baseline)
    return replace(snapshot, capabilities=Capabilities(cluster_network_policy=True), now=NOW)


def stored(item):
    """The object as the API server holds it."""
    return {**item, "metadata": {**item["metadata"], "uid": "its-own"}}


def applied(plan):
    """What a plan applies, by name: the namespaces it holds for."""
    return {
        apply.item["metadata"]["name"]: apply.item["spec"]["subject"]["namespaces"]["matchExpressions"][0]["values"]
        for apply in plan.applies
    }


def test_a_namespace_is_held_once_it_is_isolated():
    """Enforced alone is not enough: the day of the label must not cut what has no NetworkPolicy yet."""
    snapshot = world(shop="Enforce", finance="Enforce", tools="Audit")
    assert applied(plan_tiers(snapshot, TiersObserved())) == {}
    plan = plan_tiers(snapshot, TiersObserved(isolated={"shop", "tools"}))
    assert applied(plan) == {"bartizan-baseline": ["shop"], "bartizan-metadata": ["shop"]}


def test_a_namespace_stays_held_when_its_isolation_is_deleted():
    """That is what the tier is for; it leaves only with its label."""
    standing = TiersObserved(baseline=stored(BELOW), metadata=stored(ABOVE))
    assert plan_tiers(world(shop="Enforce"), standing).applies == ()
    plan = plan_tiers(world(shop="Audit"), standing)
    assert [delete.ref.name for delete in plan.deletes] == ["bartizan-baseline", "bartizan-metadata"]


def test_metadata_stays_possible_where_a_policy_may_reach_it():
    """Its namespace is left out above for exactly as long as the edge is open; where the platform forbids it, never."""
    until = NOW + timedelta(hours=2)
    agent = a_policy("shop/agent", egress=[{**METADATA, "until": until}])
    standing = TiersObserved(isolated={"shop", "finance"})
    modes = {"shop": "Enforce", "finance": "Enforce"}
    snapshot = world(agent, baseline={"cloudMetadata": "Allow"}, **modes)
    plan = plan_tiers(snapshot, standing)
    assert applied(plan) == {"bartizan-baseline": ["finance", "shop"], "bartizan-metadata": ["finance"]}
    assert plan.requeue_after == timedelta(hours=2)
    both = {"bartizan-baseline": ["finance", "shop"], "bartizan-metadata": ["finance", "shop"]}
    assert applied(plan_tiers(replace(snapshot, now=until), standing)) == both
    assert applied(plan_tiers(world(agent, **modes), standing)) == both


def test_somebody_elses_object_is_left_alone_and_nothing_is_written_without_the_kind():
    """Neither overwritten nor deleted; and a cluster that does not serve the kind is asked for nothing."""
    foreign = {"kind": "ClusterNetworkPolicy", "metadata": {"name": "bartizan-baseline", "uid": "theirs"}, "spec": {}}
    plan = plan_tiers(world(shop="Enforce"), TiersObserved(baseline=foreign, isolated={"shop"}))
    assert list(applied(plan)) == ["bartizan-metadata"]
    plain = a_world(modes={"shop": Mode.ENFORCE})
    assert plan_tiers(plain, TiersObserved(isolated={"shop"})).applies == ()


def test_the_objects_hold_for_the_label_and_the_names_together():
    """Whole specifications: the label frees a namespace at once, the names keep out those not isolated yet."""
    subject = {
        "namespaces": {
            "matchLabels": {"bartizan.dev/enforcement": "enforce"},
            "matchExpressions": [
                {"key": "kubernetes.io/metadata.name", "operator": "In", "values": ["finance", "shop"]}
            ],
        }
    }
    everybody = {"namespaces": {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "Exists"}]}}
    assert baseline_tier({"shop", "finance"})["spec"] == {
        "tier": "Baseline",
        "priority": 1000,
        "subject": subject,
        "ingress": [{"name": "deny-all", "action": "Deny", "from": [everybody]}],
        "egress": [{"name": "deny-all", "action": "Deny", "to": [everybody, {"networks": ["0.0.0.0/0", "::/0"]}]}],
    }
    above = metadata_tier({"shop", "finance"})["spec"]
    assert (above["tier"], above["priority"], above["subject"]) == ("Admin", 1000, subject)
    assert {"169.254.169.254/32", "fd00:ec2::254/128"} < set(above["egress"][0]["to"][0]["networks"])
    assert "ingress" not in above

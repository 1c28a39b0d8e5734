"""`can`: the verdict, why, and the lines that would change it."""

import pytest

from bartizan.core.network.ports import PortRange
from bartizan.core.network.reach_suggestion import Advice, Suggestion
from bartizan.core.network.reach_verdict import judge
from unit.graph.drawing import HTTP, TCP_8080, a_deployment, a_network, a_network_policy, a_service_policy, the_shop


def ask(network, source, target, port=None, address=""):
    """Return the answer about two nodes by id."""
    return judge(network, network.nodes[source], network.nodes[target], port, address=address)


def whys(answer):
    """Return the verdict and each side's reason."""
    return answer.allowed, answer.egress.why, answer.ingress.why


def test_an_agreed_edge_names_the_rule_on_each_side():
    """Allowed, by the entry of each policy."""
    assert whys(ask(the_shop(), "shop/web", "shop/orders")) == (
        True,
        "policy shop/web declares it in spec.network.egress[0]",
        "policy shop/orders declares it in spec.network.ingress[0]",
    )


def test_what_nobody_declares_is_denied_with_both_entries():
    """Both sides say what they list, and both entries are suggested."""
    answer = ask(the_shop(), "shop/web", "bank/payments", TCP_8080)
    assert whys(answer) == (
        False,
        "policy shop/web does not declare it; its network.egress lists only shop/orders",
        "policy bank/payments does not declare it; its network.ingress is empty",
    )
    assert answer.advice == Advice(
        add=(
            Suggestion(policy="shop/web", field="network.egress", entry={"to": {"service": "payments", "namespace": "bank"}, "ports": [{"name": "http"}]}),
            Suggestion(policy="bank/payments", field="network.ingress", entry={"from": {"service": "web", "namespace": "shop"}, "ports": ["http"]}),
        )
    )  # fmt: skip


def test_one_sided_edges_lack_the_other_side_only():
    """The side that has declared it says what it waits for; only the other gets an entry."""
    answer = ask(the_shop(), "shop/orders", "bank/payments")
    assert answer.egress.why == (
        "policy shop/orders declares it in spec.network.egress[0], but it is PendingConsent: bank/payments does not admit "
        "shop/orders: its ingress must list from: {service: orders, namespace: shop}; charge cards"
    )
    assert [one.policy for one in answer.advice.add] == ["bank/payments"]


def test_another_port_is_suggested_with_the_port_itself():
    """A port that the called policy does not have is added to it first."""
    answer = ask(the_shop(), "shop/web", "shop/orders", PortRange(9090, 9090, "UDP"))
    assert whys(answer) == (
        False,
        "policy shop/web opens only 8080/TCP in spec.network.egress[0]",
        "policy shop/orders opens only 8080/TCP in spec.network.ingress[0]",
    )
    assert [(one.field, one.entry) for one in answer.advice.add] == [
        ("network.ports", {"name": "udp-9090", "port": 9090, "protocol": "UDP"}),
        ("network.egress", {"to": {"service": "orders"}, "ports": [{"name": "udp-9090"}]}),
        ("network.ingress", {"from": {"service": "web"}, "ports": ["udp-9090"]}),
    ]


def test_replicas_need_ingress_alone():
    """A service's own pods meet by `ingress: from self`."""
    assert [(one.field, one.entry) for one in ask(the_shop(), "shop/web", "shop/web").advice.add] == [
        ("network.ingress", {"from": {"self": {}}})
    ]


def test_pods_without_a_policy_in_an_enforced_namespace_are_isolated():
    """The baseline holds them, and the sentence says that no policy covers them."""
    network = a_network(a_service_policy("shop/web"), a_deployment("shop/stray"))
    assert whys(ask(network, "shop/deployment/stray", "shop/web"))[1] == (
        "no policy covers Deployment/stray, and namespace shop isolates what no policy covers"
    )


def test_an_ungoverned_caller_is_open_on_its_side():
    """Only the called side refuses, and gets an entry for pods by label."""
    network = a_network(a_service_policy("shop/web"), a_deployment("tools/runner"), modes={"tools": None})
    answer = ask(network, "tools/deployment/runner", "shop/web")
    assert whys(answer) == (
        False,
        "open to all: namespace tools is not governed, and no NetworkPolicy isolates Deployment/runner this way",
        "policy shop/web does not declare it; its network.ingress is empty",
    )
    assert [one.entry for one in answer.advice.add] == [
        {"from": {"workload": {"namespace": "tools", "selector": {"matchLabels": {"app": "runner"}}}}}
    ]


def test_a_foreign_rule_that_decides_is_named():
    """Who let it in is a NetworkPolicy with the place of its rule."""
    network = a_network(
        a_deployment("tools/runner"),
        a_deployment("tools/store"),
        a_network_policy("tools/all", podSelector={"matchLabels": {"app": "store"}}, ingress=[{}]),
        modes={"tools": None},
    )
    answer = ask(network, "tools/deployment/runner", "tools/deployment/store")
    assert (answer.allowed, answer.ingress.why) == (True, "NetworkPolicy tools/all allows it in spec.ingress[0]")


def test_pods_in_the_node_s_network_are_held_by_nothing():
    """HostNetwork takes a pod out of every NetworkPolicy, its own and its callers' selectors alike."""
    network = a_network(
        a_service_policy("shop/web", egress=[{"to": {"service": "web"}}]),
        a_deployment("tools/agent", hostNetwork=True),
        modes={"tools": None},
    )
    answer = ask(network, "tools/deployment/agent", "shop/web")
    assert (answer.allowed, answer.egress.why) == (
        False,
        "Deployment/agent runs in its node's network, which no NetworkPolicy holds",
    )


OBSTACLES = {
    "the metadata address": ("169.254.169.254/32", "169.254.169.254/32 holds nothing but link-local and cloud metadata addresses"),
    "a block all may name": ("203.0.113.7/32", ""),
}  # fmt: skip


@pytest.mark.parametrize(("address", "obstacle"), OBSTACLES.values(), ids=OBSTACLES)
def test_an_address_is_suggested_unless_it_stays_closed(address, obstacle):
    """Where no line would help, none is suggested and the reason is given."""
    from ipaddress import ip_network

    network = the_shop()
    network.add(network.address(ip_network(address)))
    answer = ask(network, "shop/web", f"cidr/{address}", PortRange(443, 443, "TCP"), address)
    expected = (
        ()
        if obstacle
        else (
            Suggestion(
                policy="shop/web", field="network.egress", entry={"to": {"cidr": address}, "ports": [{"port": 443}]}
            ),
        )
    )
    assert (answer.allowed, answer.advice) == (False, Advice(add=expected, obstacle=obstacle))


def test_replicas_whose_labels_differ_may_differ_in_what_holds():
    """A foreign rule for some of a service's pods makes the answer a partial yes."""
    network = a_network(
        a_service_policy("shop/web", ports=[HTTP]),
        a_deployment("shop/old", {"app": "web", "track": "old"}),
        a_deployment("shop/new", {"app": "web", "track": "new"}),
        a_deployment("tools/runner"),
        a_network_policy("shop/old-open", podSelector={"matchLabels": {"track": "old"}}, ingress=[{}]),
        modes={"tools": None},
    )
    answer = ask(network, "tools/deployment/runner", "shop/web")
    assert (answer.allowed, answer.partly) == (True, True)

"""Edges between policies: both sides must say yes, port by port, and each side is told what is missing."""

from bartizan.core.model import InvalidPolicy
from bartizan.core.network.peers import neighbours
from bartizan.core.reasons import Mode
from unit.network.building import (
    GOSSIP,
    GRPC,
    HTTP,
    a_policy,
    compiled,
    edges_of,
    egress_of,
    ingress_of,
    pods,
    tcp,
    udp,
)

TO_PAYMENTS = {"to": {"service": "payments", "namespace": "finance"}}
FROM_ORDERS = {"from": {"service": "orders", "namespace": "shop"}}


def orders(*ports, **more):
    """Return the consumer, asking finance/payments for `ports`."""
    return a_policy("shop/orders", egress=[{**TO_PAYMENTS, "ports": list(ports), **more}])


def payments(*names):
    """Return the provider with two ports, admitting shop/orders on those named."""
    return a_policy("finance/payments", ports=[HTTP, GRPC], ingress=[{**FROM_ORDERS, "ports": list(names)}])


def verdicts(consumer, provider, **world):
    """Return the consumer's edges and opened rules, then the provider's."""
    one, two = compiled(consumer, provider, **world), compiled(provider, consumer, **world)
    return (edges_of(one), egress_of(one)), (edges_of(two), ingress_of(two))


def test_an_edge_that_both_sides_declare_is_written_on_both():
    """The caller may leave to, and the called side admits, the same ports; the purpose is shown."""
    assert verdicts(orders({"name": "grpc"}, reason="charge cards"), payments("grpc")) == (
        (
            [{"to": "finance/payments", "ports": ["9090/TCP"], "state": "Applied", "message": "charge cards"}],
            [{"to": [pods("finance/payments")], "ports": [tcp(9090)]}],
        ),
        (
            [{"from": "shop/orders", "ports": ["9090/TCP"], "state": "Applied"}],
            [{"from": [pods("shop/orders")], "ports": [tcp(9090)]}],
        ),
    )


def test_a_caller_that_names_no_port_gets_all_it_is_admitted_to():
    """Without ports the edge is as wide as the provider allows, and no wider."""
    (edges, rules), _ = verdicts(orders(), payments("http"))
    assert (edges, rules) == (
        [{"to": "finance/payments", "ports": ["8080/TCP"], "state": "Applied"}],
        [{"to": [pods("finance/payments")], "ports": [tcp(8080)]}],
    )


def test_a_provider_that_names_no_port_opens_only_what_is_asked():
    """Without ports the provider would admit to all; what is written is what the caller asks for."""
    _, (edges, rules) = verdicts(orders({"port": 9090}), payments())
    assert (edges, rules) == (
        [{"from": "shop/orders", "ports": ["9090/TCP"], "state": "Applied"}],
        [{"from": [pods("shop/orders")], "ports": [tcp(9090)]}],
    )


def test_a_caller_alone_waits_for_consent():
    """Asked and not admitted: nothing is opened and the message says what the provider has to write."""
    silent = a_policy("finance/payments", ports=[HTTP])
    assert verdicts(orders({"name": "http"}), silent) == (
        (
            [
                {
                    "to": "finance/payments",
                    "ports": ["8080/TCP"],
                    "state": "PendingConsent",
                    "reason": "PendingConsent",
                    "message": "finance/payments does not admit shop/orders on 8080/TCP: its ingress must list from: {service: orders, namespace: shop}",
                }
            ],
            [],
        ),
        ([], []),
    )


def test_a_provider_alone_opens_nothing():
    """Admitted and not asked for: nothing is opened, on either side."""
    silent = a_policy("shop/orders")
    assert verdicts(silent, payments("http")) == (
        ([], []),
        (
            [
                {
                    "from": "shop/orders",
                    "ports": ["8080/TCP"],
                    "state": "PendingConsent",
                    "reason": "PendingConsent",
                    "message": "shop/orders does not ask for finance/payments on 8080/TCP: its egress must list it before it is admitted",
                }
            ],
            [],
        ),
    )


def test_disjoint_ports_are_no_consent():
    """Both sides name each other but no port in common: both wait."""
    one, two = verdicts(orders({"name": "http"}), payments("grpc"))
    assert (one[0][0]["state"], one[1], two[0][0]["state"], two[1]) == ("PendingConsent", [], "PendingConsent", [])


def test_a_partly_admitted_edge_is_degraded_and_says_the_rest():
    """What both sides name is open; the caller's edge names what is not."""
    one, two = verdicts(orders({"name": "http"}, {"name": "grpc"}), payments("http"))
    assert one == (
        [
            {
                "to": "finance/payments",
                "ports": ["8080/TCP"],
                "state": "Degraded",
                "reason": "PendingConsent",
                "message": "finance/payments does not admit shop/orders on 9090/TCP: its ingress must list from: {service: orders, namespace: shop}",
            }
        ],
        [{"to": [pods("finance/payments")], "ports": [tcp(8080)]}],
    )
    assert two == (
        [{"from": "shop/orders", "ports": ["8080/TCP"], "state": "Applied"}],
        [{"from": [pods("shop/orders")], "ports": [tcp(8080)]}],
    )


def test_a_provider_is_told_of_ports_nobody_asks_for():
    """A port admitted by name and not asked for stays closed and is named."""
    _, (edges, rules) = verdicts(orders({"name": "http"}), payments("http", "grpc"))
    assert (edges, rules) == (
        [
            {
                "from": "shop/orders",
                "ports": ["8080/TCP"],
                "state": "Applied",
                "message": "shop/orders does not ask for 9090/TCP",
            }
        ],
        [{"from": [pods("shop/orders")], "ports": [tcp(8080)]}],
    )


def test_rules_of_one_side_about_the_same_peer_add_up():
    """Two rules that each admit one port admit both; each caller's rule shows its own part."""
    consumer = a_policy("shop/orders", egress=[{**TO_PAYMENTS, "ports": [{"name": n}]} for n in ("http", "grpc")])
    provider = a_policy(
        "finance/payments", ports=[HTTP, GRPC], ingress=[{**FROM_ORDERS, "ports": [n]} for n in ("grpc", "http")]
    )
    one, two = verdicts(consumer, provider)
    assert [edge["ports"] for edge in one[0]] == [["8080/TCP"], ["9090/TCP"]]
    assert one[1] == [{"to": [pods("finance/payments")], "ports": [tcp(8080), tcp(9090)]}]
    assert two[1] == [{"from": [pods("shop/orders")], "ports": [tcp(8080), tcp(9090)]}]


def test_a_port_the_provider_lacks_is_denied_with_those_it_has():
    """A name that means nothing there opens nothing and the message lists what exists."""
    (edges, rules), _ = verdicts(orders({"name": "admin"}), payments())
    assert (edges, rules) == (
        [
            {
                "to": "finance/payments",
                "ports": [],
                "state": "Denied",
                "reason": "PortNotFound",
                "message": "finance/payments has no port admin; it has grpc (9090/TCP), http (8080/TCP)",
            }
        ],
        [],
    )


def test_a_partly_existing_list_of_ports_is_degraded():
    """The ports that exist are open; the one that does not is named."""
    (edges, rules), _ = verdicts(orders({"name": "http"}, {"port": 1}), payments())
    assert (edges, rules) == (
        [
            {
                "to": "finance/payments",
                "ports": ["8080/TCP"],
                "state": "Degraded",
                "reason": "PortNotFound",
                "message": "finance/payments has no port 1/TCP; it has grpc (9090/TCP), http (8080/TCP)",
            }
        ],
        [{"to": [pods("finance/payments")], "ports": [tcp(8080)]}],
    )


def test_a_rule_the_provider_itself_cannot_stand_by_is_no_consent():
    """An ingress rule that names a port its policy lacks is void, and void for the caller too."""
    one, two = verdicts(orders(), payments("http", "admin"))
    assert (one[0][0]["state"], one[1]) == ("PendingConsent", [])
    assert (two[0][0]["state"], two[0][0]["reason"], two[1]) == ("Denied", "InvalidSpec", [])


def test_a_peer_without_a_policy_is_waited_for():
    """A name that no policy bears opens nothing, in either direction."""
    lonely = a_policy("shop/orders", ports=[HTTP], ingress=[{"from": {"service": "web"}}], egress=[TO_PAYMENTS])
    result = compiled(lonely)
    assert (edges_of(result), ingress_of(result), egress_of(result)) == (
        [
            {
                "from": "shop/web",
                "ports": ["8080/TCP"],
                "state": "PendingConsent",
                "reason": "PeerNotFound",
                "message": "no ServiceSecurityPolicy shop/web exists: create it, or correct service or namespace",
            },
            {
                "to": "finance/payments",
                "ports": [],
                "state": "PendingConsent",
                "reason": "PeerNotFound",
                "message": "no ServiceSecurityPolicy finance/payments exists: create it, or correct service or namespace",
            },
        ],
        [],
        [],
    )


def test_a_peer_that_cannot_be_read_has_no_say():
    """An unreadable policy is named as such, not as missing."""
    broken = InvalidPolicy(
        namespace="finance", name="payments", uid="u", generation=1, problem="spec.network.ports.0.port: above 65535"
    )
    result = compiled(orders(), invalid={("finance", "payments"): broken})
    assert edges_of(result)[0]["message"] == (
        "policy finance/payments cannot be read and has no say until it is mended: spec.network.ports.0.port: above 65535"
    )


def test_a_peer_outside_enforced_namespaces_is_reached_and_the_gap_is_told():
    """The peer's mode does not change this side's policy; the status says that the far side is open."""
    result = compiled(orders(), payments("http"), modes={"shop": Mode.ENFORCE, "finance": Mode.AUDIT})
    assert (edges_of(result), egress_of(result)) == (
        [
            {
                "to": "finance/payments",
                "ports": ["8080/TCP"],
                "state": "Applied",
                "message": "namespace finance is in mode Audit, so the other end is not isolated",
            }
        ],
        [{"to": [pods("finance/payments")], "ports": [tcp(8080)]}],
    )


def test_ingress_from_self_opens_both_ways_between_replicas():
    """One policy speaks for both ends: what it admits from itself it may also call."""
    ring = a_policy("shop/ring", ports=[HTTP, GOSSIP], ingress=[{"from": {"self": {}}, "ports": ["gossip"]}])
    result = compiled(ring)
    assert (edges_of(result), ingress_of(result), egress_of(result)) == (
        [{"from": "self", "ports": ["7946/UDP"], "state": "Applied"}],
        [{"from": [pods("shop/ring")], "ports": [udp(7946)]}],
        [{"to": [pods("shop/ring")], "ports": [udp(7946)]}],
    )


def test_egress_to_self_alone_opens_nothing():
    """`ingress` says who may call and nobody else: an egress line does not overrule it."""
    ring = a_policy("shop/ring", ports=[GOSSIP], egress=[{"to": {"self": {}}, "ports": [{"name": "gossip"}]}])
    result = compiled(ring)
    assert (edges_of(result), ingress_of(result), egress_of(result)) == (
        [
            {
                "to": "self",
                "ports": ["7946/UDP"],
                "state": "PendingConsent",
                "reason": "PendingConsent",
                "message": "ingress does not list self on 7946/UDP: add to network.ingress: from: {self: {}}",
            }
        ],
        [],
        [],
    )


def test_egress_to_self_never_narrows_what_ingress_from_self_opens():
    """Adding a rule only widens: the ingress entry decides, the egress entry confirms."""
    ring = a_policy(
        "shop/ring",
        ports=[HTTP, GOSSIP],
        ingress=[{"from": {"self": {}}}],
        egress=[{"to": {"self": {}}, "ports": [{"name": "gossip"}]}],
    )
    result = compiled(ring)
    assert [edge["state"] for edge in edges_of(result)] == ["Applied", "Applied"]
    assert egress_of(result) == [{"to": [pods("shop/ring")], "ports": [udp(7946), tcp(8080)]}]


def test_a_policy_that_names_itself_means_self():
    """`service: <own name>` is the same edge as `self`."""
    named = a_policy("shop/ring", ports=[GOSSIP], ingress=[{"from": {"service": "ring"}}])
    plain = a_policy("shop/ring", ports=[GOSSIP], ingress=[{"from": {"self": {}}}])
    assert compiled(named) == compiled(plain)


def test_neighbours_are_the_other_policies_named():
    """Both directions count, the namespace defaults to the policy's own, and the policy itself is no neighbour."""
    policy = a_policy(
        "shop/orders",
        ports=[HTTP],
        ingress=[{"from": {"service": "web"}}, {"from": {"self": {}}}, {"from": {"internet": {}}}],
        egress=[TO_PAYMENTS, {"to": {"service": "orders"}}],
    )
    assert neighbours(policy) == {("shop", "web"), ("finance", "payments")}

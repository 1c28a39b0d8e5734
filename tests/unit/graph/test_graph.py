"""What the graph says of a set of objects: declared edges with their state, and what is open besides."""

from bartizan.core.network.graph import GraphEdge, focused
from unit.graph.drawing import (
    EVERY_PORT,
    HTTP,
    TCP_8080,
    a_deployment,
    a_network,
    a_network_policy,
    a_service_policy,
    the_shop,
)

PAYMENTS_LACK = "bank/payments does not admit shop/orders: its ingress must list from: {service: orders, namespace: shop}; charge cards"


def edges(network, **focus):
    """Return the edges without DNS."""
    return focused(network.graph(), **focus).edges


def states(network):
    """Return state and open ports of each edge, without DNS."""
    return {(edge.source, edge.target): (edge.state, edge.open) for edge in edges(network)}


def test_declared_edges_carry_what_is_declared_and_what_is_open():
    """An agreed edge is applied and open; one that waits is neither, and says what for."""
    assert edges(the_shop()) == (
        GraphEdge(source="internet", target="shop/web", state="Applied", declared=("8080/TCP",), open=(TCP_8080,)),
        GraphEdge(source="shop/orders", target="bank/payments", state="PendingConsent", reason="PendingConsent", message=PAYMENTS_LACK),
        GraphEdge(source="shop/web", target="shop/orders", state="Applied", declared=("8080/TCP",), open=(TCP_8080,)),
    )  # fmt: skip


def test_a_namespace_alone_keeps_its_neighbours():
    """Only edges with an end in the namespace remain, and the nodes they lead to."""
    part = focused(the_shop().graph(), namespace="bank")
    assert [one.node.id for one in part.nodes] == ["bank/payments", "shop/orders"]
    assert [(edge.source, edge.target) for edge in part.edges] == [("shop/orders", "bank/payments")]


def test_dns_is_shown_only_when_asked_for():
    """Every enforced policy may ask DNS; the picture shows it with --dns only."""
    graph = the_shop().graph()
    asked = [(edge.source, edge.target) for edge in focused(graph, dns=True).edges if edge.target == "dns"]
    assert asked == [("bank/payments", "dns"), ("shop/orders", "dns"), ("shop/web", "dns")]
    assert "dns" not in {one.node.id for one in focused(graph).nodes}


def test_a_namespace_that_is_not_enforced_is_open():
    """With audit nothing isolates payments: the waiting caller is still held by its own side, everybody open gets in."""
    network = a_network(
        a_service_policy("bank/payments"), a_deployment("tools/runner"), modes={"bank": "audit", "tools": None}
    )
    graph = network.graph()
    assert [(one.node.id, one.isolates) for one in graph.nodes if one.node.namespace in {"bank", "tools"}] == [
        ("bank/payments", frozenset()),
        ("tools/deployment/runner", frozenset()),
    ]
    assert focused(graph).edges == ()
    assert network.open_ports("tools/deployment/runner", "bank/payments") == EVERY_PORT


def test_a_foreign_network_policy_is_a_hole_that_shows():
    """What another's NetworkPolicy opens, and no policy declares, is an edge of its own."""
    network = a_network(
        a_service_policy("shop/web"),
        a_deployment("tools/runner"),
        a_network_policy("shop/let-all-in", policyTypes=["Ingress"], ingress=[{}]),
        modes={"tools": None},
    )
    assert states(network) == {
        ("internet", "shop/web"): ("Undeclared", EVERY_PORT),
        ("tools/deployment/runner", "shop/web"): ("Undeclared", EVERY_PORT),
    }


def test_bartizan_s_own_network_policies_in_files_count_as_what_they_would_be_now():
    """An exported ssp-web that says more than the policy does is not believed."""
    exported = a_network_policy("shop/ssp-web", policyTypes=["Ingress"], ingress=[{}])
    exported["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "bartizan"}
    assert states(a_network(a_service_policy("shop/web"), exported)) == {}


def test_live_network_policies_are_believed():
    """In a cluster what is there counts: a policy whose NetworkPolicy is missing is open."""
    network = a_network(a_service_policy("shop/web"), live=True)
    assert network.isolates("shop/web") == frozenset()


def test_workloads_found_by_label_are_the_ones_there_are():
    """A workload peer is drawn as the Deployment it means, and as pods to come where there is none."""
    rule = {"from": {"workload": {"namespace": "tools", "selector": {"matchLabels": {"app": "runner"}}}}}
    policy = a_service_policy("shop/web", ingress=[rule])
    present = a_network(policy, a_deployment("tools/runner"), modes={"tools": None})
    absent = a_network(policy, modes={"tools": None})
    assert states(present) == {("tools/deployment/runner", "shop/web"): ("Applied", (TCP_8080,))}
    assert states(absent) == {("tools/pods app=runner", "shop/web"): ("Applied", (TCP_8080,))}


def test_a_policy_that_is_named_and_missing_is_a_node():
    """A rule about a policy nobody gave leads somewhere: to a node that says so."""
    network = a_network(a_service_policy("shop/web", egress=[{"to": {"service": "ghost"}}]))
    assert network.nodes["shop/ghost"].note == "no such ServiceSecurityPolicy is given"
    assert states(network) == {("shop/web", "shop/ghost"): ("PendingConsent", ())}


def test_a_policy_without_pods_says_so_where_pods_are_given():
    """Policies alone are judged by their selectors; among workloads, one that selects none of them is worth a word."""
    alone = a_network(a_service_policy("shop/web"))
    among = a_network(a_service_policy("shop/web"), a_deployment("shop/api"))
    assert (alone.nodes["shop/web"].note, among.nodes["shop/web"].note) == ("", "nothing runs under it")


def test_a_policy_that_cannot_be_read_has_no_say():
    """It is a node with its problem; the other policies go on."""
    broken = a_service_policy("shop/api")
    broken["spec"]["network"]["ports"] = [{"name": "http", "port": 0}]
    network = a_network(broken, a_service_policy("shop/web"))
    assert network.nodes["shop/api"].note.startswith("cannot be read: spec.network.ports[0].port: ")
    assert "shop/web" in network.nodes


def test_one_edge_of_two_rules_is_degraded_when_one_of_them_waits():
    """Rules about the same peer meet in one edge; what is open is open, what waits is said."""
    consumer = a_service_policy(
        "shop/web",
        egress=[
            {"to": {"service": "api"}, "ports": [{"name": "http"}]},
            {"to": {"service": "api"}, "ports": [{"name": "admin"}]},
        ],
    )
    provider = a_service_policy(
        "shop/api",
        ports=[HTTP, {"name": "admin", "port": 9000}],
        ingress=[{"from": {"service": "web"}, "ports": ["http"]}],
    )
    (edge,) = edges(a_network(consumer, provider))
    assert (edge.state, edge.reason, edge.declared, edge.open) == (
        "Degraded",
        "PendingConsent",
        ("8080/TCP",),
        (TCP_8080,),
    )


def test_a_block_within_the_internet_is_not_a_hole():
    """Where the internet may call, a smaller block that others name may too, and is not drawn again."""
    network = a_network(
        a_service_policy("shop/web", ingress=[{"from": {"internet": {}}}]),
        a_service_policy("shop/out", egress=[{"to": {"cidr": "203.0.113.0/24"}, "ports": [{"port": 443}]}]),
    )
    assert set(states(network)) == {("internet", "shop/web"), ("shop/out", "cidr/203.0.113.0/24")}


def test_what_had_to_be_assumed_is_said():
    """Namespaces and addresses that no object describes are named, with the way to describe them."""
    from bartizan.core.network.graph_landscape import Assumptions, read_landscape

    policy = a_service_policy("shop/web")
    assert read_landscape([policy], Assumptions()).notes == (
        "Namespace shop is not given and counts as not governed, so open: give its object, or --assume-enforced",
        "the cluster's addresses are not given: private ranges are assumed; --cluster-cidr names them",
    )
    assert read_landscape([policy], Assumptions(enforced=True, cluster_cidrs=("10.0.0.0/8",))).notes == (
        "Namespace shop is not given and counts as enforced",
    )

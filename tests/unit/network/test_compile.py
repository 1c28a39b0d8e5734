"""The NetworkPolicy as a whole: isolation, DNS, canonical form, ownership."""

from bartizan.core.emit import owned_by, same_intent
from bartizan.core.model import ClusterRanges
from bartizan.core.network.compile import baseline_policy, compile_network
from unit.network.building import DNS_RULE, GRPC, HTTP, a_policy, a_world, compiled, pods, tcp, udp


def test_a_policy_without_network_is_isolated_and_may_ask_dns():
    """Both directions are isolated, nothing is admitted, and only the cluster's DNS pods can be asked."""
    policy = a_policy("shop/orders")
    meant = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "ssp-orders", "namespace": "shop"},
        "spec": {
            "podSelector": {"matchLabels": {"app": "orders"}},
            "policyTypes": ["Ingress", "Egress"],
            "egress": [DNS_RULE],
        },
    }
    result = compiled(policy, ranges=ClusterRanges())
    assert (result.network_policy, result.edges) == (owned_by(policy, meant), ())


def test_the_baseline_isolates_every_pod_both_ways():
    """It selects all pods, names both directions and has no rule, not even for DNS."""
    item = baseline_policy("shop")
    digest = item["metadata"].pop("annotations")
    assert (item, sorted(digest)) == (
        {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {
                "name": "bartizan-baseline",
                "namespace": "shop",
                "labels": {"app.kubernetes.io/managed-by": "bartizan"},
            },
            "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
        },
        ["bartizan.dev/desired-hash"],
    )


def test_dns_is_the_pods_the_service_and_the_baselines_addresses():
    """Pods by namespace and labels in one element, addresses as blocks, UDP and TCP 53, and never metadata."""
    dns = {
        "namespace": "dns",
        "selector": {"matchLabels": {"app": "coredns"}},
        "addresses": ["169.254.20.10/32", "169.254.169.254/32", "169.254.169.252/30"],
    }
    ranges = ClusterRanges(dns_addresses=("10.96.0.10/32", "fd00:96::a/128"))
    result = compiled(a_policy("shop/orders"), ranges=ranges, baseline={"dns": dns})
    assert result.network_policy["spec"]["egress"] == [
        {
            "to": [
                {"ipBlock": {"cidr": "10.96.0.10/32"}},
                {"ipBlock": {"cidr": "169.254.169.252/30", "except": ["169.254.169.252/32", "169.254.169.254/32"]}},
                {"ipBlock": {"cidr": "169.254.20.10/32"}},
                {"ipBlock": {"cidr": "fd00:96::a/128"}},
                pods("dns/coredns"),
            ],
            "ports": [tcp(53), udp(53)],
        }
    ]


def test_peers_with_the_same_ports_share_a_rule():
    """A rule is a set of peers times a set of ports; peers with other ports get their own rule."""
    callers = [
        a_policy(f"shop/{name}", egress=[{"to": {"service": "api"}, "ports": [{"name": p} for p in names]}])
        for name, names in {"web": ["http"], "app": ["http"], "admin": ["http", "grpc"]}.items()
    ]
    ingress = [{"from": {"service": policy.name}} for policy in callers]
    result = compiled(a_policy("shop/api", ports=[HTTP, GRPC], ingress=ingress), *callers)
    assert result.network_policy["spec"]["ingress"] == [
        {"from": [pods("shop/app"), pods("shop/web")], "ports": [tcp(8080)]},
        {"from": [pods("shop/admin")], "ports": [tcp(8080), tcp(9090)]},
    ]


def test_the_order_in_which_a_policy_is_written_changes_nothing():
    """Rules, ports, labels and the snapshot's order may be shuffled: object and edges stay the same."""
    blocks = [{"to": {"cidr": cidr}, "ports": [{"port": 443}]} for cidr in ("198.51.100.0/24", "192.0.2.0/24")]
    calls = [{"to": {"service": "api"}, "ports": [{"name": "grpc"}, {"name": "http"}]}, *blocks]
    turned = [blocks[1], blocks[0], {"to": {"service": "api"}, "ports": [{"name": "http"}, {"name": "grpc"}]}]
    api = a_policy("shop/api", ports=[HTTP, GRPC], ingress=[{"from": {"service": "web"}}])
    one, two = a_policy("shop/web", egress=calls), a_policy("shop/web", egress=turned)
    assert compile_network(one, a_world(one, api)) == compile_network(two, a_world(api, two))


def test_the_same_rule_twice_is_one_edge():
    """Repeating a rule changes neither the object nor the status."""
    rule = {"to": {"cidr": "192.0.2.0/24"}, "ports": [{"port": 443}]}
    assert compiled(a_policy("shop/web", egress=[rule, rule])) == compiled(a_policy("shop/web", egress=[rule]))


def test_nothing_is_written_that_the_api_server_would_drop():
    """Empty lists are left out, so that what comes back from the API server still says everything that was meant."""

    def without_empty(value):
        if isinstance(value, dict):
            return {k: without_empty(v) for k, v in value.items() if v != []}
        return [without_empty(v) for v in value] if isinstance(value, list) else value

    for item in (compiled(a_policy("shop/orders")).network_policy, baseline_policy("shop")):
        assert same_intent(item, without_empty(item))

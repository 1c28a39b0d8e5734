"""Defects of another operator that concern DNS, names, the API server and addresses, each held against this one.

The numbers are those of the list the project keeps of them. Each test is the situation in which the defect shows.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

from bartizan.core.model import ClusterRanges, ResolvedName
from bartizan.core.network.compile import compile_network
from bartizan.core.network.names import GRACE, Answer, remember
from bartizan.core.network.semantics import Endpoint, ExternalEndpoint, Flow, allows
from unit.network.building import RANGES, a_policy, a_world, compiled, edges_of

POD = Endpoint(
    namespace="shop",
    name="orders-0",
    ip="10.244.0.9",
    labels={"app": "orders"},
    namespace_labels={"kubernetes.io/metadata.name": "shop"},
)
NAME = "api.example.com"
CALLS_NAME = a_policy("shop/orders", egress=[{"to": {"fqdn": NAME}, "ports": [{"port": 443}]}])


def open_to(result, ip, port, protocol="TCP"):
    """Whether the policy's pods reach an outside address."""
    flow = Flow(source=POD, destination=ExternalEndpoint(ip=ip), port=port, protocol=protocol)
    return allows(flow, [result.network_policy]).allowed


def named(*addresses, policy=CALLS_NAME):
    """What the policy comes to with these answers of DNS."""
    names = {NAME: ResolvedName(name=NAME, addresses=addresses)}
    return compile_network(policy, replace(a_world(policy), names=names))


def test_dns_is_not_any_resolver_on_earth():
    """Section 1: port 53 is open to the cluster's DNS and to nobody else, by UDP and by TCP."""
    ranges = replace(RANGES, dns_addresses=("10.96.0.10/32",))
    result = compiled(a_policy("shop/orders"), ranges=ranges)
    reached = {
        (ip, protocol)
        for ip in ("10.96.0.10", "8.8.8.8", "203.0.113.53", "2001:4860:4860::8888", "192.168.7.4")
        for protocol in ("UDP", "TCP")
        if open_to(result, ip, 53, protocol)
    }
    assert reached == {("10.96.0.10", "UDP"), ("10.96.0.10", "TCP")}


def test_d8_an_ipv6_api_server_is_one_address():
    """D8: an IPv6 endpoint is a /128, never a /32 of IPv6 space; and clients that dial the Service on 443 get through."""
    ways = (("10.96.0.1/32", 443), ("2001:db8::7/128", 6443), ("fd00:96::1/128", 443))
    policy = a_policy("shop/orders", egress=[{"to": {"kubernetesAPI": {}}}])
    result = compiled(policy, ranges=ClusterRanges(pods=RANGES.pods, api_server=ways))
    blocks = [
        peer["ipBlock"]["cidr"]
        for rule in result.network_policy["spec"]["egress"]
        for peer in rule["to"]
        if "ipBlock" in peer
    ]
    assert {ip_network(block).num_addresses for block in blocks} == {1}
    assert [
        open_to(result, ip, port) for ip, port in (("10.96.0.1", 443), ("2001:db8::7", 6443), ("fd00:96::1", 443))
    ] == [True] * 3
    assert [
        open_to(result, ip, port) for ip, port in (("10.96.0.1", 6443), ("2001:db8::7", 443), ("2001:db8::8", 6443))
    ] == [False] * 3


def test_d9_one_unresolved_name_cuts_nothing_else():
    """D9: a name that cannot be resolved leaves the policy's other edges, and their removal, as they are."""
    other = {"to": {"cidr": "198.51.100.0/24"}, "ports": [{"port": 5432}]}
    broken = {"to": {"fqdn": "gone.example.com"}, "ports": [{"port": 443}]}
    result = compiled(a_policy("shop/orders", egress=[other, broken]))
    assert [edge["state"] for edge in edges_of(result)] == ["Applied", "Degraded"]
    assert open_to(result, "198.51.100.9", 5432)
    assert not open_to(compiled(a_policy("shop/orders", egress=[broken])), "198.51.100.9", 5432)


def test_d10_addresses_go_when_their_time_is_over():
    """D10: what DNS no longer names is closed although the name stays declared."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    first = remember(None, NAME, Answer(addresses=("93.184.215.14",), ttl=timedelta(seconds=30)), start)
    later = start + timedelta(seconds=30) + GRACE
    second = remember(first, NAME, Answer(addresses=("93.184.215.15",), ttl=timedelta(seconds=30)), later)
    assert [open_to(named(*memory.resolved.addresses), "93.184.215.14", 443) for memory in (first, second)] == [
        True,
        False,
    ]
    assert open_to(named(*second.resolved.addresses), "93.184.215.15", 443)


def test_d11_an_answer_counts_for_its_own_name_only():
    """D11: no cache of answers seen somewhere: an address of another name, or a poisoned private one, opens nothing."""
    names = {
        "evil.example.com": ResolvedName(name="evil.example.com", addresses=("93.184.215.99",)),
        NAME: ResolvedName(name=NAME, addresses=("10.244.0.7", "169.254.169.254")),
    }
    result = compile_network(CALLS_NAME, replace(a_world(CALLS_NAME), names=names))
    assert [open_to(result, ip, 443) for ip in ("93.184.215.99", "10.244.0.7", "169.254.169.254")] == [False] * 3


def test_d15_no_port_is_added_beside_the_one_meant():
    """D15: the API server's endpoints are not open on the Service's port, nor the Service on theirs; DNS pods only on their own."""
    ranges = replace(
        RANGES, dns_ports=((5353, "TCP"), (5353, "UDP")), api_server=(("10.96.0.1/32", 443), ("192.0.2.7/32", 6443))
    )
    result = compiled(a_policy("shop/orders", egress=[{"to": {"kubernetesAPI": {}}}]), ranges=ranges)
    dns = Endpoint(
        namespace="kube-system",
        name="dns",
        ip="10.244.0.2",
        labels={"k8s-app": "kube-dns"},
        namespace_labels={"kubernetes.io/metadata.name": "kube-system"},
    )
    ports = [
        port
        for port in (53, 443, 5353, 6443)
        if allows(Flow(source=POD, destination=dns, port=port), [result.network_policy]).allowed
    ]
    assert ports == [5353]
    assert [open_to(result, "192.0.2.7", port) for port in (443, 6443)] == [False, True]


def test_names_have_a_protocol():
    """Section 1: the ports of a name are of the protocol declared, UDP as well as TCP."""
    policy = a_policy("shop/orders", egress=[{"to": {"fqdn": NAME}, "ports": [{"port": 443, "protocol": "UDP"}]}])
    result = named("93.184.215.14", policy=policy)
    assert [open_to(result, "93.184.215.14", 443, protocol) for protocol in ("UDP", "TCP")] == [True, False]

"""Where the cluster's own servers listen, read from Services, EndpointSlices and the node-local cache's arguments."""

import pytest

from bartizan.api.v1alpha1 import SecurityBaselineSpec
from bartizan.core.endpoints import api_server_ways, dns_ports, node_local_addresses
from bartizan.core.model import ClusterRanges
from bartizan.core.views import read_ranges
from unit.network.building import DNS_PODS, RANGES, a_policy, compiled, tcp, udp


def a_dns_service(*ports, name="kube-dns", namespace="kube-system"):
    """The Service of the DNS pods, with ports as (name, target, protocol)."""
    entries = [
        {"name": n, "port": 53, "protocol": p} | ({"targetPort": t} if t is not None else {}) for n, t, p in ports
    ]
    spec = {"selector": {"k8s-app": "kube-dns"}, "clusterIPs": ["10.96.0.10"], "ports": entries}
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec}


def a_slice(service, *ports, namespace="kube-system", addresses=(), family="IPv4"):
    """An EndpointSlice of a Service, with ports as (name, number, protocol)."""
    return {
        "metadata": {"name": f"{service}-x", "namespace": namespace, "labels": {"kubernetes.io/service-name": service}},
        "addressType": family,
        "endpoints": [{"addresses": list(addresses)}],
        "ports": [{"name": name, "port": number, "protocol": protocol} for name, number, protocol in ports],
    }


OPENSHIFT = a_slice("kube-dns", ("dns", 5353, "UDP"), ("dns-tcp", 5353, "TCP"))
TARGETS = {
    "none given: the port itself": ([("dns", None, "UDP"), ("dns-tcp", None, "TCP")], [], ((53, "TCP"), (53, "UDP"))),
    "a number": ([("dns", 1053, "UDP"), ("dns-tcp", 1053, "TCP")], [], ((1053, "TCP"), (1053, "UDP"))),
    "a name, as its slice resolves it": ([("dns", "dns", "UDP"), ("dns-tcp", "dns-tcp", "TCP")], [OPENSHIFT], ((5353, "TCP"), (5353, "UDP"))),
    "two versions of the pods at once": ([("dns", "dns", "UDP")], [OPENSHIFT, a_slice("kube-dns", ("dns", 53, "UDP"))], ((53, "UDP"), (5353, "UDP"))),
    "another Service's slice tells nothing": ([("dns", "dns", "UDP")], [a_slice("other", ("dns", 5353, "UDP"))], ()),
    "another namespace's slice tells nothing": ([("dns", "dns", "UDP")], [a_slice("kube-dns", ("dns", 9, "UDP"), namespace="shop")], ()),
    "metrics beside it are not DNS": ([("dns", 53, "UDP"), ("quic", 853, "SCTP")], [], ((53, "UDP"),)),
}  # fmt: skip


@pytest.mark.parametrize("case", TARGETS)
def test_the_ports_of_the_dns_pods(case):
    """The Service's target ports, by number or as the EndpointSlices resolve a name; nothing else."""
    ports, slices, found = TARGETS[case]
    assert dns_ports([a_dns_service(*ports)], slices) == found


def test_only_port_53_of_the_service_is_dns():
    """A metrics port of the same Service opens nothing."""
    service = a_dns_service(("dns", 53, "UDP"))
    service["spec"]["ports"].append({"name": "metrics", "port": 9153, "protocol": "TCP", "targetPort": 9153})
    assert dns_ports([service], []) == ((53, "UDP"),)


def a_cache(*words, namespace="kube-system", label="node-local-dns"):
    """The DaemonSet of a node-local cache with a container's arguments."""
    container = {"name": "node-cache", "args": list(words)}
    labels = {"k8s-app": label}
    return {
        "metadata": {"name": "node-local-dns", "namespace": namespace, "labels": labels},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }


CACHES = {
    "one address": (a_cache("-localip", "169.254.20.10", "-conf", "/etc/Corefile"), ("169.254.20.10",)),
    "with the Service's own": (a_cache("-localip", "169.254.20.10,10.96.0.10"), ("169.254.20.10", "10.96.0.10")),
    "with an equals sign": (a_cache("--localip=fd00:90::a"), ("fd00:90::a",)),
    "no such argument": (a_cache("-conf", "/etc/Corefile"), ()),
    "an argument without value": (a_cache("-localip"), ()),
    "a block is no address": (a_cache("-localip", "0.0.0.0/0"), ()),
    "a DaemonSet of another namespace": (a_cache("-localip", "169.254.20.10", namespace="shop"), ()),
    "another DaemonSet": (a_cache("-localip", "169.254.20.10", label="other"), ()),
}


@pytest.mark.parametrize("case", CACHES)
def test_the_addresses_of_a_node_local_cache(case):
    """What its -localip argument lists, in the DNS namespace only."""
    item, found = CACHES[case]
    assert node_local_addresses([item], "kube-system") == found


API = {
    "metadata": {"name": "kubernetes", "namespace": "default"},
    "spec": {"clusterIPs": ["10.96.0.1", "fd00:96::1"], "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}]},
}  # fmt: skip


def test_every_way_to_the_api_server():
    """The Service's addresses on its port, every endpoint on its own; other Services' slices do not count."""
    slices = [
        a_slice("kubernetes", ("https", 6443, "TCP"), namespace="default", addresses=("192.0.2.1", "192.0.2.2")),
        a_slice("kubernetes", ("https", 6443, "TCP"), namespace="default", addresses=("2001:db8::1",), family="IPv6"),
        a_slice("kubernetes", ("https", 1, "TCP"), namespace="shop", addresses=("198.51.100.6",)),
        a_slice("other", ("https", 2, "TCP"), namespace="default", addresses=("198.51.100.7",)),
    ]
    assert api_server_ways([API, a_dns_service(("dns", 53, "UDP"))], slices) == (
        ("10.96.0.1", 443),
        ("192.0.2.1", 6443),
        ("192.0.2.2", 6443),
        ("2001:db8::1", 6443),
        ("fd00:96::1", 443),
    )


def test_ranges_hold_all_of_it():
    """One reading of the cluster gives DNS ports, the cache's address and the ways to the API server, as blocks."""
    found = read_ranges(
        nodes=[],
        service_cidrs=[],
        services=[API, a_dns_service(("dns", "dns", "UDP"), ("dns-tcp", "dns-tcp", "TCP"))],
        baseline=SecurityBaselineSpec(),
        slices=[
            OPENSHIFT,
            a_slice("kubernetes", ("https", 6443, "TCP"), namespace="default", addresses=("2001:db8::1",)),
        ],
        daemon_sets=[a_cache("-localip", "169.254.20.10,10.96.0.10")],
    )
    assert found == ClusterRanges(
        dns_addresses=("10.96.0.10/32", "169.254.20.10/32"),
        dns_ports=((5353, "TCP"), (5353, "UDP")),
        api_server=(("10.96.0.1/32", 443), ("2001:db8::1/128", 6443), ("fd00:96::1/128", 443)),
    )


def test_dns_pods_are_open_where_they_listen_and_addresses_on_53():
    """After rewriting the pods' own port counts, before it the Service's: each peer gets its own."""
    ranges = ClusterRanges(
        pods=RANGES.pods, dns_addresses=("10.96.0.10/32", "169.254.20.10/32"), dns_ports=((5353, "TCP"), (5353, "UDP"))
    )
    assert compiled(a_policy("shop/orders"), ranges=ranges).network_policy["spec"]["egress"] == [
        {"to": [{"ipBlock": {"cidr": "10.96.0.10/32"}}, {"ipBlock": {"cidr": "169.254.20.10/32"}}], "ports": [tcp(53), udp(53)]},
        {"to": [DNS_PODS], "ports": [tcp(5353), udp(5353)]},
    ]  # fmt: skip

"""Peers without a policy: pods by label, blocks, the internet; and the rules that open nothing."""

import pytest

from bartizan.core.model import ClusterRanges
from unit.network.building import HTTP, RANGES, a_policy, compiled, edges_of, egress_of, ingress_of, pods, tcp, udp

V4_HOLES = [
    "10.96.0.0/16",
    "10.244.0.0/16",
    "100.100.100.200/32",
    "168.63.129.16/32",
    "169.254.0.0/16",
    "192.0.0.192/32",
    "192.168.7.4/32",
]
V6_HOLES = [
    "::a9fe:a9fe/128",
    "64:ff9b::a9fe:a9fe/128",
    "fd00:c1::a9fe:a9fe/128",
    "fd00:ec2::23/128",
    "fd00:ec2::254/128",
    "fd20:ce::254/128",
    "fe80::/10",
]
INTERNET = [
    {"ipBlock": {"cidr": "0.0.0.0/0", "except": V4_HOLES}},
    {"ipBlock": {"cidr": "::/0", "except": V6_HOLES}},
]
HIDDEN = "link-local and cloud metadata addresses stay closed: "


def calling(to, *ports, **world):
    """Return edges and rules of a policy with one egress rule."""
    result = compiled(a_policy("shop/orders", egress=[{"to": to, "ports": list(ports) or [{"port": 443}]}]), **world)
    return edges_of(result), egress_of(result)


CIDRS = [
    ("a block as it is", "198.51.100.0/24", [], "Applied", None, None, {"cidr": "198.51.100.0/24"}),
    ("the user's except is kept", "198.51.100.0/24", ["198.51.100.7/32"], "Applied", None, None, {"cidr": "198.51.100.0/24", "except": ["198.51.100.7/32"]}),
    ("the user's excepts are merged", "198.51.100.0/24", ["198.51.100.1/32", "198.51.100.0/32", "198.51.100.0/31"], "Applied", None, None, {"cidr": "198.51.100.0/24", "except": ["198.51.100.0/31"]}),
    ("metadata is cut out of a wide block", "169.240.0.0/12", [], "Degraded", "MetadataClosed", HIDDEN + "169.254.0.0/16", {"cidr": "169.240.0.0/12", "except": ["169.254.0.0/16"]}),
    ("metadata the user has already cut out is no surprise", "169.240.0.0/12", ["169.254.0.0/16"], "Applied", None, None, {"cidr": "169.240.0.0/12", "except": ["169.254.0.0/16"]}),
    ("a user's except inside what is closed is swallowed", "169.240.0.0/12", ["169.254.169.254/32"], "Degraded", "MetadataClosed", HIDDEN + "169.254.0.0/16", {"cidr": "169.240.0.0/12", "except": ["169.254.0.0/16"]}),
    ("IPv6 metadata is cut out of unique local addresses", "fd00::/16", [], "Degraded", "MetadataClosed", HIDDEN + "fd00:c1::a9fe:a9fe/128, fd00:ec2::23/128, fd00:ec2::254/128", {"cidr": "fd00::/16", "except": ["fd00:c1::a9fe:a9fe/128", "fd00:ec2::23/128", "fd00:ec2::254/128"]}),
    ("IPv6 link-local is cut out of everything", "::/0", [], "Degraded", "MetadataClosed", HIDDEN + ", ".join(V6_HOLES), {"cidr": "::/0", "except": V6_HOLES}),
    ("the metadata address itself", "169.254.169.254/32", [], "Denied", "MetadataClosed", "169.254.169.254/32 holds nothing but link-local and cloud metadata addresses", None),
    *((f"the metadata address {one}", one, [], "Denied", "MetadataClosed", f"{one} holds nothing but link-local and cloud metadata addresses", None) for one in ("168.63.129.16/32", "192.0.0.192/32", "64:ff9b::a9fe:a9fe/128", "::a9fe:a9fe/128")),
    ("a link-local block", "169.254.10.0/24", [], "Denied", "MetadataClosed", "169.254.10.0/24 holds nothing but link-local and cloud metadata addresses", None),
    ("the IPv6 metadata address itself", "fd00:ec2::254/128", [], "Denied", "MetadataClosed", "fd00:ec2::254/128 holds nothing but link-local and cloud metadata addresses", None),
    ("nothing left beside the user's except", "169.254.0.0/15", ["169.255.0.0/16"], "Denied", "MetadataClosed", "169.254.0.0/15 holds nothing but link-local and cloud metadata addresses", None),
    ("an except of the whole block", "198.51.100.0/24", ["198.51.100.0/25", "198.51.100.128/25"], "Denied", "InvalidSpec", "except leaves nothing of 198.51.100.0/24", None),
    ("an except outside the block", "198.51.100.0/24", ["10.0.0.0/8"], "Denied", "InvalidSpec", "except 10.0.0.0/8 is not a block inside 198.51.100.0/24", None),
    ("IPv4 in IPv6 clothing", "::ffff:0:0/96", [], "Denied", "InvalidSpec", "cidr ::ffff:0:0/96 is not a block such as 203.0.113.0/24 or 2001:db8::/32 (IPv4 inside IPv6 is not taken)", None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("cidr", "holes", "state", "reason", "message", "block"), [c[1:] for c in CIDRS], ids=[c[0] for c in CIDRS]
)
def test_a_block_is_opened_less_what_is_closed_to_everybody(cidr, holes, state, reason, message, block):
    """Blocks stand as declared, link-local and metadata are cut out, and what cannot be read opens nothing."""
    edge = {"to": f"cidr/{cidr}", "ports": ["443/TCP"], "state": state}
    edge |= ({"reason": reason} if reason else {}) | ({"message": message} if message else {})
    rules = [{"to": [{"ipBlock": block}], "ports": [tcp(443)]}] if block else []
    assert calling({"cidr": cidr, "except": holes}) == ([edge], rules)


def test_the_internet_is_both_families_less_the_cluster():
    """Pods, Services, nodes, link-local and metadata are cut out, each in its family, merged and sorted."""
    assert calling({"internet": {}}) == (
        [{"to": "internet", "ports": ["443/TCP"], "state": "Applied"}],
        [{"to": INTERNET, "ports": [tcp(443)]}],
    )


def test_the_internet_may_call_when_admitted():
    """The same blocks are sources for an ingress rule."""
    result = compiled(a_policy("shop/web", ports=[HTTP], ingress=[{"from": {"internet": {}}}]))
    assert (edges_of(result), ingress_of(result)) == (
        [{"from": "internet", "ports": ["8080/TCP"], "state": "Applied"}],
        [{"from": INTERNET, "ports": [tcp(8080)]}],
    )


def test_the_baselines_ranges_count_as_inside_the_cluster():
    """The baseline's clusterCIDRs join the ranges read from the cluster, and all are merged."""
    _, rules = calling({"internet": {}}, baseline={"clusterCIDRs": ["10.0.0.0/8", "2001:db8::/64"]})
    assert rules[0]["to"] == [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", *V4_HOLES[2:]]}},
        {"ipBlock": {"cidr": "::/0", "except": [*V6_HOLES[:2], "2001:db8::/64", *V6_HOLES[2:]]}},
    ]


INTERNET_DENIED = [
    ("the baseline forbids it", {"internet": {}}, RANGES, {"internet": "Forbid"}, "internet", "ForbiddenByBaseline", "SecurityBaseline default forbids the peer internet (network.internet: Forbid): name the blocks needed by cidr"),
    ("the baseline forbids it under its other IPv4 name", {"cidr": "0.0.0.0/0"}, RANGES, {"internet": "Forbid"}, "cidr/0.0.0.0/0", "ForbiddenByBaseline", "SecurityBaseline default forbids the peer internet (network.internet: Forbid): name the blocks needed by cidr"),
    ("the baseline forbids it under its other IPv6 name", {"cidr": "::/0"}, RANGES, {"internet": "Forbid"}, "cidr/::/0", "ForbiddenByBaseline", "SecurityBaseline default forbids the peer internet (network.internet: Forbid): name the blocks needed by cidr"),
    ("nobody knows where the pods are", {"internet": {}}, ClusterRanges(services=("10.96.0.0/16",)), {}, "internet", "RangesUnknown", "no Node tells the pods' range: list it in SecurityBaseline default, network.clusterCIDRs"),
    ("a range of the cluster cannot be read", {"internet": {}}, ClusterRanges(pods=("10.244.0.0",)), {}, "internet", "RangesUnknown", "the cluster's range 10.244.0.0 is not an IPv4 or IPv6 block: correct network.clusterCIDRs"),
    ("the cluster claims every address", {"internet": {}}, ClusterRanges(pods=("0.0.0.0/0", "::/0")), {}, "internet", "RangesUnknown", "the cluster's ranges hold every address: correct clusterCIDRs"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("to", "ranges", "baseline", "name", "reason", "message"),
    [c[1:] for c in INTERNET_DENIED],
    ids=[c[0] for c in INTERNET_DENIED],
)
def test_the_internet_stays_closed_when(to, ranges, baseline, name, reason, message):
    """Where the outside cannot be told from the inside, or may not be named, nothing is opened."""
    edge = {"to": name, "ports": ["443/TCP"], "state": "Denied", "reason": reason, "message": message}
    assert calling(to, ranges=ranges, baseline=baseline) == ([edge], [])


def test_a_family_that_is_all_cluster_is_left_out():
    """A block of which nothing is left is not written."""
    _, rules = calling({"internet": {}}, ranges=ClusterRanges(pods=("10.244.0.0/16", "::/0")))
    assert [peer["ipBlock"]["cidr"] for peer in rules[0]["to"]] == ["0.0.0.0/0"]


def test_pods_without_a_policy_are_named_by_namespace_and_labels_together():
    """Namespace and labels stand in one element, both ways, and the labels are shown."""
    runner = {"workload": {"namespace": "tools", "selector": {"matchLabels": {"app": "runner"}}}}
    policy = a_policy(
        "shop/web",
        ports=[HTTP],
        ingress=[{"from": runner}],
        egress=[{"to": runner, "ports": [{"port": 6000, "endPort": 6010, "protocol": "UDP"}]}],
    )
    result = compiled(policy)
    assert (edges_of(result), ingress_of(result), egress_of(result)) == (
        [
            {"from": "workload/tools", "ports": ["8080/TCP"], "state": "Applied", "message": "pods with app=runner"},
            {"to": "workload/tools", "ports": ["6000-6010/UDP"], "state": "Applied", "message": "pods with app=runner"},
        ],
        [{"from": [pods("tools/runner")], "ports": [tcp(8080)]}],
        [{"to": [pods("tools/runner")], "ports": [udp(6000, 6010)]}],
    )


NO_LABELS = "workload.selector is empty and would mean every pod of the namespace: name at least one label"
UNREADABLE = [
    ("no peer at all", {}, [{"port": 1}], "unknown", "a peer names exactly one of service, workload, self, gateway, internet, cidr, fqdn, kubernetesAPI, cloudMetadata; this one names none"),
    ("two peers in one entry", {"service": "web", "internet": {}}, [{"port": 1}], "shop/web", "a peer names exactly one of service, workload, self, gateway, internet, cidr, fqdn, kubernetesAPI, cloudMetadata; this one names service, internet"),
    ("pods with any labels", {"workload": {"namespace": "tools", "selector": {}}}, [{"port": 1}], "workload/tools", NO_LABELS),
    ("a block without ports", {"cidr": "198.51.100.0/24"}, [], "cidr/198.51.100.0/24", "ports must be listed for this kind of peer: an edge without ports would be open on all of them"),
    ("the internet without ports", {"internet": {}}, [], "internet", "ports must be listed for this kind of peer: an edge without ports would be open on all of them"),
    ("a port name at a block", {"cidr": "198.51.100.0/24"}, [{"name": "https"}], "cidr/198.51.100.0/24", "the port name https means nothing at this kind of peer: give the number"),
    ("a range that runs backwards", {"internet": {}}, [{"port": 9, "endPort": 1}], "internet", "a port is given by exactly one of name or port, and endPort must not be below port"),
    ("a port that is nothing", {"service": "web"}, [{}], "shop/web", "a port is given by exactly one of name or port, and endPort must not be below port"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("to", "ports", "name", "message"), [c[1:] for c in UNREADABLE], ids=[c[0] for c in UNREADABLE]
)
def test_an_egress_rule_that_cannot_be_read_opens_nothing(to, ports, name, message):
    """What the CRD would have refused is refused here too, with the fix."""
    result = compiled(a_policy("shop/orders", egress=[{"to": to, "ports": ports}]))
    edge = {"to": name, "ports": [], "state": "Denied", "reason": "InvalidSpec", "message": message}
    assert (edges_of(result), egress_of(result)) == ([edge], [])


UNREADABLE_INGRESS = [
    ("no own ports", [], {"from": {"internet": {}}}, "ingress needs network.ports: list the ports on which the service listens"),
    ("an own port that does not exist", [HTTP], {"from": {"internet": {}}, "ports": ["http", "admin"]}, "network.ports has no port admin: correct the name, or list the port"),
    ("a peer that is two", [HTTP], {"from": {"internet": {}, "self": {}}}, "a peer names exactly one of service, workload, self, gateway, internet, cidr, fqdn, kubernetesAPI, cloudMetadata; this one names self, internet"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("ports", "rule", "message"), [c[1:] for c in UNREADABLE_INGRESS], ids=[c[0] for c in UNREADABLE_INGRESS]
)
def test_an_ingress_rule_that_cannot_be_read_opens_nothing(ports, rule, message):
    """A rule is opened whole or not at all when its own side is wrong."""
    result = compiled(a_policy("shop/web", ports=ports, ingress=[rule]))
    assert (edges_of(result)[0]["state"], edges_of(result)[0]["message"], ingress_of(result)) == ("Denied", message, [])


def test_a_policy_that_would_select_every_pod_opens_nothing():
    """An empty selector of its own voids a policy's rules, and its name in others' rules."""
    void = a_policy(
        "shop/web", selector={}, ports=[HTTP], ingress=[{"from": {"internet": {}}}, {"from": {"service": "orders"}}]
    )
    orders = a_policy("shop/orders", egress=[{"to": {"service": "web"}}])
    assert (ingress_of(compiled(void, orders)), egress_of(compiled(orders, void))) == ([], [])
    assert edges_of(compiled(orders, void))[0]["message"] == f"policy shop/web cannot be used: {NO_LABELS}"

"""A NetworkPolicy and the CiliumNetworkPolicy beside it allow together what is declared, and nothing else.

Cilium's side is read naively from its documentation: allows of both objects add up, a denial stands above all of them, a name
stands for whatever address DNS answers, and `*` in a pattern for characters of one label.
"""

import re
from dataclasses import replace
from ipaddress import ip_address, ip_network

from hypothesis import example, given, settings
from hypothesis import strategies as st

from bartizan.core.capabilities import Capabilities
from bartizan.core.model import ClusterRanges
from bartizan.core.network.backends.plan import carried
from bartizan.core.network.compile import compile_network
from bartizan.core.network.ranges import CLOSED
from bartizan.core.network.semantics import Endpoint, ExternalEndpoint, Flow, allows
from bartizan.testing.builders import a_policy_view, a_snapshot

RANGES = ClusterRanges(pods=("10.244.0.0/16",), services=("10.96.0.0/16",), nodes=("192.168.7.4/32",))
POD = Endpoint(
    namespace="shop",
    name="orders",
    ip="10.244.0.9",
    labels={"app": "orders"},
    namespace_labels={"kubernetes.io/metadata.name": "shop"},
)
PUBLIC = ("198.51.100.7", "203.0.113.20", "2606:4700::1111")
PRIVATE = ("10.20.0.1", "10.20.5.1", "172.16.9.9", "169.254.169.254", "100.100.100.200", "fd00:ec2::254", "fd12::1")
ADDRESSES = (*PUBLIC, *PRIVATE)
NAMES = ("api.example.com", "a.cdn.example.com", "b.a.cdn.example.com", "cdn.example.com", "api.example.org")
PORTS = (25, 443, 444, 8443)

ports = st.sampled_from(
    [
        [{"port": 443}],
        [{"port": 440, "endPort": 450}],
        [{"port": 25}, {"port": 443}],
        [{"port": 443, "protocol": "UDP"}],
    ]
)
names = st.builds(
    lambda name, chosen: {"to": {"fqdn": name}, "ports": chosen},
    st.sampled_from(["api.example.com", "*.cdn.example.com", "*.example.com", "api.example.org"]),
    ports,
)
blocks = st.builds(
    lambda block, chosen: {"to": block, "ports": chosen},
    st.sampled_from(
        [
            {"cidr": "10.20.0.0/16"},
            {"cidr": "10.20.0.0/16", "except": ["10.20.5.0/24"]},
            {"cidr": "10.0.0.0/8", "except": ["10.20.0.0/16"]},
            {"cidr": "0.0.0.0/0"},
            {"cidr": "203.0.113.0/24"},
            {"cidr": "fd00::/8"},
            {"internet": {}},
        ]
    ),
    ports,
)
answers = st.dictionaries(st.sampled_from(NAMES), st.sets(st.sampled_from(ADDRESSES), max_size=3))


def in_ports(entries, flow):
    """Whether a list of ports as users write them holds the flow's."""
    return any(
        entry.get("protocol", "TCP") == flow.protocol
        and entry["port"] <= flow.port <= entry.get("endPort", entry["port"])
        for entry in entries
    )


def holds(cidr, address):
    """Whether a block holds an address of its family."""
    return ip_address(address) in ip_network(cidr)


def means(name, asked):
    """Whether a declared name means the one that was asked for."""
    return asked.endswith(name[1:]) if name.startswith("*.") else asked == name


def declared(rules, flow, asked):
    """Whether some rule declares the flow to an address that DNS gives for the names `asked`."""
    address = flow.destination.ip
    closed = any(holds(str(block), address) for block in CLOSED)
    for rule in rules:
        if not in_ports(rule["ports"], flow):
            continue
        peer = rule["to"]
        if "fqdn" in peer and address in PUBLIC and any(means(peer["fqdn"], name) for name in asked):
            return True
        block = peer.get("cidr") or (":" in address and "::/0") or "0.0.0.0/0"
        inner = (*RANGES.pods, *RANGES.services, *RANGES.nodes) if "internet" in peer else peer.get("except", ())
        if (
            "fqdn" not in peer
            and not closed
            and holds(block, address)
            and not any(holds(hole, address) for hole in inner)
        ):
            return True
    return False


def selected(selector, name):
    """Whether Cilium takes `name` for what the selector says."""
    pattern = selector.get("matchPattern", selector.get("matchName"))
    return re.fullmatch(re.escape(pattern).replace(r"\*", "[-a-zA-Z0-9_]*"), name) is not None


def listed(rule, flow):
    """Whether a Cilium rule's ports hold the flow's."""
    return any(
        entry["protocol"] == flow.protocol
        and int(entry["port"]) <= flow.port <= entry.get("endPort", int(entry["port"]))
        for ports in rule["toPorts"]
        for entry in ports["ports"]
    )


def in_blocks(entries, address):
    """Whether a list of Cilium's CIDR rules holds the address."""
    return any(
        holds(entry["cidr"], address) and not any(holds(hole, address) for hole in entry.get("except", ()))
        for entry in entries
    )


def by_cilium(spec, flow, asked):
    """What Cilium's object says: True, False, or None if it says nothing."""
    address = flow.destination.ip
    if any(listed(rule, flow) and in_blocks(rule["toCIDRSet"], address) for rule in spec.get("egressDeny", ())):
        return False
    for rule in spec["egress"]:
        named = any(selected(selector, name) for selector in rule.get("toFQDNs", ()) for name in asked)
        if listed(rule, flow) and (named or in_blocks(rule.get("toCIDRSet", ()), address)):
            return True
    return None


@settings(max_examples=60, deadline=None)
@given(rules=st.lists(st.one_of(names, blocks), min_size=1, max_size=4), dns=answers)
@example(
    rules=[
        {"to": {"fqdn": "api.example.com"}, "ports": [{"port": 440, "endPort": 450}]},
        {"to": {"cidr": "10.20.0.0/16"}, "ports": [{"port": 443}]},
    ],
    dns={"api.example.com": {"10.20.0.1"}},
)
def test_both_objects_allow_exactly_what_is_declared(rules, dns):
    """For every address and port: open if and only if a rule declares it, by address or by a name that DNS points there."""
    policy = a_policy_view("orders", "shop", network={"egress": rules})
    snapshot = replace(a_snapshot(policy, ranges=RANGES), capabilities=Capabilities(cilium=True))
    owner = {"metadata": {"ownerReferences": [{"uid": policy.uid}]}}
    accepted = {**owner, "status": {"conditions": [{"type": "Valid", "status": "True"}]}}
    result = compile_network(policy, carried(policy, snapshot, accepted))
    specs = [item["spec"] for item in result.beside]
    for address in ADDRESSES:
        asked = [name for name, found in dns.items() if address in found]
        for port in PORTS:
            for protocol in ("TCP", "UDP"):
                flow = Flow(source=POD, destination=ExternalEndpoint(ip=address), port=port, protocol=protocol)
                said = [by_cilium(spec, flow, asked) for spec in specs]
                plain = allows(flow, [result.network_policy]).allowed
                together = False not in said and (plain or True in said)
                assert together == declared(rules, flow, asked), (flow, asked)

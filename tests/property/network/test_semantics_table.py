"""What a generator of NetworkPolicies must get right, row by row, asked of every policy that drawn worlds come to.

Each row is a place where the API's text reads otherwise than its author meant: an absent list is "all", a missing protocol is
TCP, two elements are "or". So the shape of what is written is a promise of its own, beside its meaning.
"""

from ipaddress import ip_address, ip_network
from typing import Any

from hypothesis import HealthCheck, given, settings

from property.network.worlds import METADATA, NODE, POD_RANGE, SERVICE_RANGE, World, worlds

EACH = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
SIDES = (("ingress", "from"), ("egress", "to"))


def rules(world: World) -> list[tuple[list[dict[str, Any]], list[dict[str, Any]]]]:
    """Return every rule written as (peers, ports); a list the API would read as "all" is an empty one here."""
    return [
        (rule.get(peers) or [], rule.get("ports") or [])
        for policy in world.emitted()
        for direction, peers in SIDES
        for rule in policy["spec"].get(direction) or []
    ]


def blocks(world: World) -> list[dict[str, Any]]:
    """Return every ipBlock written."""
    return [peer["ipBlock"] for peers, _ in rules(world) for peer in peers if "ipBlock" in peer]


@EACH
@given(worlds())
def test_no_rule_is_without_peer_or_port(world):
    """Absent or empty `from`, `to` and `ports` mean all: none is ever written, and no peer is an empty element."""
    for peers, ports in rules(world):
        assert peers
        assert ports
        assert all(peers)
        assert all(ports)


@EACH
@given(worlds())
def test_both_directions_are_named_in_one_object(world):
    """`policyTypes` are both, always, and a policy is one object: a direction nobody mentions is closed, not open."""
    emitted = world.emitted()
    assert {tuple(policy["spec"]["policyTypes"]) for policy in emitted} == {("Ingress", "Egress")}
    names = [(policy["metadata"]["namespace"], policy["metadata"]["name"]) for policy in emitted]
    assert len(names) == len(set(names))


@EACH
@given(worlds())
def test_only_the_baseline_selects_every_pod(world):
    """An empty `podSelector` is the whole namespace: only the isolation without rules has it."""
    for policy in world.emitted():
        everybody = not policy["spec"]["podSelector"]
        assert everybody is (policy["metadata"]["name"] == "bartizan-baseline")
        assert not (everybody and (policy["spec"].get("ingress") or policy["spec"].get("egress")))


@EACH
@given(worlds())
def test_ports_are_numbers_of_a_named_protocol(world):
    """A protocol left out is TCP, and a name is another number in another pod: both are always written out, ranges inclusive."""
    for _, ports in rules(world):
        for port in ports:
            assert port["protocol"] in {"TCP", "UDP", "SCTP"}
            assert type(port["port"]) is int
            assert port["port"] <= port.get("endPort", port["port"]) <= 65535


@EACH
@given(worlds())
def test_pods_are_named_with_their_namespace_in_one_element(world):
    """Two elements are "or", one is "and": a pod peer holds the namespace's own name, which nobody can forge, and a selector."""
    for peers, _ in rules(world):
        for peer in peers:
            if "ipBlock" in peer:
                assert set(peer) == {"ipBlock"}
            else:
                assert set(peer) == {"namespaceSelector", "podSelector"}
                assert set(peer["namespaceSelector"]["matchLabels"]) == {"kubernetes.io/metadata.name"}
                assert peer["podSelector"]


@EACH
@given(worlds())
def test_wide_blocks_leave_out_the_cluster_and_the_metadata(world):
    """Blocks are for the outside: one that is wide has every pod, Service, node and metadata address it could hold cut out."""
    metadata = [ip_network(address) for address in METADATA]
    cluster = [ip_network(block) for block in (POD_RANGE, SERVICE_RANGE, NODE)]
    for block in blocks(world):
        whole = ip_network(block["cidr"])
        if whole.prefixlen > 16:
            continue
        left_out = [ip_network(hole) for hole in block.get("except", [])]
        for taken in (*metadata, *(block for block in cluster if not _opened_by_text(world, block))):
            if taken.version == whole.version and taken.subnet_of(whole):
                assert any(taken.subnet_of(hole) for hole in left_out), (block, taken)


def _opened_by_text(world: World, taken: Any) -> bool:
    """Whether a policy names a block inside the cluster itself, which is its author's own wish."""
    asked = [
        ip_network(rule[side]["cidr"])
        for spec in world.policies.values()
        for direction, side in SIDES
        for rule in spec["network"][direction]
        if "cidr" in rule[side]
    ]
    return any(taken.version == block.version and taken.overlaps(block) for block in asked)


@EACH
@given(worlds())
def test_port_53_is_open_to_dns_only_unless_named(world):
    """The rule for DNS names DNS pods and single addresses, UDP and TCP: never a block, never everybody."""
    for peers, ports in rules(world):
        numbers = {(port["port"], port["protocol"]) for port in ports}
        if numbers != {(53, "UDP"), (53, "TCP")}:
            continue
        for peer in peers:
            if "ipBlock" in peer:
                block = ip_network(peer["ipBlock"]["cidr"])
                assert block.num_addresses == 1
                assert ip_address(block.network_address)


@EACH
@given(worlds())
def test_nothing_is_written_for_the_kubelet(world):
    """Probes come from the pod's own node, which the API lets in anyway: no rule ever opens a node's address as such."""
    asked = {spec_rule for spec in world.policies.values() for spec_rule in _cidrs(spec)}
    opened = {block["cidr"] for block in blocks(world)} - asked
    assert NODE not in opened


def _cidrs(spec: dict[str, Any]) -> list[str]:
    return [
        rule[side]["cidr"] for direction, side in SIDES for rule in spec["network"][direction] if "cidr" in rule[side]
    ]

"""What holds of every world: the emitted NetworkPolicies mean what the policies say, and change only as their text does."""

from collections import defaultdict
from dataclasses import replace
from ipaddress import collapse_addresses, ip_network
from itertools import product

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bartizan.core.network.compile import compile_network
from bartizan.core.network.semantics import ExternalEndpoint, Flow, allows
from bartizan.core.reasons import Mode
from property.network.oracle import may_receive, may_send
from property.network.worlds import FLOW_PORTS, METADATA, World, egress_rules, ingress_rules, worlds

KINDS = frozenset({"cidr", "internet", "self", "workload", "gateway", "fqdn", "kubernetesAPI", "cloudMetadata"})
MODERATE = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def passing(world: World, flows: list[Flow]) -> set[int]:
    """Return the places in `flows` of those that pass through what is emitted."""
    emitted = world.emitted()
    return {index for index, flow in enumerate(flows) if allows(flow, emitted).allowed}


@settings(MODERATE, max_examples=100)
@given(worlds(), st.booleans())
def test_what_is_emitted_means_what_the_policies_say(world, cidr_matches_pods):
    """For every flow and at each of its ends, the NetworkPolicies and the policies' own text give the same answer."""
    emitted = world.emitted()
    for flow in world.flows():
        observed = allows(flow, emitted, cidr_matches_pods=cidr_matches_pods)
        declared = (
            may_send(world, flow, by_address=cidr_matches_pods),
            may_receive(world, flow, by_address=cidr_matches_pods),
        )
        assert (observed.egress.allowed, observed.ingress.allowed) == declared, (flow, observed)


@MODERATE
@given(worlds(), st.data())
def test_a_rule_more_only_widens_and_a_rule_less_only_narrows(world, data):
    """Whatever passes before a rule is added passes after it, and the other way round."""
    key = data.draw(st.sampled_from(sorted(world.policies)))
    direction = data.draw(st.sampled_from(("ingress", "egress")))
    rule = data.draw(ingress_rules if direction == "ingress" else egress_rules)
    wider = world.with_rules(key, direction, [*world.policies[key]["network"][direction], rule])
    flows = world.flows()
    assert passing(world, flows) <= passing(wider, flows)


@MODERATE
@given(worlds(), st.data())
def test_a_policy_less_in_an_enforced_namespace_only_narrows(world, data):
    """Without a policy its pods stay isolated, and nobody else gains anything."""
    key = data.draw(st.sampled_from(sorted(world.policies)))
    rest = {other: spec for other, spec in world.policies.items() if other != key}
    narrower = replace(world, policies=rest)
    flows = world.flows()
    assert passing(narrower, flows) <= passing(world, flows)


@MODERATE
@given(worlds(), st.randoms(use_true_random=False))
def test_order_changes_nothing(world, random):
    """Policies, rules and ports may be written in any order: the same objects and edges come out."""
    keys = list(world.policies)
    random.shuffle(keys)

    def shuffled(items):
        return random.sample(items, len(items))

    def turned(rule):
        return {**rule, "ports": shuffled(rule["ports"])}

    turned_policies = {
        key: {
            **world.policies[key],
            "network": {
                "ports": shuffled(world.policies[key]["network"]["ports"]),
                "ingress": shuffled([turned(rule) for rule in world.policies[key]["network"]["ingress"]]),
                "egress": shuffled([turned(rule) for rule in world.policies[key]["network"]["egress"]]),
            },
        }
        for key in keys
    }
    before, after = world.snapshot(), replace(world, policies=turned_policies).snapshot()
    for key in keys:
        assert compile_network(before.policies[key], before) == compile_network(after.policies[key], after)


@MODERATE
@given(worlds())
def test_every_rule_is_fully_spelled_out(world):
    """No rule lacks peers or ports, no peer lacks namespace or labels, no port lacks protocol or number, excepts fit."""
    for policy in world.emitted():
        spec = policy["spec"]
        assert spec["policyTypes"] == ["Ingress", "Egress"]
        for direction, end in (("ingress", "from"), ("egress", "to")):
            rules = spec.get(direction, [None])
            assert rules
            for rule in filter(None, rules):
                assert set(rule) == {end, "ports"}
                assert rule[end]
                assert rule["ports"]
                for port in rule["ports"]:
                    assert set(port) - {"endPort"} == {"protocol", "port"}
                    assert isinstance(port["port"], int)
                    assert port.get("endPort", 65535) > port["port"]
                for peer in rule[end]:
                    assert_peer_is_sound(peer)


def assert_peer_is_sound(peer):
    """A peer is pods by namespace and labels, or a block with a minimal list of blocks strictly inside it."""
    if "ipBlock" not in peer:
        assert set(peer) == {"namespaceSelector", "podSelector"}
        assert peer["podSelector"]
        assert set(peer["namespaceSelector"]["matchLabels"]) == {"kubernetes.io/metadata.name"}
        return
    block = ip_network(peer["ipBlock"]["cidr"])
    excepts = [ip_network(text) for text in peer["ipBlock"].get("except", [])]
    assert list(collapse_addresses(excepts)) == excepts
    assert all(hole != block and hole.subnet_of(block) for hole in excepts)


@MODERATE
@given(worlds())
def test_metadata_is_never_open(world):
    """Unless the platform allows the peer, no enforced pod reaches a metadata or link-local address, nor is reached from one."""
    emitted = replace(world, metadata="Forbid").emitted()
    for pod in world.pods:
        if world.modes.get(pod.namespace) is not Mode.ENFORCE:
            continue
        for ip, (port, protocol) in product(METADATA, FLOW_PORTS):
            outside = ExternalEndpoint(ip=ip)
            for source, destination in ((pod, outside), (outside, pod)):
                flow = Flow(source=source, destination=destination, port=port, protocol=protocol)
                assert not allows(flow, emitted).allowed, flow


@MODERATE
@given(worlds())
def test_both_sides_of_an_edge_report_the_same_ports(world):
    """The ports that callers' edges call open towards a policy are those its own edges call open from them."""
    snapshot = world.snapshot()
    calls, admissions = defaultdict(set), defaultdict(set)
    for key, policy in snapshot.policies.items():
        for edge in compile_network(policy, snapshot).edges:
            if edge.state not in {"Applied", "Degraded"}:
                continue
            if edge.to and "/" in edge.to and tuple(edge.to.split("/")) in snapshot.policies:
                calls["/".join(key), edge.to] |= set(edge.ports)
            if edge.from_ and "/" in edge.from_ and tuple(edge.from_.split("/")) in snapshot.policies:
                admissions[edge.from_, "/".join(key)] |= set(edge.ports)
    assert calls == admissions


def test_the_worlds_are_rich_enough_to_judge_by():
    """Among the drawn worlds every kind of edge is open somewhere, and every way of failing occurs."""
    seen = set()

    @settings(MODERATE, max_examples=200)
    @given(worlds())
    def look(world):
        snapshot = world.snapshot()
        for policy in snapshot.policies.values():
            for edge in compile_network(policy, snapshot).edges:
                seen.add(edge.state)
                seen.add(edge.reason)
                kind = (edge.to or edge.from_ or "").split("/")[0]
                seen.add((kind if kind in KINDS else "service", edge.state))

    look()
    wanted = {(kind, "Applied") for kind in (*KINDS - {"fqdn"}, "service")}
    wanted |= {"IPSnapshot", "NameNotResolved", "Unsupported"}
    wanted |= {"PendingConsent", "PeerNotFound", "PortNotFound", "ForbiddenByBaseline", "MetadataClosed", "InvalidSpec"}
    wanted |= {("service", "Degraded"), ("self", "PendingConsent"), ("cidr", "Degraded")}
    assert wanted - seen == set()

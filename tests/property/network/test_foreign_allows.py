"""A gap ForeignAllow is there if and only if the semantics engine lets a flow pass that it does not without the foreign policy."""

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bartizan.api.names import KubeObject
from bartizan.core.gaps.find import subjects
from bartizan.core.gaps.foreign import opening
from bartizan.core.network.compile import compile_network
from bartizan.core.network.semantics import Endpoint, ExternalEndpoint, Flow, allows
from property.network.worlds import METADATA, NAMES, NAMESPACES, OUTSIDE, a_pod, worlds

MODERATE = settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
LABELS = (
    {},
    *({"app": name} for name in NAMES),
    *({"app": n, "tier": t} for n in NAMES for t in ("x", "y")),
    {"tier": "x"},
)
PORTS = (1, 52, 53, 54, 79, 80, 81, 82, 83, 8080, 65535)
NAMED = {"a": (80, "TCP"), "q": (8080, "TCP")}

values = st.sampled_from(["x", "y"])
requirements = st.one_of(
    st.builds(lambda v: {"key": "tier", "operator": "In", "values": [v]}, values),
    st.builds(lambda v: {"key": "tier", "operator": "NotIn", "values": [v]}, values),
    st.builds(lambda o: {"key": "tier", "operator": o}, st.sampled_from(["Exists", "DoesNotExist"])),
)
pod_selectors = st.fixed_dictionaries(
    {},
    optional={
        "matchLabels": st.sampled_from(NAMES).map(lambda name: {"app": name}),
        "matchExpressions": st.lists(requirements, min_size=1, max_size=1),
    },
)
namespace_selectors = st.one_of(
    st.just({}),
    st.sampled_from((*NAMESPACES, "kube-system")).map(lambda n: {"matchLabels": {"kubernetes.io/metadata.name": n}}),
    st.just({"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["shop"]}]}),
)
blocks = st.sampled_from(
    [
        {"cidr": "203.0.113.0/24"},
        {"cidr": "203.0.113.8/29"},
        {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8", "169.254.0.0/16"]},
        {"cidr": "10.96.0.10/32"},
        {"cidr": "10.244.0.0/16"},
        {"cidr": "::/0"},
        {"cidr": "128.0.0.0/1", "except": ["192.168.7.4/32"]},
    ]
)
foreign_peers = st.one_of(
    blocks.map(lambda block: {"ipBlock": block}),
    pod_selectors.map(lambda pods: {"podSelector": pods}),
    st.builds(
        lambda place, pods: {"namespaceSelector": place, "podSelector": pods}, namespace_selectors, pod_selectors
    ),
)
foreign_ports = st.sampled_from(
    [
        {"protocol": "TCP", "port": 80},
        {"protocol": "UDP", "port": 80},
        {"protocol": "TCP", "port": 81},
        {"protocol": "UDP", "port": 53},
        {"protocol": "TCP", "port": 80, "endPort": 82},
        {"protocol": "TCP"},
        {"protocol": "TCP", "port": "a"},
    ]
)


@st.composite
def foreign_policies(draw: st.DrawFn, namespace: str) -> KubeObject:
    """Draw a NetworkPolicy of somebody else."""

    def rules(end: str) -> list[KubeObject]:
        rule = st.fixed_dictionaries(
            {},
            optional={
                end: st.lists(foreign_peers, min_size=1, max_size=2),
                "ports": st.lists(foreign_ports, min_size=1, max_size=2),
            },
        )
        return draw(st.lists(rule, max_size=2))

    spec = {"podSelector": draw(pod_selectors), "ingress": rules("from"), "egress": rules("to")}
    types = draw(st.sampled_from([None, ["Ingress"], ["Egress"], ["Ingress", "Egress"]]))
    whole = spec | ({"policyTypes": types} if types else {})
    return {"kind": "NetworkPolicy", "metadata": {"namespace": namespace, "name": "theirs"}, "spec": whole}


@st.composite
def cases(draw: st.DrawFn):
    """Draw a policy's declared NetworkPolicy, one of its pods, and a foreign policy, often made from the declared one."""
    world = draw(worlds())
    snapshot = world.snapshot()
    policy = snapshot.policies[draw(st.sampled_from(sorted(snapshot.policies)))]
    declared = compile_network(policy, snapshot).network_policy
    theirs = draw(foreign_policies(policy.namespace))
    if draw(st.booleans()):
        # The same rules under another name open nothing; with one of theirs besides they open what that one does.
        spec = declared["spec"]
        mixed = {
            way: [*spec.get(way, []), *draw(st.sampled_from([[], theirs["spec"][way]]))]
            for way in ("ingress", "egress")
        }
        theirs = {**theirs, "spec": {**spec, **mixed}}
    (subject,) = subjects(policy, ())
    return declared, theirs, replace(subject, named_ports=NAMED)


def ends(namespaces):
    """Return the other ends that are tried: pods of all labels in each namespace, and addresses."""
    places = [(namespace, labels) for namespace in namespaces for labels in LABELS]
    pods = [replace(a_pod(n + 10, *place), named_ports=NAMED) for n, place in enumerate(places)]
    return [*pods, *(ExternalEndpoint(ip=ip) for ip in (*OUTSIDE, *METADATA))]


OTHERS = ends((*NAMESPACES, "kube-system", "elsewhere"))


def passes(flow, direction, policies):
    """Whether the service's own end lets the flow pass."""
    verdict = allows(flow, policies)
    return (verdict.ingress if direction == "Ingress" else verdict.egress).allowed


def widened(declared, theirs, subject):
    """Yield every tried flow that passes only because of the foreign policy, with its direction."""
    for other in OTHERS:
        for direction, (source, destination) in (("Ingress", (other, subject)), ("Egress", (subject, other))):
            for port in PORTS:
                for protocol in ("TCP", "UDP"):
                    flow = Flow(source=source, destination=destination, port=port, protocol=protocol)
                    if passes(flow, direction, [declared, theirs]) and not passes(flow, direction, [declared]):
                        yield direction, flow


def tells(one, direction, flow):
    """Whether a gap names the flow's direction and port."""
    named = one.names or any(s.protocol == flow.protocol and s.first <= flow.port <= s.last for s in one.ports)
    return one.direction == direction and bool(named)


@MODERATE
@given(cases())
def test_a_gap_is_there_if_and_only_if_a_flow_more_passes(case):
    """Each gap comes with a flow that proves it, and no flow that is tried passes without a gap that names its port."""
    declared, theirs, subject = case
    found = opening(theirs, declared, [subject])
    assert not found.undecided
    for one in found.widenings:
        assert isinstance(one.flow.source, Endpoint) or isinstance(one.flow.destination, Endpoint)
        assert passes(one.flow, one.direction, [declared, theirs]), one
        assert not passes(one.flow, one.direction, [declared]), one
    for direction, flow in widened(declared, theirs, subject):
        assert any(tells(one, direction, flow) for one in found.widenings), flow


def test_the_cases_are_rich_enough_to_judge_by():
    """Among the drawn cases some foreign policies open something, some nothing, in both directions, to pods and addresses."""
    seen = set()

    @settings(MODERATE, max_examples=150)
    @given(cases())
    def look(case):
        declared, theirs, subject = case
        found = opening(theirs, declared, [subject]).widenings
        seen.add("none" if not found else "some")
        for one in found:
            kind = "everybody" if one.peer is None else "block" if "ipBlock" in one.peer else "pods"
            seen.add((one.direction, kind))

    look()
    assert seen >= {
        "none",
        "some",
        *((way, kind) for way in ("Ingress", "Egress") for kind in ("everybody", "block", "pods")),
    }

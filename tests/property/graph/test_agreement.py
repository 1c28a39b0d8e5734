"""`can` and `graph` say what the semantics engine says of the same packets, and what `can` suggests works."""

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bartizan.core.network.graph import Network
from bartizan.core.network.graph_landscape import Assumptions, read_landscape
from bartizan.core.network.graph_nodes import NodeKind
from bartizan.core.network.graph_pairs import replica
from bartizan.core.network.ports import PortRange
from bartizan.core.network.reach_suggestion import with_suggestions
from bartizan.core.network.reach_verdict import judge
from bartizan.core.network.semantics import Flow, allows
from bartizan.core.reasons import Mode
from bartizan.testing.builders import a_namespace, a_pod, a_policy
from property.network.worlds import FLOW_PORTS, NODE, POD_RANGE, SERVICE_RANGE, World, worlds

LABEL = {Mode.ENFORCE: "enforce", Mode.AUDIT: "audit", Mode.NOT_GOVERNED: None}
FEW = settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def objects(world: World):
    """Return the world as it would stand in files."""
    node = {
        "apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "spec": {"podCIDRs": [POD_RANGE]},
        "status": {"addresses": [{"type": "InternalIP", "address": NODE.removesuffix("/32")}]},
    }  # fmt: skip
    services = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "ServiceCIDR",
        "metadata": {"name": "k"},
        "spec": {"cidrs": [SERVICE_RANGE]},
    }
    baseline = {
        "apiVersion": "bartizan.dev/v1alpha1", "kind": "SecurityBaseline", "metadata": {"name": "default"},
        "spec": {"network": {"internet": world.internet}},
    }  # fmt: skip
    namespaces = [
        a_namespace(name, LABEL[mode]) for name, mode in {**world.modes, "kube-system": Mode.NOT_GOVERNED}.items()
    ]
    pods = [{**a_pod(p.name, p.namespace), "status": {"podIP": p.ip}} for p in world.pods]
    for pod, end in zip(pods, world.pods, strict=True):
        pod["metadata"]["labels"] = dict(end.labels)
    return [
        node,
        services,
        baseline,
        *namespaces,
        *pods,
        *(a_policy(n, ns, **spec) for (ns, n), spec in world.policies.items()),
    ]


def pod_nodes(network: Network):
    """Return the nodes that stand for pods."""
    return [node for node in network.nodes.values() if not node.outside and node.ends]


def apart(one, other):
    """Return `other`, or its replica where two overlapping policies cover one and the same pod."""
    return replica(other) if one == other else other


@settings(FEW, max_examples=12)
@given(worlds())
def test_can_says_what_the_engine_says(world):
    """For every two nodes and every port, `can` is whether the engine lets some pod of one call some pod of the other."""
    network = Network(read_landscape(objects(world), Assumptions()))
    policies = network.landscape.network_policies
    for source in pod_nodes(network):
        for target in pod_nodes(network):
            if source is target:
                continue
            for number, protocol in FLOW_PORTS:
                passes = any(
                    allows(
                        Flow(source=one, destination=apart(one, other), port=number, protocol=protocol), policies
                    ).allowed
                    for one in source.ends
                    for other in target.ends
                )
                answer = judge(network, source, target, PortRange(number, number, protocol))
                assert answer.allowed == passes, (source.id, target.id, number, protocol)
                if answer.allowed:
                    assert answer.egress.allowed
                    assert answer.ingress.allowed


@FEW
@given(worlds())
def test_the_graph_says_what_can_says(world):
    """Two nodes may talk if an edge between them is open, or both are marked open; nothing else talks."""
    network = Network(read_landscape(objects(world), Assumptions()))
    graph = network.graph()
    drawn = {(edge.source, edge.target): edge.open for edge in graph.edges}
    nodes = graph.by_id
    for source in pod_nodes(network):
        for target in pod_nodes(network):
            if source is target:
                continue
            both_open = nodes[source.id].is_open("Egress") and nodes[target.id].is_open("Ingress")
            answer = judge(network, source, target, None)
            key = (source.id, target.id)
            assert answer.allowed == bool(drawn.get(key) or both_open), key
            assert drawn.get(key, answer.open) == answer.open


@FEW
@given(worlds(), st.data())
def test_what_is_suggested_opens_the_edge(world, data):
    """With the suggested lines added, the compiler opens the call that was denied."""
    network = Network(read_landscape(objects(world), Assumptions()))
    policies = [node for node in pod_nodes(network) if node.kind is NodeKind.POLICY and node.mode is Mode.ENFORCE]
    assume(policies)
    source, target = data.draw(st.sampled_from(policies)), data.draw(st.sampled_from(policies))
    port = data.draw(st.sampled_from([None, PortRange(80, 80, "TCP"), PortRange(99, 99, "UDP")]))
    answer = judge(network, source, target, port)
    assume(not answer.allowed and answer.advice.add)
    changed = []
    for item in objects(world):
        key = (item["metadata"].get("namespace"), item["metadata"]["name"])
        view = network.snapshot.policies.get(key) if item["kind"] == "ServiceSecurityPolicy" else None
        if view:
            spec = with_suggestions(view, answer.advice.add).spec.model_dump(
                by_alias=True, exclude_unset=True, mode="json"
            )
            changed.append({**item, "spec": spec})
        else:
            changed.append(item)
    after = Network(read_landscape(changed, Assumptions()))
    assert judge(after, after.nodes[source.id], after.nodes[target.id], port).allowed

"""Addresses as ends of a call: a pod's is judged as the pod, another one inside the cluster is refused, all others are outside."""

import pytest

from bartizan.cli.targets import TargetError, read_target
from bartizan.core.network.reach_verdict import judge
from unit.graph.drawing import a_deployment, a_network, a_network_policy, a_service_policy


def a_pod(key, address, *, app="", **more):
    """Return a running pod labelled `app: <name>`, or as said."""
    namespace, name = key.split("/")
    labels = {"app": app or name, "pod-template-hash": "5d4"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"containers": [], **more},
        "status": {"podIP": address, "phase": "Running"},
    }


def a_service(address):
    """Return the Service shop/front."""
    meta = {"name": "front", "namespace": "shop"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"clusterIP": address}}


def a_node():
    """Return a node whose address lies within the cluster's, as in many clouds."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "one"},
        "spec": {"podCIDRs": ["10.244.0.0/24"]},
        "status": {"addresses": [{"type": "InternalIP", "address": "10.244.0.250"}]},
    }


def a_security_baseline(block):
    """Return the platform's floors, with a block of the cluster's addresses."""
    spec = {"network": {"clusterCIDRs": [block]}}
    meta = {"name": "default"}
    return {"apiVersion": "bartizan.dev/v1alpha1", "kind": "SecurityBaseline", "metadata": meta, "spec": spec}


@pytest.mark.parametrize("address", ["169.254.169.254", "::ffff:169.254.169.254"])
def test_a_declared_metadata_address_is_denied_with_the_reason(address):
    """A rule of which nothing is left still leaves an address that can be asked about, in either spelling."""
    rule = {"to": {"cidr": "169.254.169.254/32"}, "ports": [{"port": 80}]}
    network = a_network(a_service_policy("m/w", egress=[rule]))
    target = read_target(network, f"[{address}]:80", port=True)
    answer = judge(network, network.nodes["m/w"], target.node, target.port, address=target.address)
    closed = "169.254.169.254/32 holds nothing but link-local and cloud metadata addresses"
    assert (answer.allowed, answer.egress.why, answer.advice.obstacle) == (
        False,
        f"policy m/w declares it in spec.network.egress[0], but it is Denied: {closed}",
        closed,
    )


@pytest.mark.parametrize("owned", [False, True], ids=["alone", "next to its Deployment"])
def test_the_address_of_a_pod_is_the_pod(owned):
    """A running pod's address, either side, is its policy's node: the policy decides."""
    pods = [a_pod("shop/web-1", "10.244.0.33", app="web"), *([a_deployment("shop/web")] if owned else [])]
    network = a_network(a_service_policy("shop/web"), *pods, live=True)
    caller = read_target(network, "10.244.0.33", port=False)
    called = read_target(network, "10.244.0.33:8080", port=True)
    assert (caller.node.id, caller.address, called.node.id) == ("shop/web", "", "shop/web")


def test_a_pod_without_a_policy_is_found_by_its_address():
    """It is the workload's node, which the namespace's own NetworkPolicies hold."""
    network = a_network(a_pod("tools/runner", "fd00::9"), live=True)
    assert read_target(network, "[fd00:0::9]:80", port=True).node.id == "tools/pod/runner"


INSIDE = {
    "no pod's, within the pods' range of a node": ("10.244.0.34", "10.244.0.34 is inside the cluster (10.244.0.0/24 counts"),
    "a Service's": ("10.96.0.7", "10.96.0.7 is the address of Service shop/front inside the cluster and cannot be judged by address: name the service (NS/NAME)"),
    "a pod's of two policies": ("10.244.0.35", "10.244.0.35 is the address of Pod shop/both inside the cluster and cannot be judged by address: name shop/both or shop/every"),
    "one in the platform's list": ("172.20.0.1", "172.20.0.1 is inside the cluster (172.20.0.0/16 counts"),
    "an IPv4 address written as IPv6": ("::ffff:10.244.0.34", "10.244.0.34 is inside the cluster (10.244.0.0/24 counts"),
}  # fmt: skip


@pytest.mark.parametrize(("address", "said"), INSIDE.values(), ids=INSIDE)
def test_addresses_inside_the_cluster_are_refused(address, said):
    """What nobody can tell by its address is not taken for the outside world: the service must be named."""
    every = a_service_policy("shop/every")
    every["spec"]["workload"] = {"selector": {"matchLabels": {"app": "both"}}}
    network = a_network(
        every,
        a_service_policy("shop/both"),
        a_pod("shop/both", "10.244.0.35"),
        a_service("10.96.0.7"),
        a_node(),
        a_security_baseline("172.20.0.0/16"),
        live=True,
    )
    with pytest.raises(TargetError) as refused:
        read_target(network, address, port=False)
    assert str(refused.value).startswith(said)


OUTSIDE = ("10.244.0.250", "10.1.2.3", "203.0.113.7", "169.254.169.254", "fd00:ec2::254")


@pytest.mark.parametrize("address", OUTSIDE)
def test_nodes_and_what_lies_beyond_known_ranges_are_outside(address):
    """No NetworkPolicy holds a node; a private address is outside where the cluster's own are known; metadata always is."""
    network = a_network(a_service_policy("shop/web"), a_node(), live=True)
    assert read_target(network, address, port=False).node.outside


def test_private_addresses_are_inside_until_the_cluster_s_are_named():
    """Offline they are assumed to be pods', metadata among them excepted; --cluster-cidr says better."""
    items = (a_service_policy("shop/web"), a_network_policy("shop/other"))
    assumed, known = a_network(*items), a_network(*items, cluster_cidrs=("10.244.0.0/16",))
    with pytest.raises(TargetError, match=r"^10\.1\.2\.3 is inside the cluster \(10\.0\.0\.0/8 counts"):
        read_target(assumed, "10.1.2.3", port=False)
    assert [read_target(network, "fd00:ec2::254", port=False).node.outside for network in (assumed, known)] == [
        True
    ] * 2
    assert read_target(known, "10.1.2.3", port=False).node.outside


def test_pods_of_one_service_that_differ_are_not_mixed_up():
    """The verdict about the service would not be the one about this pod: the address is refused, and the service named."""
    old = a_deployment("shop/old", {"app": "web", "track": "old"})
    network = a_network(a_service_policy("shop/web"), old, a_pod("shop/new", "10.244.0.33", app="web"), live=True)
    with pytest.raises(TargetError, match=r"Pod shop/new inside the cluster .*: name shop/web$"):
        read_target(network, "10.244.0.33", port=False)


def test_pods_that_have_ended_or_share_their_node_s_address_hold_none():
    """Neither makes an address a pod's."""
    gone = a_pod("shop/gone", "10.244.0.40")
    gone["status"]["phase"] = "Succeeded"
    network = a_network(gone, a_pod("shop/agent", "10.244.0.250", hostNetwork=True), a_service("None"), live=True)
    assert network.landscape.holders == {}

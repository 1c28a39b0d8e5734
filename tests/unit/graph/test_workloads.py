"""Which pods there are: replicas fall together under what controls them."""

import pytest

from bartizan.core.network.graph_workloads import Workload, read_workloads
from bartizan.testing.builders import a_pod
from unit.graph.drawing import a_deployment

OWNED = {
    "a Deployment's pod": ("ReplicaSet", "web-7f9c", {"app": "web", "pod-template-hash": "7f9c"}, "Deployment", "web"),
    "a CronJob's pod": ("Job", "report-28934400", {"app": "web"}, "Job", "report"),
    "a StatefulSet's pod": (
        "StatefulSet",
        "db",
        {"app": "web", "apps.kubernetes.io/pod-index": "0"},
        "StatefulSet",
        "db",
    ),
}


def owned(name, kind, owner, labels, **status):
    """Return a pod that a controller made."""
    pod = a_pod(name, labels=labels)
    pod["metadata"]["ownerReferences"] = [{"kind": kind, "name": owner, "controller": True}]
    return {**pod, "status": status}


@pytest.mark.parametrize(("kind", "owner", "labels", "shown", "name"), OWNED.values(), ids=OWNED)
def test_replicas_fall_together(kind, owner, labels, shown, name):
    """Two pods of one controller are one workload, without the labels that tell them apart."""
    pods = [owned(f"pod-{n}", kind, owner, labels, podIP=f"10.0.0.{n}") for n in (1, 2)]
    assert read_workloads(pods) == (
        Workload(namespace="shop", kind=shown, name=name, labels={"app": "web"}, named_ports={}, ip="10.0.0.1"),
    )


def test_what_another_object_controls_is_not_counted_twice():
    """A Deployment next to its own ReplicaSet's pods is one workload."""
    replica_set = {**a_deployment("shop/web"), "kind": "ReplicaSet"}
    replica_set["metadata"] = {
        **replica_set["metadata"],
        "name": "web-1",
        "ownerReferences": [{"kind": "Deployment", "name": "web", "controller": True}],
    }
    pod = owned("web-1-x", "ReplicaSet", "web-1", {"app": "web"})
    assert [one.title for one in read_workloads([a_deployment("shop/web"), replica_set, pod])] == ["Deployment/web"]


def test_pods_that_have_ended_talk_to_nobody():
    """Succeeded and failed pods are no ends."""
    assert read_workloads([{**a_pod(), "status": {"phase": "Succeeded"}}]) == ()


def test_ports_and_the_node_s_network_are_read_from_the_template():
    """Named ports keep number and protocol; hostNetwork is kept, for no NetworkPolicy holds it."""
    containers = [{"ports": [{"name": "dns", "containerPort": 53, "protocol": "UDP"}, {"containerPort": 80}]}]
    (found,) = read_workloads([a_deployment("shop/web", hostNetwork=True, containers=containers)])
    assert (found.named_ports, found.host_network) == ({"dns": (53, "UDP")}, True)

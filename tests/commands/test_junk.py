"""Objects in which anything may stand anywhere: they are drawn or refused with a sentence, and never end in a traceback."""

import copy

from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.cli.manifests import Manifest, ManifestError, Place
from bartizan.cli.manifests_network import usable
from bartizan.core.network.graph import Network, focused
from bartizan.core.network.graph_landscape import Assumptions, read_landscape
from bartizan.core.network.graph_text import text
from bartizan.testing.builders import a_namespace, a_pod, a_policy, a_service

NODE = {
    "apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "spec": {"podCIDRs": ["10.244.0.0/24"]},
    "status": {"addresses": [{"type": "InternalIP", "address": "192.168.0.1"}]},
}  # fmt: skip
RULES = {
    "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "x", "namespace": "shop"},
    "spec": {
        "podSelector": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}, "policyTypes": ["Ingress"],
        "ingress": [{
            "from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}, {"podSelector": {"matchLabels": {"a": "b"}}}],
            "ports": [{"port": 80, "endPort": 90, "protocol": "TCP"}, {"port": "http"}],
        }],
    },
}  # fmt: skip
POD = {**a_pod(labels={"a": "b"}), "status": {"podIP": "10.244.0.9", "phase": "Running"}}
POD["metadata"]["ownerReferences"] = [{"kind": "ReplicaSet", "name": "r-1", "controller": True}]
POD["spec"]["containers"][0]["ports"] = [{"name": "http", "containerPort": 80}]
CLUSTER = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "ServiceCIDR",
    "metadata": {"name": "k"},
    "spec": {"cidrs": ["10.96.0.0/16"]},
}
BASELINE = {
    "apiVersion": "bartizan.dev/v1alpha1",
    "kind": "SecurityBaseline",
    "metadata": {"name": "default"},
    "spec": {"network": {"internet": "Allow"}},
}
POLICY = a_policy("web", network={"ports": [{"name": "http", "port": 80}], "ingress": [{"from": {"service": "web"}}]})
OBJECTS = [NODE, RULES, POD, CLUSTER, BASELINE, POLICY, a_namespace(), a_service("kube-dns", "kube-system")]
JUNK = st.sampled_from(
    [None, 1, -1, True, "x", "", [], {}, [1], [None], {"a": 1}, 1.5, "10.0.0.0/99", ["x"], {"x": None}]
)


def paths(value, at=()):
    """Yield the path of everything in a value."""
    yield at
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from paths(part, (*at, key))


PLACES = [
    (number, path)
    for number, item in enumerate(OBJECTS)
    for path in paths(item)
    if path and path[0] not in {"apiVersion", "kind"}
]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.sampled_from(PLACES), JUNK)
def test_anything_may_stand_anywhere(place, junk):
    """One value is replaced by another that does not belong there."""
    items = copy.deepcopy(OBJECTS)
    number, path = place
    around = items[number]
    for step in path[:-1]:
        around = around[step]
    around[path[-1]] = junk
    try:
        found = usable([Manifest(item, Place("file", 1)) for item in items], "")
        said = text(focused(Network(read_landscape(found, Assumptions())).graph()))
    except ManifestError as error:
        said = str(error)
    assert said.startswith("file:1: ") or " edge" in said or said == "nothing that has to do with the network\n"

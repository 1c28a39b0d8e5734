"""What keeps a cluster from pod certificates, told from its answers."""

import copy

import pytest

from bartizan.core.pki.support import lack_of_kinds, lack_of_nodes, lack_of_volumes, template

V1, BETA = "certificates.k8s.io/v1", "certificates.k8s.io/v1beta1"
DROPPED = (
    "the API server drops the volumes of pod certificates: its feature gates PodCertificateRequest and "
    "ClusterTrustBundleProjection are not both on"
)


def a_node(name, version):
    """Return a node whose kubelet says its version."""
    info = {"nodeInfo": {"kubeletVersion": version}} if version else {}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "status": info}


def test_a_volume_that_is_kept_lacks_nothing() -> None:
    """The API server fills in defaults, and keeps everything that was shown."""
    kept = template("system")
    kept["template"]["spec"]["volumes"][0]["projected"]["defaultMode"] = 420
    assert lack_of_volumes(kept) == ""


@pytest.mark.parametrize("position", [0, 1])
def test_a_dropped_source_is_seen(position) -> None:
    """With either gate off the API server answers without that source, and without a word."""
    answer = template("system")
    answer["template"]["spec"]["volumes"][0]["projected"]["sources"][position] = {}
    assert lack_of_volumes(answer) == DROPPED


def test_a_dropped_volume_is_seen() -> None:
    """Nothing left is nothing kept."""
    answer = copy.deepcopy(template("system"))
    del answer["template"]["spec"]["volumes"]
    assert lack_of_volumes(answer) == DROPPED


NODES = {
    "v1 and new kubelets": (V1, ["v1.37.1", "v1.38.0-alpha.1"], ""),
    "v1beta1, which was switched on, and kubelets of that version": (BETA, ["v1.36.3"], ""),
    "v1 and a kubelet that has it off": (V1, ["v1.37.1", "v1.36.9"], "the kubelet of n1 is older than v1.37, and pods may land there"),
    "no nodes": (V1, [], ""),
    "a node that does not say": (V1, [""], "the kubelet of n0 is older than v1.37, and pods may land there"),
    "many": (BETA, ["v1.35.1"] * 5, "the kubelet of n0, n1, n2 and 2 more is older than v1.36, and pods may land there"),
}  # fmt: skip


@pytest.mark.parametrize("case", NODES)
def test_every_node_must_be_new_enough(case) -> None:
    """A pod must not depend on where it lands: one old node is enough to fall back, and is named."""
    version, kubelets, expected = NODES[case]
    assert lack_of_nodes([a_node(f"n{i}", kubelet) for i, kubelet in enumerate(kubelets)], version) == expected


def test_kinds_that_are_not_served_are_what_is_missing() -> None:
    """The first thing to ask for."""
    assert lack_of_kinds(V1) == ""
    assert lack_of_kinds("").startswith("the API server does not serve PodCertificateRequest")

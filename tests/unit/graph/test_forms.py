"""The forms of the picture: text, DOT, Mermaid, JSON, and SVG that stands where it should."""

import shutil
import subprocess
import xml.etree.ElementTree as ET
from itertools import combinations
from pathlib import Path

import pytest

from bartizan.cli.manifests_network import Origin
from bartizan.core.network.graph import focused
from bartizan.core.network.graph_json import graph_document
from bartizan.core.network.graph_markup import dot, mermaid
from bartizan.core.network.graph_text import text
from bartizan.core.network.picture import svg
from bartizan.core.network.picture_layout import layout
from unit.graph.drawing import a_deployment, a_network, a_service_policy, the_shop

ROOT = Path(__file__).parents[3]
SVG = "{http://www.w3.org/2000/svg}"
TREE = """\
bank (enforced)
└─ payments
   ← shop/orders    pending consent: bank/payments does not admit shop/orders: its ingress must list from: {service: orders, namespace: shop}; charge cards
shop (enforced)
├─ orders
│  ← web            8080/TCP  applied
│  → bank/payments            pending consent: bank/payments does not admit shop/orders: its ingress must list from: {service: orders, namespace: shop}; charge cards
└─ web
   ← internet  8080/TCP  applied
   → orders    8080/TCP  applied

3 edges: 2 applied, 1 pending consent
"""
MERMAID = """\
flowchart LR
  subgraph g0["bank (enforced)"]
    n0["payments"]
  end
  subgraph g1["shop (enforced)"]
    n2["orders"]
    n3["web"]
  end
  n1(["internet"])
  n1 -->|"8080/TCP"| n3
  n2 -.->|"pending consent"| n0
  n3 -->|"8080/TCP"| n2
  linkStyle 0 stroke:#2f7d4f
  linkStyle 1 stroke:#b26a00
  linkStyle 2 stroke:#2f7d4f
"""
DOT = """\
digraph bartizan {
  rankdir=LR; fontname="Helvetica"; node [shape=box, fontname="Helvetica"]; edge [fontname="Helvetica", fontsize=10];
  subgraph cluster_0 {
    label="bank (enforced)";
    "bank/payments" [label="payments"];
  }
  subgraph cluster_1 {
    label="shop (enforced)";
    "shop/orders" [label="orders"];
    "shop/web" [label="web"];
  }
  "internet" [label="internet", shape=ellipse];
  "internet" -> "shop/web" [label="8080/TCP", color="#2f7d4f"];
  "shop/orders" -> "bank/payments" [label="pending consent", color="#b26a00", style=dashed];
  "shop/web" -> "shop/orders" [label="8080/TCP", color="#2f7d4f"];
}
"""


@pytest.fixture
def shop():
    """The shop without DNS."""
    return focused(the_shop().graph())


@pytest.fixture(scope="module")
def fleet():
    """Thirteen services in six namespaces, with every state."""
    return focused(Origin([str(ROOT / "tests/data/fleet")]).network().graph())


def test_text_is_a_tree_by_namespace(shop):
    """Namespaces, services, and a line for each way in and out."""
    assert text(shop) == TREE


def test_dot_is_what_graphviz_reads(shop):
    """The whole document is known."""
    assert dot(shop) == DOT


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
def test_graphviz_accepts_a_large_one(fleet):
    """Graphviz itself parses the DOT of the fleet."""
    done = subprocess.run(["dot", "-Tcanon"], input=dot(fleet), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_mermaid_is_a_flowchart(shop):
    """The whole document is known."""
    assert mermaid(shop) == MERMAID


def test_json_is_the_documented_contract():
    """Every field of a node and of an edge, as documented."""
    graph = a_network(
        a_service_policy("shop/web", ingress=[{"from": {"internet": {}}}]), a_deployment("shop/web")
    ).graph()
    document = graph_document(focused(graph))
    assert document["nodes"][1] == {
        "id": "shop/web", "kind": "policy", "namespace": "shop", "name": "web", "mode": "Enforce", "runs": ["Deployment/web"],
        "open": {"ingress": False, "egress": False}, "note": None,
    }  # fmt: skip
    assert document["edges"] == [
        {"from": "internet", "to": "shop/web", "state": "Applied", "reason": None, "declared": ["8080/TCP"], "open": ["8080/TCP"], "wider": False, "message": None},
    ]  # fmt: skip
    assert document["notes"] == [
        "the cluster's addresses are not given: private ranges are assumed; --cluster-cidr names them"
    ]


def test_names_cannot_break_out_of_their_quotes():
    """A namespace's name with quotes and markup stays text in every form."""
    odd = 'a"]<b>&'
    graph = focused(a_network(a_deployment(f"{odd}/x"), modes={odd: None}).graph())
    assert '"a\\"]<b>& (not governed, open)"' in dot(graph)
    assert '"a#34;]#60;b#62;#38; (not governed, open)"' in mermaid(graph)
    assert odd in "".join(ET.fromstring(svg(graph)).itertext())  # noqa: S314 -- our own text


def test_the_picture_is_the_same_for_the_same_graph(fleet):
    """Two runs differ in nothing; a graph without edges is a picture too."""
    assert svg(fleet) == svg(fleet)
    assert ET.fromstring(svg(focused(a_network().graph()))).tag == f"{SVG}svg"  # noqa: S314


def test_the_picture_shows_every_node_and_label_on_its_own_light_ground(fleet):
    """Each node's and namespace's name is a text; a background stands behind it all; nothing lies outside the picture."""
    root = ET.fromstring(svg(fleet))  # noqa: S314
    texts = {element.text for element in root.iter(f"{SVG}text")}
    assert {one.node.name for one in fleet.nodes} | {"data", "edge", "legacy", "money", "ops", "store"} <= texts
    assert {"applied", "degraded", "pending consent", "open, not declared"} <= texts
    first = next(root.iter(f"{SVG}rect"))
    assert (first.get("width"), first.get("height"), first.get("fill")) == ("100%", "100%", "#fcfcfb")
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for rect in list(root.iter(f"{SVG}rect"))[1:]:
        assert 0 <= float(rect.attrib["x"]) <= width - float(rect.attrib["width"])
        assert 0 <= float(rect.attrib["y"]) <= height - float(rect.attrib["height"])


def test_nodes_and_namespaces_do_not_overlap(fleet):
    """No two nodes and no two namespaces cover each other, and each node lies within its namespace."""
    placed = layout(fleet)
    boxes = list(placed.boxes.values())
    assert [(a.key, b.key) for a, b in combinations(boxes, 2) if _meet(a, b)] == []
    assert [(a.namespace, b.namespace) for a, b in combinations(placed.lanes, 2) if _meet(a, b)] == []
    for lane in placed.lanes:
        for box in lane.boxes:
            assert lane.x < box.x
            assert box.x + box.width < lane.x + lane.width
            assert lane.y < box.y
            assert box.y + box.height < lane.y + lane.height


def _meet(a, b):
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height

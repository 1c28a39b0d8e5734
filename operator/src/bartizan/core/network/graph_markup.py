"""The picture in two languages for diagrams: DOT for Graphviz, Mermaid for Markdown pages."""

from collections.abc import Iterator
from typing import Final

from bartizan.core.network.graph import Graph, GraphEdge
from bartizan.core.network.graph_edges import EdgeState
from bartizan.core.network.graph_nodes import Node, NodeKind
from bartizan.core.network.graph_words import MODES, OUTSIDE, STATES, by_namespace, edge_ports

_DOT_LINE: Final[dict[EdgeState, str]] = {
    "Applied": 'color="#2f7d4f"',
    "Degraded": 'color="#b26a00"',
    "PendingConsent": 'color="#b26a00", style=dashed',
    "Denied": 'color="#b3261e", style=dotted, arrowhead=tee',
    "Undeclared": 'color="#b3261e", penwidth=2',
}
_MERMAID_ARROW: Final[dict[EdgeState, str]] = {
    "Applied": "-->",
    "Degraded": "-->",
    "PendingConsent": "-.->",
    "Denied": "-.-x",
    "Undeclared": "==>",
}
_MERMAID_COLOUR: Final[dict[EdgeState, str]] = {
    "Applied": "#2f7d4f",
    "Degraded": "#b26a00",
    "PendingConsent": "#b26a00",
    "Denied": "#b3261e",
    "Undeclared": "#b3261e",
}
_DOT_SHAPE: Final = {NodeKind.INTERNET: "ellipse", NodeKind.CIDR: "ellipse", NodeKind.MISSING: "box, style=dashed"}


def dot(graph: Graph) -> str:
    """Return the graph in the DOT language (https://graphviz.org/doc/info/lang.html)."""
    return "\n".join(["digraph bartizan {", *(f"  {line}" for line in _dot_lines(graph)), "}"]) + "\n"


def _dot_lines(graph: Graph) -> Iterator[str]:
    yield 'rankdir=LR; fontname="Helvetica"; node [shape=box, fontname="Helvetica"]; edge [fontname="Helvetica", fontsize=10];'
    for position, (namespace, nodes) in enumerate(by_namespace(graph).items()):
        shapes = [f"{_dot_text(one.node.id)} [label={_dot_text(one.node.name)}{_shape(one.node)}];" for one in nodes]
        if namespace == OUTSIDE:
            yield from shapes
            continue
        yield f"subgraph cluster_{position} {{"
        yield f"  label={_dot_text(f'{namespace} ({MODES[nodes[0].node.mode]})')};"
        yield from (f"  {shape}" for shape in shapes)
        yield "}"
    for edge in graph.edges:
        label = _dot_text(_label(edge))
        yield f"{_dot_text(edge.source)} -> {_dot_text(edge.target)} [label={label}, {_DOT_LINE[edge.state]}];"


def _shape(node: Node) -> str:
    return f", shape={_DOT_SHAPE[node.kind]}" if node.kind in _DOT_SHAPE else ""


def _dot_text(words: str) -> str:
    escaped = words.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _label(edge: GraphEdge) -> str:
    ports, state = edge_ports(edge), STATES[edge.state]
    if edge.state == "Applied":
        return ports
    return f"{ports} ({state})" if ports else state


def mermaid(graph: Graph) -> str:
    """Return the graph as a Mermaid flowchart (https://mermaid.js.org/syntax/flowchart.html)."""
    return "\n".join(["flowchart LR", *(f"  {line}" for line in _mermaid_lines(graph))]) + "\n"


def _mermaid_lines(graph: Graph) -> Iterator[str]:
    # Ids of our own: names may hold words that Mermaid takes for its grammar, such as `end`.
    ids = {one.node.id: f"n{position}" for position, one in enumerate(graph.nodes)}
    for position, (namespace, nodes) in enumerate(by_namespace(graph).items()):
        shapes = [f"{ids[one.node.id]}{_mermaid_shape(one.node)}" for one in nodes]
        if namespace == OUTSIDE:
            yield from shapes
            continue
        yield f"subgraph g{position}[{_mermaid_text(f'{namespace} ({MODES[nodes[0].node.mode]})')}]"
        yield from (f"  {shape}" for shape in shapes)
        yield "end"
    for edge in graph.edges:
        label = _mermaid_text(_label(edge))
        yield f"{ids[edge.source]} {_MERMAID_ARROW[edge.state]}|{label}| {ids[edge.target]}"
    for position, edge in enumerate(graph.edges):
        yield f"linkStyle {position} stroke:{_MERMAID_COLOUR[edge.state]}"


def _mermaid_shape(node: Node) -> str:
    words = _mermaid_text(node.name)
    return f"([{words}])" if node.outside else f"[{words}]"


def _mermaid_text(words: str) -> str:
    """Return a quoted text; what ends it or begins markup is written as Mermaid's entity codes."""
    coded = "".join(f"#{ord(letter)};" if letter in '"#<>&`|\n' else letter for letter in words)
    return f'"{coded}"'

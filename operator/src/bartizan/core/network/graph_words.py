"""The words that every form of the picture uses, so that text, diagrams and JSON never call one thing by two names."""

from collections.abc import Iterable, Mapping
from typing import Final

from bartizan.core.network.graph import Graph, GraphEdge, GraphNode, covers
from bartizan.core.network.graph_edges import EdgeState
from bartizan.core.network.graph_nodes import NodeKind
from bartizan.core.network.ports import PortRange
from bartizan.core.reasons import Mode

STATES: Final[Mapping[EdgeState, str]] = {
    "Applied": "applied",
    "Degraded": "degraded",
    "PendingConsent": "pending consent",
    "Denied": "denied",
    "Undeclared": "open, not declared",
}
MODES: Final[Mapping[Mode, str]] = {
    Mode.ENFORCE: "enforced",
    Mode.WARN: "warns only, nothing is cut",
    Mode.AUDIT: "audits only, nothing is cut",
    Mode.NOT_GOVERNED: "not governed, open",
}
_EVERY: Final = tuple(PortRange(1, 65535, protocol) for protocol in ("SCTP", "TCP", "UDP"))
OUTSIDE: Final = ""
"""The namespace of what lies outside the cluster."""


def port_words(ports: Iterable[PortRange]) -> str:
    """Return ports as people write them: `8080/TCP, 53/UDP`, or `all ports`."""
    known = tuple(ports)
    return "all ports" if known == _EVERY else ", ".join(map(str, known))


def edge_ports(edge: GraphEdge) -> str:
    """Return the ports an edge is about: those declared, or, where nothing is, those open."""
    return ", ".join(edge.declared) or port_words(edge.open)


def is_wider(edge: GraphEdge) -> bool:
    """Whether more is open than is declared."""
    return edge.state != "Undeclared" and bool(edge.open) and not _all_declared(edge)


def _all_declared(edge: GraphEdge) -> bool:
    ranges = []
    for text in edge.declared:
        numbers, _, protocol = text.partition("/")
        first, _, last = numbers.partition("-")
        ranges += [
            PortRange(int(first), int(last or first), known) for known in ("SCTP", "TCP", "UDP") if known == protocol
        ]
    return edge.state in {"Applied", "Degraded"} and covers(ranges, edge.open)


def remarks(one: GraphNode) -> tuple[str, ...]:
    """Return what is to be said of a node: what is wrong with it, and in which directions it is open to everybody."""
    node = one.node
    found = [node.note] if node.note else []
    ways = [word for word, way in (("in", one.is_open("Ingress")), ("out", one.is_open("Egress"))) if way]
    if ways:
        found.append(f"open: {' and '.join(ways)}")
    return tuple(found)


def by_namespace(graph: Graph) -> dict[str, list[GraphNode]]:
    """Return the nodes by namespace, sorted; those outside the cluster come last, under `OUTSIDE`."""
    groups: dict[str, list[GraphNode]] = {}
    for one in sorted(graph.nodes, key=lambda one: (one.node.outside, one.node.namespace, one.node.id)):
        groups.setdefault(OUTSIDE if one.node.outside else one.node.namespace, []).append(one)
    return groups


def seen_from(graph: Graph, other: str, here: str) -> str:
    """Return what a node is called in the lines of another: without its namespace where that is the same."""
    nodes = graph.by_id
    node = nodes[other].node
    if node.outside or node.kind is NodeKind.DNS:
        return "cluster DNS" if node.kind is NodeKind.DNS else node.name
    return node.name if node.namespace == nodes[here].node.namespace else f"{node.namespace}/{node.name}"

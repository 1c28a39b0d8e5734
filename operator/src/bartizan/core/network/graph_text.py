"""The picture as a tree for a terminal: namespaces, what runs in them, and a line for each way in and out."""

from collections.abc import Callable, Iterator
from typing import Final, Literal, TypeAlias

from bartizan.core.network.graph import Graph, GraphEdge, GraphNode
from bartizan.core.network.graph_words import (
    MODES,
    OUTSIDE,
    STATES,
    by_namespace,
    edge_ports,
    is_wider,
    port_words,
    remarks,
    seen_from,
)

Tone: TypeAlias = Literal["title", "good", "waiting", "bad", "quiet"]
Paint: TypeAlias = Callable[[Tone, str], str]
_TONES: Final[dict[str, Tone]] = {
    "Applied": "good",
    "Degraded": "waiting",
    "PendingConsent": "waiting",
    "Denied": "bad",
    "Undeclared": "bad",
}


def plain(_tone: Tone, text: str) -> str:
    """Leave text as it is."""
    return text


def text(graph: Graph, paint: Paint = plain) -> str:
    """Return the tree; `paint` colours words where the reader's terminal does."""
    lines: list[str] = []
    for namespace, nodes in by_namespace(graph).items():
        if namespace == OUTSIDE:
            continue
        lines.append(f"{paint('title', namespace)} ({MODES[nodes[0].node.mode]})")
        for position, one in enumerate(nodes):
            lines += _node(graph, one, paint, last=position == len(nodes) - 1)
    lines += ["", *_totals(graph)] if lines else ["nothing that has to do with the network"]
    return "\n".join(lines) + "\n"


def _node(graph: Graph, one: GraphNode, paint: Paint, *, last: bool) -> Iterator[str]:
    said = "; ".join(remarks(one))
    yield f"{'└─' if last else '├─'} {paint('title', one.node.name)}" + (f"  {paint('bad', said)}" if said else "")
    rows = [
        *(("←", edge.source, edge) for edge in graph.edges if edge.target == one.node.id),
        *(("→", edge.target, edge) for edge in graph.edges if edge.source == one.node.id),
    ]
    names = [seen_from(graph, other, one.node.id) for _, other, _ in rows]
    wide, ports = max(map(len, names), default=0), max((len(edge_ports(edge)) for _, _, edge in rows), default=0)
    stem = "   " if last else "│  "
    for (arrow, _, edge), name in zip(rows, names, strict=True):
        state = paint(_TONES[edge.state], STATES[edge.state])
        yield f"{stem}{arrow} {name:{wide}}  {edge_ports(edge):{ports}}  {state}{_more(edge, paint)}"


def _more(edge: GraphEdge, paint: Paint) -> str:
    """Return what else there is to say of an edge."""
    said = [edge.message] if edge.message else []
    if is_wider(edge):
        said.append(paint("bad", f"open on {port_words(edge.open)}"))
    elif edge.state in {"Applied", "Degraded"} and not edge.open:
        said.append(paint("bad", "closed by other NetworkPolicies"))
    return f": {'; '.join(said)}" if said else ""


def _totals(graph: Graph) -> Iterator[str]:
    counts = {word: sum(edge.state == state for edge in graph.edges) for state, word in STATES.items()}
    shown = ", ".join(f"{count} {word}" for word, count in counts.items() if count)
    yield f"{len(graph.edges)} {'edge' if len(graph.edges) == 1 else 'edges'}" + (f": {shown}" if shown else "")

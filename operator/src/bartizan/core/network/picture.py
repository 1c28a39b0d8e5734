"""The picture as SVG (https://www.w3.org/TR/SVG11/), written without any program that would have to be installed.

It brings its own light background, so that it reads the same on a dark page; what a colour says is also said by the kind of
line and in words, for those who do not see the colour.
"""

from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from bartizan.core.network.graph import Graph
from bartizan.core.network.graph_edges import EdgeState
from bartizan.core.network.graph_nodes import NodeKind
from bartizan.core.network.graph_words import MODES, STATES, is_wider, remarks
from bartizan.core.network.picture_layout import MARGIN, Box, Lane, edge_words, heading, layout, subtitle, text_width
from bartizan.core.network.picture_routes import Route, routes
from bartizan.core.reasons import Mode

_FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
_INK, _QUIET, _ALARM, _PAPER = "#1f2933", "#5f6b76", "#a61b12", "#fcfcfb"
_LINES: Final[dict[EdgeState, tuple[str, str]]] = {
    "Applied": ("#26734d", ""),
    "Degraded": ("#9a5b00", ' stroke-dasharray="14 3"'),
    "PendingConsent": ("#9a5b00", ' stroke-dasharray="6 5"'),
    "Denied": ("#a61b12", ' stroke-dasharray="2 4"'),
    "Undeclared": ("#a61b12", ' stroke-width="2.6"'),
}
_LANES: Final[dict[Mode, tuple[str, str]]] = {
    Mode.ENFORCE: ("#eef4f1", "#a9c6b6"),
    Mode.WARN: ("#fbf3e0", "#dcc28a"),
    Mode.AUDIT: ("#fbf3e0", "#dcc28a"),
    Mode.NOT_GOVERNED: ("#fbeceb", "#dfb1ac"),
}


def svg(graph: Graph) -> str:
    """Return the picture; the same text for the same graph."""
    placed = layout(graph)
    lines = routes(placed)
    legend = list(_legend(graph, placed.height))
    width = max(placed.width, 560.0, *(x for x, _ in legend)) if legend else max(placed.width, 560.0)
    height = placed.height + (46 if legend else 0)
    parts = [
        _opening(width, height),
        '<title id="title">Who may talk to whom</title>',
        f'<rect width="100%" height="100%" rx="10" fill="{_PAPER}"/>',
        _text(MARGIN, 36, "Who may talk to whom", size=17, weight=600),
        _text(MARGIN, 53, _count(graph), size=11.5, fill=_QUIET),
        *(_lane(lane) for lane in placed.lanes),
        *(_line(route) for route in lines),
        *(_box(box) for box in placed.boxes.values()),
        *(_label(route) for route in lines),
        *(part for _, part in legend),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _opening(width: float, height: float) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}"'
        f' height="{height:.0f}" font-family={quoteattr(_FONT)} role="img" aria-labelledby="title">'
    )


def _count(graph: Graph) -> str:
    services = sum(one.node.kind is NodeKind.POLICY for one in graph.nodes)
    return f"{_many(services, 'policy', 'policies')}, {_many(len(graph.edges), 'edge', 'edges')}"


def _many(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"


def _lane(lane: Lane) -> str:
    mode = lane.boxes[0].one.node.mode
    fill, border = _LANES[mode]
    dashed = "" if mode is Mode.ENFORCE else ' stroke-dasharray="5 4"'
    name = _text(lane.x + 14, lane.y + 21, lane.namespace, size=13, weight=600)
    x = lane.x + 14 + text_width(lane.namespace, 13) + 10
    return (
        f'<rect x="{lane.x:.1f}" y="{lane.y:.1f}" width="{lane.width:.1f}" height="{lane.height:.1f}" rx="9"'
        f' fill="{fill}" stroke="{border}"{dashed}/>{name}'
        + _text(x, lane.y + 21, MODES[mode], size=11, fill=_QUIET if mode is Mode.ENFORCE else _ALARM)
    )


def _box(box: Box) -> str:
    one = box.one
    round_corners = box.height / 2 if one.node.outside else 7
    alarms = "; ".join(remarks(one))
    said = subtitle(one)
    border = "#b3261e" if alarms else "#7b8794"
    dashed = ' stroke-dasharray="4 3"' if one.node.kind is NodeKind.MISSING else ""
    middle = box.x + box.width / 2
    title = "; ".join([one.node.id, *one.node.runs, *remarks(one)])
    return (
        f"<g><title>{escape(title)}</title>"
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{box.height:.1f}"'
        f' rx="{round_corners:.1f}" fill="#ffffff" stroke="{border}" stroke-width="1.3"{dashed}/>'
        + _text(middle, box.middle + (-1 if said else 5), heading(one), size=14, weight=600, anchor="middle")
        + (
            _text(middle, box.middle + 15, said, size=10.5, fill=_ALARM if alarms else _QUIET, anchor="middle")
            if said
            else ""
        )
        + "</g>"
    )


def _line(route: Route) -> str:
    state = route.link.edge.state
    colour, style = _LINES[state]
    width = "" if "stroke-width" in style else ' stroke-width="1.7"'
    path = f'<path d="{route.path}" fill="none" stroke="{colour}"{width}{style}/>'
    return path + _head(route.end[0], route.end[1], 1 if route.rightward else -1, state, colour)


def _head(x: float, y: float, way: int, state: EdgeState, colour: str) -> str:
    """Return the end of a line: an arrow, or a cross where nothing gets through."""
    if state == "Denied":
        at = x - way * 7
        return f'<path d="M{at - 5:.1f},{y - 5:.1f} l10,10 m0,-10 l-10,10" stroke="{colour}" stroke-width="2" fill="none"/>'
    hollow = (
        f'fill="{_PAPER}" stroke="{colour}" stroke-width="1.3"' if state == "PendingConsent" else f'fill="{colour}"'
    )
    return f'<path d="M{x:.1f},{y:.1f} l{-9 * way},-4.5 v9 z" {hollow}/>'


def _label(route: Route) -> str:
    edge = route.link.edge
    colour = _LINES[edge.state][0]
    words = edge_words(edge)
    if is_wider(edge):
        colour = _ALARM
    title = f"{edge.source} → {edge.target}: {STATES[edge.state]} {words}" + (
        f": {edge.message}" if edge.message else ""
    )
    x, y = route.label
    anchor = "end" if route.rightward else "start"
    return f"<g><title>{escape(title)}</title>{_text(x, y, words, size=11, fill=colour, anchor=anchor, halo=True)}</g>"


def _legend(graph: Graph, y: float) -> Iterator[tuple[float, str]]:
    """Yield the kinds of lines that occur, each with the x where it ends."""
    x = MARGIN
    states = {edge.state for edge in graph.edges}
    for state, words in STATES.items():
        if state in states:
            colour, style = _LINES[state]
            width = "" if "stroke-width" in style else ' stroke-width="1.7"'
            line = f'<path d="M{x:.1f},{y + 10:.1f} h34" stroke="{colour}"{width}{style}/>'
            head = _head(x + 42, y + 10, 1, state, colour)
            yield x + 120, line + head + _text(x + 50, y + 14, words, size=11.5, fill=_INK)
            x += 50 + text_width(words, 11.5) + 28


def _text(
    x: float,
    y: float,
    words: str,
    *,
    size: float,
    fill: str = _INK,
    weight: int = 400,
    anchor: str = "start",
    halo: bool = False,
) -> str:
    shade = f' stroke="{_PAPER}" stroke-width="3" stroke-linejoin="round" paint-order="stroke"' if halo else ""
    bold = f' font-weight="{weight}"' if weight != 400 else ""
    side = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}"{bold}{side}{shade}>{escape(words)}</text>'

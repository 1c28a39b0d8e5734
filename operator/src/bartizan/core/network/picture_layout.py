"""Where the nodes of the picture stand: callers left, called right, a box for each namespace.

A layered drawing after Sugiyama, Tagawa and Toda (IEEE Trans. SMC 11, 1981), with one change: nodes of a namespace stay
together, so a namespace is a lane across its columns and lanes are packed under each other. What lies outside the cluster
stands at the rims, once as a caller and once as called. Nothing here is random: the same graph gives the same picture.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from bartizan.core.network.graph import Graph, GraphEdge, GraphNode
from bartizan.core.network.graph_nodes import NodeKind
from bartizan.core.network.graph_words import edge_ports, is_wider, port_words, remarks
from bartizan.core.network.picture_layers import layers_of

TITLE: Final = 30.0
"""Height of the strip that bears a namespace's name."""
PAD: Final = 16.0
"""From a namespace's border to its nodes."""
LANE_GAP: Final = 26.0
ROW_GAP: Final = 20.0
SLOT: Final = 19.0
"""From one line to the next where they meet a node's side; holds a label."""
MARGIN: Final = 28.0
TOP: Final = 64.0
_SWEEPS: Final = 12
_NARROW: Final = frozenset("ijl.,:;|!'()[]ftr/- ")
_WIDE: Final = frozenset("mwMW@%→←")


@dataclass(slots=True)
class Box:
    """A node on the paper."""

    key: str
    one: GraphNode
    column: int
    width: float
    height: float
    x: float = 0.0
    y: float = 0.0

    @property
    def middle(self) -> float:
        """The y of its centre."""
        return self.y + self.height / 2


@dataclass(slots=True)
class Lane:
    """A namespace on the paper."""

    namespace: str
    rows: dict[int, list[Box]]
    x: float = 0.0
    y: float = 0.0
    width: float = 0.0
    height: float = 0.0

    @property
    def columns(self) -> range:
        """The columns it crosses."""
        return range(min(self.rows), max(self.rows) + 1)

    @property
    def boxes(self) -> list[Box]:
        """Its nodes."""
        return [box for column in sorted(self.rows) for box in self.rows[column]]


@dataclass(frozen=True, slots=True)
class Link:
    """An edge between two boxes."""

    edge: GraphEdge
    source: Box
    target: Box


@dataclass(slots=True)
class Layout:
    """Everything placed; x and y in pixels from the top left."""

    boxes: dict[str, Box]
    lanes: list[Lane]
    links: list[Link]
    columns: dict[int, tuple[float, float]] = field(default_factory=dict)
    """Left and right border of each column."""
    width: float = 0.0
    height: float = 0.0


def text_width(words: str, size: float) -> float:
    """Return about how wide a text is in a sans-serif font, rather too much than too little."""
    return sum(0.34 if c in _NARROW else 0.9 if c in _WIDE else 0.68 if c.isupper() else 0.58 for c in words) * size


def layout(graph: Graph) -> Layout:
    """Return the graph with a place for every node."""
    inner = [one for one in graph.nodes if not _at_rim(one)]
    layers = layers_of([one.node.id for one in inner], graph.edges)
    last = max(layers.values(), default=-1) + 1
    boxes = {one.node.id: _box(one, one.node.id, layers[one.node.id], graph.edges) for one in inner}
    by_id = graph.by_id
    links: list[Link] = []
    for edge in graph.edges:
        ends = []
        for name, column, side in ((edge.source, -1, "in"), (edge.target, last, "out")):
            one = by_id[name]
            key = f"{side}:{name}" if _at_rim(one) else name
            if key not in boxes:
                boxes[key] = _box(one, key, column, graph.edges)
            ends.append(boxes[key])
        links.append(Link(edge, ends[0], ends[1]))
    result = Layout(boxes, _lanes([boxes[one.node.id] for one in inner]), links)
    _columns(result)
    _settle(result)
    _measure(result)
    return result


def _at_rim(one: GraphNode) -> bool:
    return one.node.outside or one.node.kind is NodeKind.DNS


def _box(one: GraphNode, key: str, column: int, edges: Iterable[GraphEdge]) -> Box:
    width = max(text_width(heading(one), 14), text_width(subtitle(one), 10.5)) + 30
    name = one.node.id
    outward = sum(edge.source == name for edge in edges) if not key.startswith("out:") else 0
    inward = sum(edge.target == name for edge in edges) if not key.startswith("in:") else 0
    height = max(48.0, (max(outward, inward) + 1) * SLOT)
    return Box(key, one, column, max(width, 104.0), height)


def heading(one: GraphNode) -> str:
    """Return a node's first line."""
    if one.node.kind is NodeKind.DNS:
        return "cluster DNS"
    return shortened(one.node.name.partition(" except ")[0], 34)


def subtitle(one: GraphNode) -> str:
    """Return a node's second line: what is wrong with it, or else what runs there, or what a block leaves out."""
    excepted = one.node.name.partition(" except ")[2]
    return shortened(
        "; ".join(remarks(one)) or ", ".join(one.node.runs) or (f"except {excepted}" if excepted else ""), 40
    )


def shortened(words: str, length: int) -> str:
    """Return the text, cut in the middle if it is longer than `length`."""
    if len(words) <= length:
        return words
    return f"{words[: length // 2]}…{words[len(words) - length // 2 + 1 :]}"


def _lanes(boxes: Iterable[Box]) -> list[Lane]:
    lanes: dict[str, Lane] = {}
    for box in sorted(boxes, key=lambda box: box.key):
        lane = lanes.setdefault(box.one.node.namespace, Lane(box.one.node.namespace, defaultdict(list)))
        lane.rows[box.column].append(box)
    return sorted(lanes.values(), key=lambda lane: (lane.columns.start, lane.namespace))


def _columns(result: Layout) -> None:
    """Give each column its place from left to right; between two there is room for the labels of the lines that end there."""
    used = sorted({box.column for box in result.boxes.values()})
    x = MARGIN
    for column in used:
        width = max(box.width for box in result.boxes.values() if box.column == column)
        if column != used[0]:
            x += max([110.0, *(lead(link.edge) + 74 for link in result.links if _ends_before(link, column, used))])
        result.columns[column] = (x, x + width)
        x += width
    for box in result.boxes.values():
        left, right = result.columns[box.column]
        box.x, box.width = left, right - left
    result.width = x + MARGIN + 24


def _ends_before(link: Link, column: int, used: Sequence[int]) -> bool:
    """Whether a line's label stands in the room left of `column`."""
    if link.source.column < link.target.column:
        return link.target.column == column
    return link.target.column == used[used.index(column) - 1]


def edge_words(edge: GraphEdge) -> str:
    """Return the label of a line."""
    words = edge_ports(edge)
    return shortened(f"{words} · open: {port_words(edge.open)}" if is_wider(edge) else words, 42)


def lead(edge: GraphEdge) -> float:
    """Return how long the straight end of a line is: its label stands on it."""
    return text_width(edge_words(edge), 11) + 18


def _settle(result: Layout) -> None:
    """Order lanes and rows by where their neighbours stand, and keep the order with the shortest lines."""
    near: dict[str, list[Box]] = defaultdict(list)
    for link in result.links:
        near[link.source.key].append(link.target)
        near[link.target.key].append(link.source)
    best, kept = float("inf"), _order(result)
    for _ in range(_SWEEPS):
        _stack(result, near)
        cost = sum(abs(link.source.middle - link.target.middle) for link in result.links)
        if cost < best - 0.5:
            best, kept = cost, _order(result)
        wish = {box.key: _mean([other.middle for other in near[box.key]], box.middle) for box in result.boxes.values()}
        for lane in result.lanes:
            for row in lane.rows.values():
                row.sort(key=lambda box: (wish[box.key], box.key))
        result.lanes.sort(key=lambda lane: (_mean([wish[box.key] for box in lane.boxes], 0.0), lane.namespace))
    lanes = {lane.namespace: lane for lane in result.lanes}
    result.lanes = [lanes[name] for name, _ in kept]
    for name, rows in kept:
        lanes[name].rows = {column: [result.boxes[key] for key in keys] for column, keys in rows.items()}
    _stack(result, near)


def _order(result: Layout) -> list[tuple[str, dict[int, list[str]]]]:
    return [
        (lane.namespace, {column: [box.key for box in row] for column, row in lane.rows.items()})
        for lane in result.lanes
    ]


def _mean(values: Sequence[float], default: float) -> float:
    return sum(values) / len(values) if values else default


def _stack(result: Layout, near: Mapping[str, list[Box]]) -> None:
    """Put lanes under each other, each as high as the columns it crosses allow, then the rims next to their neighbours."""
    bottom: dict[int, float] = defaultdict(lambda: TOP)
    for lane in result.lanes:
        heights = {column: _height(row) for column, row in lane.rows.items()}
        lane.height = TITLE + max(heights.values()) + 2 * PAD
        lane.y = max(bottom[column] for column in lane.columns)
        for column, row in lane.rows.items():
            y = lane.y + TITLE + PAD + (max(heights.values()) - heights[column]) / 2
            for box in row:
                box.y = y
                y += box.height + ROW_GAP
        for column in lane.columns:
            bottom[column] = lane.y + lane.height + LANE_GAP
    inner = {box.key for lane in result.lanes for box in lane.boxes}
    for column in {box.column for box in result.boxes.values() if box.key not in inner}:
        rim = [box for box in result.boxes.values() if box.column == column and box.key not in inner]
        wish = {box.key: _mean([other.middle for other in near[box.key]], TOP) - box.height / 2 for box in rim}
        y = TOP
        for box in sorted(rim, key=lambda box: (wish[box.key], box.key)):
            box.y = max(y, wish[box.key])
            y = box.y + box.height + ROW_GAP


def _height(row: Sequence[Box]) -> float:
    return sum(box.height for box in row) + ROW_GAP * (len(row) - 1)


def _measure(result: Layout) -> None:
    for lane in result.lanes:
        left, right = result.columns[lane.columns.start][0], result.columns[lane.columns.stop - 1][1]
        title = text_width(lane.namespace, 13) + 190
        lane.x, lane.width = left - PAD, max(right - left + 2 * PAD, title)
    ends = [*(lane.y + lane.height for lane in result.lanes), *(box.y + box.height for box in result.boxes.values())]
    result.height = max(ends, default=TOP) + MARGIN
    result.width = max([result.width, *(lane.x + lane.width + MARGIN for lane in result.lanes)])

"""How the lines of the picture run: from side to side, and between nodes where they pass a column.

Lines that meet one side of a node are spread over it in the order of where they come from, and a line that crosses a column
takes the nearest free height there, so that none runs through a node and no two on top of each other.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from bartizan.core.network.picture_layout import TITLE, Layout, Link, lead

_CLEAR: Final = 9.0
"""From a line to the nodes it passes."""
_TRACK: Final = 11.0
"""From one line to the next between nodes."""
_RISE: Final = 34.0
"""How far a line within one column swings out."""
Side: TypeAlias = Literal["left", "right"]
Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Route:
    """A line: an SVG path, the point where it ends, whether it ends going right, and where its label goes."""

    link: Link
    path: str
    end: Point
    rightward: bool
    label: Point


def routes(layout: Layout) -> list[Route]:
    """Return the lines, in the order of the graph's edges."""
    slots = _slots(layout)
    taken = _obstacles(layout)
    found: dict[int, Route] = {}
    order = sorted(range(len(layout.links)), key=lambda place: (_span(layout.links[place]), place))
    for place in order:
        link = layout.links[place]
        start, end = slots[place, 0], slots[place, 1]
        if link.source.column == link.target.column:
            found[place] = _swing(link, start, end)
        else:
            found[place] = _across(link, start, end, layout, taken)
    return [found[place] for place in range(len(layout.links))]


def _span(link: Link) -> int:
    return abs(link.target.column - link.source.column)


def _sides(link: Link) -> tuple[Side, Side]:
    """Return the sides at which a line leaves and arrives."""
    if link.source.column == link.target.column:
        return "right", "right"
    return ("right", "left") if link.source.column < link.target.column else ("left", "right")


def _slots(layout: Layout) -> dict[tuple[int, int], Point]:
    """Return the points at which each line leaves (0) and arrives (1)."""
    meeting: defaultdict[tuple[str, Side], list[tuple[float, int, int]]] = defaultdict(list)
    for place, link in enumerate(layout.links):
        for end, (box, other, side) in enumerate(
            zip((link.source, link.target), (link.target, link.source), _sides(link), strict=True)
        ):
            meeting[box.key, side].append((other.middle, place, end))
    found: dict[tuple[int, int], Point] = {}
    for (key, side), lines in meeting.items():
        box = layout.boxes[key]
        for position, (_, place, end) in enumerate(sorted(lines), start=1):
            y = box.y + box.height * position / (len(lines) + 1)
            found[place, end] = (box.x + box.width if side == "right" else box.x, y)
    return found


def _obstacles(layout: Layout) -> dict[int, list[tuple[float, float]]]:
    """Return the heights that are taken in each column: nodes, and names of namespaces."""
    taken: dict[int, list[tuple[float, float]]] = {column: [] for column in layout.columns}
    for box in layout.boxes.values():
        taken[box.column].append((box.y - _CLEAR, box.y + box.height + _CLEAR))
    for lane in layout.lanes:
        taken[lane.columns.start].append((lane.y - 4, lane.y + TITLE - 4))
    return taken


def _across(link: Link, start: Point, end: Point, layout: Layout, taken: dict[int, list[tuple[float, float]]]) -> Route:
    step = 1 if link.target.column > link.source.column else -1
    between = [c for c in range(link.source.column + step, link.target.column, step) if c in layout.columns]
    words = [f"M{_xy(start)}"]
    at = start
    for column in between:
        left, right = layout.columns[column]
        near, far = (left, right) if step > 0 else (right, left)
        wish = start[1] + (end[1] - start[1]) * (near - start[0]) / (end[0] - start[0])
        y = _free(taken[column], wish)
        taken[column].append((y - _TRACK / 2, y + _TRACK / 2))
        words += [_curve(at, (near, y)), f"L{_xy((far, y))}"]
        at = (far, y)
    words += [_curve(at, (end[0] - step * lead(link.edge), end[1])), f"L{_xy(end)}"]
    return Route(link, " ".join(words), end, step > 0, (end[0] - step * 12, end[1] - 4))


def _swing(link: Link, start: Point, end: Point) -> Route:
    """Return a line from one node to another of the same column, or to itself: out to the right and back."""
    out = start[0] + _RISE + abs(end[1] - start[1]) * 0.12
    path = f"M{_xy(start)} C{_xy((out, start[1]))} {_xy((out, end[1]))} {_xy(end)}"
    return Route(
        link, path, end, rightward=False, label=(start[0] + (out - start[0]) * 0.75 + 6, (start[1] + end[1]) / 2 + 4)
    )


def _free(taken: list[tuple[float, float]], wish: float) -> float:
    """Return the height nearest to `wish` that is not taken."""
    candidates = [wish]
    for low, high in taken:
        candidates += [low - _TRACK / 2, high + _TRACK / 2]
    clear = [y for y in candidates if y > 0 and all(not low < y < high for low, high in taken)]
    return min(clear, key=lambda y: (abs(y - wish), y), default=wish)


def _curve(start: Point, end: Point) -> str:
    bend = (end[0] - start[0]) / 2
    return f"C{_xy((start[0] + bend, start[1]))} {_xy((end[0] - bend, end[1]))} {_xy(end)}"


def _xy(point: Point) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"

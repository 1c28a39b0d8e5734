"""Which column of the picture a node stands in: right of everything that calls it.

Services do call each other in circles. The call that closes one, met last from where nobody calls, runs backwards.
"""

from collections.abc import Mapping, Sequence

from bartizan.core.network.graph import GraphEdge


def _leading(edges: Sequence[GraphEdge]) -> list[GraphEdge]:
    """Return the edges that give the picture its direction: holes don't, unless nothing else says where a node belongs."""
    placed = {end for edge in edges if edge.state != "Undeclared" for end in (edge.source, edge.target)}
    return [edge for edge in edges if edge.state != "Undeclared" or not {edge.source, edge.target} <= placed]


def layers_of(names: Sequence[str], edges: Sequence[GraphEdge]) -> dict[str, int]:
    """Return each node's column: right of everything that calls it, but for calls that close a circle."""
    known = set(names)
    calls: dict[str, list[str]] = {name: [] for name in names}
    for edge in _leading(edges):
        if edge.source in known and edge.target in known and edge.source != edge.target:
            calls[edge.source].append(edge.target)
    called = {target for targets in calls.values() for target in targets}
    order: list[str] = []
    back: set[tuple[str, str]] = set()
    state: dict[str, int] = {}
    for root in sorted(names, key=lambda name: (name in called, name)):
        _visit(root, calls, state, order, back)
    layers = dict.fromkeys(names, 0)
    for name in reversed(order):
        for target in calls[name]:
            if (name, target) not in back:
                layers[target] = max(layers[target], layers[name] + 1)
    for name in names:
        ahead = [layers[target] for target in calls[name] if (name, target) not in back]
        if name not in called and ahead:
            layers[name] = min(ahead) - 1
    return layers


def _visit(
    root: str, calls: Mapping[str, list[str]], state: dict[str, int], order: list[str], back: set[tuple[str, str]]
) -> None:
    """Walk depth first without recursion; `order` gets nodes when they are done, `back` the calls into an open one."""
    if root in state:
        return
    state[root] = 1
    stack = [(root, iter(calls[root]))]
    while stack:
        name, targets = stack[-1]
        target = next(targets, None)
        if target is None:
            stack.pop()
            state[name] = 2
            order.append(name)
        elif target not in state:
            state[target] = 1
            stack.append((target, iter(calls[target])))
        elif state[target] == 1:
            back.add((name, target))

"""Who may talk to whom: what policies declare, next to what NetworkPolicies really let pass.

Both are needed. Declared and not open is an edge that waits; open and not declared is a hole. Two ends that nothing isolates
can always talk, which would be most of the lines of a picture and is said once per node instead.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bartizan.core.model import Snapshot
from bartizan.core.network.graph_edges import Declared, EdgeKey, EdgeState, declarations, declared
from bartizan.core.network.graph_landscape import Landscape
from bartizan.core.network.graph_nodes import DNS, Node, NodeKind, Nodes
from bartizan.core.network.graph_pairs import End, Pairs
from bartizan.core.network.ports import PortRange
from bartizan.core.network.ranges import EVERYWHERE, inside, read_block
from bartizan.core.network.semantics import Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphEdge:
    """One edge: from the calling to the called node."""

    source: str
    target: str
    state: EdgeState
    """As in a policy's status; Undeclared: open, and no policy says so."""
    reason: str = ""
    declared: tuple[str, ...] = ()
    """Ports that policies mean, such as `8080/TCP`."""
    open: tuple[PortRange, ...] = ()
    """Ports on which some pod of the source reaches some pod of the target."""
    message: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphNode:
    """A node and whether anything isolates its pods; `isolates` holds the directions."""

    node: Node
    isolates: frozenset[Direction]

    def is_open(self, direction: Direction) -> bool:
        """Whether NetworkPolicies leave this direction of some pod open to everybody."""
        return not self.node.outside and bool(self.node.ends) and direction not in self.isolates


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """The picture as values, sorted by id."""

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    notes: tuple[str, ...] = ()

    @property
    def by_id(self) -> Mapping[str, GraphNode]:
        """The nodes by their id."""
        return {one.node.id: one for one in self.nodes}


class Network:
    """Answers questions about one landscape; what has been worked out is kept."""

    def __init__(self, landscape: Landscape) -> None:
        self.landscape = landscape
        known = Nodes(landscape)
        self.rules = declarations(landscape.snapshot, known)
        """What policies say about an edge, by the ids of its ends."""
        self.address = known.address
        self._open: dict[EdgeKey, tuple[PortRange, ...]] = {}
        self.nodes: dict[str, Node] = {}
        self._places: dict[str, range] = {}
        self._index([known.all[name] for name in sorted(known.all)])

    def _index(self, nodes: list[Node]) -> None:
        ends: list[End] = []
        for node in nodes:
            self._places[node.id] = range(len(ends), len(ends) + len(node.ends))
            self.nodes[node.id] = node
            ends += node.ends
        self.pairs = Pairs(ends, self.landscape.network_policies)

    def add(self, node: Node) -> None:
        """Take in a node so that it can be asked about: one that nothing names, or of which rules leave nothing."""
        known = self.nodes.get(node.id)
        if known is None or not known.ends:
            self._open.clear()
            self._index(list({**self.nodes, node.id: node}.values()))

    @property
    def snapshot(self) -> Snapshot:
        """What the compiler sees."""
        return self.landscape.snapshot

    def places(self, node_id: str) -> range:
        """Return the ends of a node, as `pairs` counts them."""
        return self._places[node_id]

    def open_ports(self, source: str, target: str) -> tuple[PortRange, ...]:
        """Return the ports on which some end of one node reaches some end of the other."""
        key = (source, target)
        if key not in self._open:
            joined = (self.pairs.ports(one, other) for one in self._places[source] for other in self._places[target])
            self._open[key] = _union(joined)
        return self._open[key]

    def may_talk(self, source: str, target: str) -> bool:
        """Whether it is worth asking for open ports."""
        return any(self.pairs.may_talk(one, other) for one in self._places[source] for other in self._places[target])

    def isolates(self, node_id: str) -> frozenset[Direction]:
        """Return the directions in which all of a node's ends are isolated."""
        directions: tuple[Direction, ...] = ("Egress", "Ingress")
        return frozenset(
            direction
            for direction in directions
            if all(self.pairs.isolating(place, direction) for place in self._places[node_id])
        )

    def targets(self, source: str) -> Iterator[str]:
        """Yield what a node can reach on some port, by id; never itself, and nothing beyond an address outside."""
        for target in sorted(self.nodes):
            if target != source and self.may_talk(source, target) and self.open_ports(source, target):
                yield target

    def graph(self) -> Graph:
        """Return the whole picture."""
        nodes = {name: GraphNode(node=node, isolates=self.isolates(name)) for name, node in self.nodes.items()}
        edges = {key: self._edge(key, declared(rules)) for key, rules in self.rules.items()}
        for key in self._undeclared(nodes):
            if key not in edges and self.open_ports(*key) and not self._within_declared(key):
                edges[key] = self._edge(key, Declared(state="Undeclared"))
        return Graph(
            nodes=tuple(nodes[name] for name in sorted(nodes)),
            edges=tuple(edges[key] for key in sorted(edges)),
            notes=self.landscape.notes,
        )

    def _undeclared(self, nodes: Mapping[str, GraphNode]) -> Iterator[EdgeKey]:
        """Yield pairs that may talk because some rule means one of them."""
        for source, caller in nodes.items():
            for target, called in nodes.items():
                if source == target or (caller.node.outside and called.node.outside):
                    continue
                free = caller.is_open("Egress") or caller.node.outside
                if free and (called.is_open("Ingress") or called.node.outside):
                    continue
                if self.may_talk(source, target):
                    yield source, target

    def _within_declared(self, key: EdgeKey) -> bool:
        """Whether a block's edge only repeats what is declared for the internet or for a larger block."""
        source, target = (self.nodes[name] for name in key)
        for node in self.nodes.values():
            wider = (node.id, target.id) if source.outside else (source.id, node.id)
            encloses = node.outside and wider in self.rules and wider != key and _encloses(node, source, target)
            if encloses and covers(self.open_ports(*wider), self.open_ports(*key)):
                return True
        return False

    def _edge(self, key: EdgeKey, said: Declared) -> GraphEdge:
        source, target = key
        return GraphEdge(
            source=source,
            target=target,
            state=said.state,
            reason=said.reason,
            declared=said.ports,
            open=self.open_ports(source, target),
            message=said.message,
        )


def focused(graph: Graph, *, namespace: str = "", dns: bool = False) -> Graph:
    """Return the part of a graph that concerns `namespace` (all of them if empty), without DNS unless it is asked for.

    What lies outside the cluster, or is only named by a rule, is left out where no edge remains.
    """
    hidden = frozenset() if dns else frozenset({DNS})
    home = {one.node.id for one in graph.nodes if namespace in {"", one.node.namespace}} - hidden
    edges = tuple(
        edge
        for edge in graph.edges
        if not {edge.source, edge.target} & hidden and ({edge.source, edge.target} & home or not namespace)
    )
    named = {end for edge in edges for end in (edge.source, edge.target)}
    kept = {one.node.id for one in graph.nodes if one.node.id in named or (one.node.id in home and _stands_alone(one))}
    return Graph(nodes=tuple(one for one in graph.nodes if one.node.id in kept), edges=edges, notes=graph.notes)


def _stands_alone(one: GraphNode) -> bool:
    return one.node.kind in {NodeKind.POLICY, NodeKind.WORKLOAD, NodeKind.MISSING}


def covers(wide: Iterable[PortRange], narrow: Iterable[PortRange]) -> bool:
    """Whether every port of `narrow` is in `wide`, a union of the fewest ranges."""
    ranges = tuple(wide)
    return all(any(span.holds(port) for span in ranges) for port in narrow)


def _encloses(wider: Node, source: Node, target: Node) -> bool:
    """Whether the one of two nodes that is a block lies within `wider`."""
    block = source if source.outside else target
    if not block.outside or wider.id == block.id:
        return False
    if wider.kind is NodeKind.INTERNET:
        return True
    outer = read_block(wider.name.partition(" ")[0])
    if block.kind is NodeKind.INTERNET:
        return outer in EVERYWHERE
    inner = read_block(block.name.partition(" ")[0])
    return outer is not None and inner is not None and inside(inner, outer)


def _union(found: Iterator[tuple[PortRange, ...]]) -> tuple[PortRange, ...]:
    """Return the fewest ranges that hold the same ports, sorted by protocol and port."""
    ranges: list[PortRange] = []
    for span in sorted({span for ports in found for span in ports}, key=lambda p: (p.protocol, p.first, p.last)):
        last = ranges[-1] if ranges else None
        if last and last.protocol == span.protocol and span.first <= last.last + 1:
            ranges[-1] = PortRange(last.first, max(last.last, span.last), span.protocol)
        else:
            ranges.append(span)
    return tuple(ranges)

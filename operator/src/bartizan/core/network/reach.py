"""What somebody who has taken over one service gets at from there, hop by hop.

Every open port counts as a way in, whatever listens: the answer is an upper bound. A path ends at an address outside the
cluster, and DNS servers are passed through only if asked, since everybody reaches them and they reach most.
"""

from dataclasses import dataclass

from bartizan.core.network.graph import Network
from bartizan.core.network.graph_nodes import DNS, Node
from bartizan.core.network.ports import PortRange


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One node reached: in how many hops, from which node, on which ports."""

    target: str
    hops: int
    via: str
    ports: tuple[PortRange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """All that can be reached from a node; steps by hops, then by id."""

    source: str
    steps: tuple[Step, ...]
    worst: tuple[Step, ...] = ()
    """The way to what lies farthest; among equals the one that crosses most namespaces."""

    @property
    def by_hops(self) -> dict[int, int]:
        """How many nodes are reached in exactly so many hops."""
        counts: dict[int, int] = {}
        for step in self.steps:
            counts[step.hops] = counts.get(step.hops, 0) + 1
        return counts


def reach(network: Network, source: str, *, hops: int | None = None, dns: bool = False) -> Reach:
    """Return what `source` reaches in at most `hops` hops (as many as it takes if None), by shortest ways."""
    found: dict[str, Step] = {}
    edge = [source]
    distance = 0
    while edge and (hops is None or distance < hops):
        distance += 1
        reached: list[str] = []
        for via in edge:
            for target in network.targets(via):
                if target == source or target in found or (target == DNS and not dns):
                    continue
                ports = network.open_ports(via, target)
                found[target] = Step(target=target, hops=distance, via=via, ports=ports)
                if not network.nodes[target].outside:
                    reached.append(target)
        edge = sorted(reached)
    steps = tuple(sorted(found.values(), key=lambda step: (step.hops, step.target)))
    return Reach(source=source, steps=steps, worst=_worst(network, source, found))


def _worst(network: Network, source: str, found: dict[str, Step]) -> tuple[Step, ...]:
    ways = [_way(found, source, step) for step in found.values()]
    return min(ways, key=lambda way: (-len(way), -_namespaces(network.nodes, source, way), way[-1].target), default=())


def _way(found: dict[str, Step], source: str, last: Step) -> tuple[Step, ...]:
    way = [last]
    while way[0].via != source:
        way.insert(0, found[way[0].via])
    return tuple(way)


def _namespaces(nodes: dict[str, Node], source: str, way: tuple[Step, ...]) -> int:
    return len({nodes[name].namespace for name in (source, *(step.target for step in way))})

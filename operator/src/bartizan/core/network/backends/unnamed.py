"""Where a name never leads, even if its owner points it there.

A name is somebody else's to point where they like. The snapshot by addresses leaves out what is not public; a plugin that
follows DNS opens whatever is answered. So the addresses that a name must not open are denied on the ports on which names are
called, less those that the policy opens by address on these ports: a denial stands above every allow, and must cut nothing that
was declared. Addresses of the cluster's own pods, Services and nodes are left out: Cilium takes no name for them.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from ipaddress import IPv6Network
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Final, TypeAlias

from bartizan.api.names import KubeObject
from bartizan.core.model import Snapshot
from bartizan.core.network.fqdn import GLOBAL, NOT_PUBLIC
from bartizan.core.network.ports import PortRange, read_entry
from bartizan.core.network.ranges import Block, collapse, cut, inside, read_block

Piece: TypeAlias = tuple[Block, tuple[Block, ...]]
"""A block less the blocks inside it."""

UNNAMED: Final = collapse((*NOT_PUBLIC, *IPv6Network("::/0").address_exclude(GLOBAL)))
"""Not of the internet, in the fewest blocks."""


def never_by_name(
    ports: Collection[PortRange], network_policy: KubeObject, snapshot: Snapshot
) -> list[tuple[list[KubeObject], list[PortRange]]]:
    """Return blocks, as Cilium's CIDR rules, and the ports on which they are denied; blocks with the same ports together."""
    inner: list[Piece] = [(block, ()) for block in _cluster(snapshot)]
    ports_of: dict[tuple[Piece, ...], list[PortRange]] = {}
    for port in sorted(ports):
        judged = ((_closed(network_policy, part, inner), part) for part in _parts(network_policy, port))
        for pieces, alike in groupby(judged, itemgetter(0)):
            parts = [part for _, part in alike]
            ports_of.setdefault(pieces, []).append(replace(parts[0], last=parts[-1].last))
    return [([_rule(piece) for piece in pieces], found) for pieces, found in ports_of.items() if pieces]


def _cluster(snapshot: Snapshot) -> Iterator[Block]:
    ranges = snapshot.ranges
    for text in (*ranges.pods, *ranges.services, *ranges.nodes):
        block = read_block(text)
        if block is not None:
            yield block


def _parts(network_policy: KubeObject, port: PortRange) -> Iterator[PortRange]:
    """Yield the range in parts, each opened as a whole or not at all by any entry of the NetworkPolicy."""
    spans = (read_entry(entry) for rule in network_policy["spec"].get("egress") or () for entry in rule["ports"])
    ends = {end for span in spans if span.protocol == port.protocol for end in (span.first, span.last + 1)}
    inner = {end for end in ends if port.first < end <= port.last}
    for first, end in pairwise(sorted({port.first, *inner, port.last + 1})):
        yield PortRange(first, end - 1, port.protocol)


def _closed(network_policy: KubeObject, port: PortRange, inner: Iterable[Piece]) -> tuple[Piece, ...]:
    """Return what no name may open on the ports, sorted."""
    opened = [*_opened(network_policy, port), *inner]
    return tuple(sorted({piece for block in UNNAMED for piece in _left(block, opened)}, key=_order))


def _opened(network_policy: KubeObject, port: PortRange) -> Iterator[Piece]:
    """Yield what the NetworkPolicy opens by address on these ports."""
    for rule in network_policy["spec"].get("egress") or ():
        if not any(read_entry(entry).holds(port) for entry in rule["ports"]):
            continue
        for peer in rule["to"]:
            block = read_block(peer["ipBlock"]["cidr"]) if "ipBlock" in peer else None
            if block is not None:
                yield block, tuple(filter(None, map(read_block, peer["ipBlock"].get("except") or ())))


def _left(block: Block, opened: Iterable[Piece]) -> Iterator[Piece]:
    """Yield what is left of `block` when everything opened is taken out of it."""
    known = list(opened)
    for index, (whole, holes) in enumerate(known):
        others = known[:index] + known[index + 1 :]
        if inside(block, whole):
            closed = (_both(hole, block) for hole in holes)
            for part in (part for part in closed if part is not None):
                yield from _left(part, others)
            return
    excepts = cut(block, (whole for whole, _ in known))
    if excepts is not None:
        yield block, excepts
    for index, (whole, holes) in enumerate(known):
        if inside(whole, block):
            for hole in holes:
                yield from _left(hole, known[:index] + known[index + 1 :])


def _both(one: Block, other: Block) -> Block | None:
    if inside(one, other):
        return one
    return other if inside(other, one) else None


def _order(piece: Piece) -> tuple[int, int, int, str]:
    block, excepts = piece
    return (block.version, int(block.network_address), block.prefixlen, str(excepts))


def _rule(piece: Piece) -> KubeObject:
    block, excepts = piece
    return {"cidr": str(block), **({"except": [str(hole) for hole in excepts]} if excepts else {})}

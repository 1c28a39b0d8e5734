"""Edges to and from what has no policy: other pods by label, blocks of addresses, the internet.

Nobody can consent for these, so one side is enough. In exchange they are cut down: a block never holds metadata or link-local
addresses, and the internet never holds anything known to be inside the cluster.
"""

from collections.abc import Iterable

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import Peer, WorkloadPeer
from bartizan.core.model import Snapshot
from bartizan.core.network.peers import pods_peer
from bartizan.core.network.ports import PortRange
from bartizan.core.network.ranges import CLOSED, EVERYWHERE, Block, block_peer, collapse, cut, inside, read_block
from bartizan.core.network.verdicts import Draft, Edge
from bartizan.core.reasons import Reason
from bartizan.core.select import describe
from bartizan.core.views import NO_BASELINE

_FORBIDDEN = (
    "SecurityBaseline default forbids the peer internet (network.internet: Forbid): name the blocks needed by cidr"
)


def _forbidden(snapshot: Snapshot) -> str:
    return NO_BASELINE if snapshot.baseline_missing else _FORBIDDEN


def workload_edge(draft: Draft, ports: Iterable[PortRange], workload: WorkloadPeer) -> Edge:
    """Return the edge with pods found by label."""
    note = f"pods with {describe(workload.selector)}"
    return draft.applied(ports, (pods_peer(workload.namespace, workload.selector),), note)


def cidr_edge(draft: Draft, ports: Iterable[PortRange], peer: Peer, snapshot: Snapshot) -> Edge:
    """Return the edge with a block of addresses, less the user's `except` and less what is closed to everybody."""
    block = read_block(peer.cidr or "")
    if block is None:
        note = (
            f"cidr {peer.cidr} is not a block such as 203.0.113.0/24 or 2001:db8::/32 (IPv4 inside IPv6 is not taken)"
        )
        return draft.denied(Reason.INVALID_SPEC, note, ports)
    if block in EVERYWHERE and snapshot.baseline.network.internet == "Forbid":
        return draft.denied(Reason.FORBIDDEN_BY_BASELINE, _forbidden(snapshot), ports)
    excepts: list[Block] = []
    for text in peer.except_:
        hole = read_block(text)
        if hole is None or not inside(hole, block):
            return draft.denied(Reason.INVALID_SPEC, f"except {text} is not a block inside {block}", ports)
        excepts.append(hole)
    declared = cut(block, excepts)
    if declared is None:
        return draft.denied(Reason.INVALID_SPEC, f"except leaves nothing of {block}", ports)
    narrowed = cut(block, (*excepts, *CLOSED))
    if narrowed is None:
        return draft.denied(
            Reason.METADATA_CLOSED, f"{block} holds nothing but link-local and cloud metadata addresses", ports
        )
    peers = (block_peer(block, narrowed),)
    if narrowed == declared:
        return draft.applied(ports, peers)
    hidden = collapse(hole for hole in CLOSED if inside(hole, block) and not any(inside(hole, e) for e in declared))
    left_out = f"link-local and cloud metadata addresses stay closed: {', '.join(map(str, hidden))}"
    return draft.degraded(Reason.METADATA_CLOSED, ports, peers, left_out)


def internet_edge(draft: Draft, ports: Iterable[PortRange], snapshot: Snapshot) -> Edge:
    """Return the edge with every address outside the cluster."""
    if snapshot.baseline.network.internet == "Forbid":
        return draft.denied(Reason.FORBIDDEN_BY_BASELINE, _forbidden(snapshot), ports)
    ranges = snapshot.ranges
    extra = snapshot.baseline.network.cluster_cidrs
    if not ranges.pods and not extra:
        note = "no Node tells the pods' range: list it in SecurityBaseline default, network.clusterCIDRs"
        return draft.denied(Reason.RANGES_UNKNOWN, note, ports)
    holes: list[Block] = list(CLOSED)
    for text in (*ranges.pods, *ranges.services, *ranges.nodes, *ranges.dns_addresses, *extra):
        block = read_block(text)
        if block is None:
            note = f"the cluster's range {text} is not an IPv4 or IPv6 block: correct network.clusterCIDRs"
            return draft.denied(Reason.RANGES_UNKNOWN, note, ports)
        holes.append(block)
    peers = _everywhere_but(holes)
    if not peers:
        return draft.denied(
            Reason.RANGES_UNKNOWN, "the cluster's ranges hold every address: correct clusterCIDRs", ports
        )
    return draft.applied(ports, peers)


def _everywhere_but(holes: list[Block]) -> tuple[KubeObject, ...]:
    """Return the peers that hold both families less `holes`; a family of which nothing is left is left out."""
    excepts = ((block, cut(block, holes)) for block in EVERYWHERE)
    return tuple(block_peer(block, rest) for block, rest in excepts if rest is not None)

"""Addresses that stand for blocks: one of the internet at large, one of each block that some rule names.

Rules about blocks differ at their borders only. An address inside a block and in none of the smaller ones that rules name is
judged as the rest of the block is.
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from bartizan.api.names import KubeObject
from bartizan.core.network.ranges import CLOSED, EVERYWHERE, Block, inside, read_block
from bartizan.core.network.semantics import ExternalEndpoint

_NOT_PUBLIC: Final = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
        "2001:db8::/32",
    )
)  # fmt: skip
"""Addresses of special purpose (RFC 6890): not what people mean by the internet."""
_HALVES: Final = tuple(ip_network(text) for text in ("0.0.0.0/1", "128.0.0.0/1", "2000::/3"))
"""Global unicast addresses. IPv4 in two, as some people write it in rules to get around `0.0.0.0/0`."""


def named_blocks(network_policies: Iterable[KubeObject]) -> tuple[tuple[Block, tuple[Block, ...]], ...]:
    """Return the blocks that NetworkPolicies name and what each excepts, sorted by their text."""
    found = set()
    for policy in network_policies:
        for peer in _peers(policy):
            block = read_block(str((peer.get("ipBlock") or {}).get("cidr", "")))
            if block is not None:
                holes = map(read_block, peer["ipBlock"].get("except") or ())
                found.add((block, tuple(hole for hole in holes if hole is not None)))
    return tuple(sorted(found, key=str))


def internet_ends(blocks: Iterable[Block], cluster: Iterable[Block]) -> tuple[ExternalEndpoint, ...]:
    """Return addresses that stand for the internet at large: public, and in no narrow block that a rule names."""
    narrow = [block for block in blocks if not any(inside(half, block) for half in _HALVES)]
    holes = [*narrow, *cluster, *CLOSED, *_NOT_PUBLIC]
    found = (_sample(half, holes) for half in _HALVES)
    return tuple(ExternalEndpoint(ip=str(address)) for address in found if address is not None)


def block_ends(block: Block, holes: Iterable[Block], others: Iterable[Block]) -> tuple[ExternalEndpoint, ...]:
    """Return an address that stands for `block` without `holes`; none if nothing is left.

    `others` are blocks that rules name: the address is in none that is smaller, where such an address is left.
    """
    narrower = [other for other in others if inside(other, block) and other != block]
    cut = [*holes, *CLOSED]
    address = _sample(block, [*cut, *narrower]) or _sample(block, cut)
    return () if address is None else (ExternalEndpoint(ip=str(address)),)


def is_everywhere(block: Block) -> bool:
    """Whether the block is the whole of IPv4 or IPv6."""
    return block in EVERYWHERE


def _sample(block: Block, holes: Iterable[Block]) -> IPv4Address | IPv6Address | None:
    """Return the first address of `block` that is in no hole, or None."""
    same = [hole for hole in holes if hole.version == block.version]
    if any(inside(block, hole) for hole in same):
        return None
    starts = {int(block.network_address), *(int(hole.broadcast_address) + 1 for hole in same)}
    for start in sorted(starts):
        if int(block.network_address) <= start <= int(block.broadcast_address):
            address = ip_address(start) if block.version == 4 else IPv6Address(start)
            if not any(address in hole for hole in same):
                return address
    return None


def _peers(policy: KubeObject) -> Iterator[KubeObject]:
    spec = policy["spec"]
    for field, direction in (("ingress", "from"), ("egress", "to")):
        for rule in spec.get(field) or ():
            yield from rule.get(direction) or ()

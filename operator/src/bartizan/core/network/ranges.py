"""Blocks of addresses: which are closed whatever a policy says, and how they are cut out of a block.

The API server refuses an `except` that is not strictly inside its `cidr`, and a network plugin that meets overlapping entries
may do as it likes, so what is emitted is always the smallest list of blocks inside the cidr. Blocks of IPv4-mapped addresses
(`::ffff:0:0/96`) are refused: Go's `net.IPNet`, which several plugins use, reads them as IPv4 and would open what was cut out.
"""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Final, TypeAlias

from bartizan.api.names import KubeObject

Block: TypeAlias = IPv4Network | IPv6Network

METADATA: Final[tuple[Block, ...]] = (
    IPv4Network("169.254.169.254/32"),  # AWS, Azure, Google Cloud, Oracle, OpenStack
    IPv4Network("169.254.169.252/32"),  # GKE, the metadata server on the node
    IPv4Network("169.254.170.23/32"),  # AWS EKS Pod Identity
    IPv4Network("100.100.100.200/32"),  # Alibaba Cloud
    IPv4Network("168.63.129.16/32"),  # Azure's WireServer
    IPv4Network("192.0.0.192/32"),  # Oracle Cloud, where 169.254.169.254 was taken
    IPv6Network("fd00:ec2::254/128"),  # AWS instance metadata
    IPv6Network("fd00:ec2::23/128"),  # AWS EKS Pod Identity
    IPv6Network("fd20:ce::254/128"),  # Google Cloud
    IPv6Network("fd00:c1::a9fe:a9fe/128"),  # Oracle Cloud
    IPv6Network("64:ff9b::a9fe:a9fe/128"),  # 169.254.169.254 through NAT64 (RFC 6052)
    IPv6Network("::a9fe:a9fe/128"),  # 169.254.169.254 as an IPv4-compatible address (RFC 4291 2.5.5.1)
)
"""Where clouds hand out machine credentials to whoever asks."""

CLOSED: Final[tuple[Block, ...]] = (IPv4Network("169.254.0.0/16"), IPv6Network("fe80::/10"), *METADATA)
"""Never part of a `cidr` or `internet` peer: metadata, and all link-local addresses (RFC 3927, RFC 4291 2.5.6)."""

EVERYWHERE: Final[tuple[Block, ...]] = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))
_MAPPED: Final = IPv6Network("::ffff:0:0/96")


def read_block(text: str) -> Block | None:
    """Return the block that `text` names, host bits cleared, or None if it is not `address/length` or is IPv4-mapped."""
    address, slash, length = text.partition("/")
    if not slash or not (length.isascii() and length.isdecimal()) or "%" in address:
        return None
    try:
        block = ip_network(text, strict=False)
    except ValueError:
        return None
    return None if inside(block, _MAPPED) else block


def inside(inner: Block, outer: Block) -> bool:
    """Whether every address of `inner` is in `outer`; never across families."""
    if isinstance(inner, IPv4Network) and isinstance(outer, IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, IPv6Network) and isinstance(outer, IPv6Network):
        return inner.subnet_of(outer)
    return False


def collapse(blocks: Iterable[Block]) -> tuple[Block, ...]:
    """Return the fewest blocks that hold the same addresses, IPv4 first, in order of address."""
    known = tuple(blocks)
    four = collapse_addresses([block for block in known if isinstance(block, IPv4Network)])
    six = collapse_addresses([block for block in known if isinstance(block, IPv6Network)])
    return (*four, *six)


def cut(block: Block, holes: Iterable[Block]) -> tuple[Block, ...] | None:
    """Return the `except` list that takes `holes` out of `block`, or None if nothing of the block would be left."""
    touching: list[Block] = []
    for hole in holes:
        if inside(block, hole):
            return None
        if inside(hole, block):
            touching.append(hole)
    excepts = collapse(touching)
    return None if excepts == (block,) else excepts


def block_peer(block: Block, excepts: tuple[Block, ...]) -> KubeObject:
    """Return the NetworkPolicy peer of a block; `excepts` must come from `cut`."""
    peer: KubeObject = {"cidr": str(block)}
    if excepts:
        peer["except"] = [str(hole) for hole in excepts]
    return {"ipBlock": peer}

"""Blocks: what can be read, what is cut out, and that the result is what the API server takes."""

from ipaddress import ip_network

import pytest

from bartizan.core.network.ranges import block_peer, collapse, cut, read_block

READ = [
    ("an IPv4 block", "203.0.113.0/24", "203.0.113.0/24"),
    ("host bits are cleared", "203.0.113.77/24", "203.0.113.0/24"),
    ("an IPv6 block", "2001:DB8::/32", "2001:db8::/32"),
    ("a bare address is no block", "203.0.113.1", None),
    ("a netmask is no length", "10.0.0.0/255.0.0.0", None),
    ("a zone is no address", "fe80::1%eth0/64", None),
    ("a length beyond the family is refused", "10.0.0.0/33", None),
    ("a name is no address", "example.com/24", None),
    ("the empty text is no block", "", None),
    ("an IPv4-mapped address, which Go would read as IPv4", "::ffff:169.254.169.254/128", None),
    ("all IPv4-mapped addresses, which Go would read as 0.0.0.0/0", "::ffff:0:0/96", None),
    ("a wider IPv6 block that holds them is IPv6 to everybody", "::/0", "::/0"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), [c[1:] for c in READ], ids=[c[0] for c in READ])
def test_only_plain_blocks_are_read(text, expected):
    """A block is read as address and prefix length or not at all."""
    block = read_block(text)
    assert (str(block) if block else None) == expected


CUTS = [
    ("nothing to cut", "10.0.0.0/8", [], []),
    ("a hole inside", "10.0.0.0/8", ["10.1.0.0/16"], ["10.1.0.0/16"]),
    ("a hole elsewhere is left out", "10.0.0.0/8", ["192.168.0.0/16"], []),
    ("a hole of the other family is left out", "0.0.0.0/0", ["fe80::/10"], []),
    ("the same hole twice", "10.0.0.0/8", ["10.1.0.0/16", "10.1.0.0/16"], ["10.1.0.0/16"]),
    ("a hole inside a hole", "10.0.0.0/8", ["10.1.2.0/24", "10.1.0.0/16"], ["10.1.0.0/16"]),
    ("two halves become one", "10.0.0.0/8", ["10.1.0.0/17", "10.1.128.0/17"], ["10.1.0.0/16"]),
    ("holes are sorted", "10.0.0.0/8", ["10.9.0.0/16", "10.1.0.0/16"], ["10.1.0.0/16", "10.9.0.0/16"]),
    ("the whole block is nothing", "10.0.0.0/8", ["10.0.0.0/8"], None),
    ("a hole that holds the block is nothing", "10.1.0.0/16", ["10.0.0.0/8"], None),
    ("two halves of the whole are nothing", "10.0.0.0/8", ["10.0.0.0/9", "10.128.0.0/9"], None),
]  # fmt: skip


@pytest.mark.parametrize(("block", "holes", "expected"), [c[1:] for c in CUTS], ids=[c[0] for c in CUTS])
def test_cut_gives_the_smallest_list_strictly_inside(block, holes, expected):
    """What is cut out is minimal, sorted and strictly inside the block, or nothing is left of the block."""
    excepts = cut(ip_network(block), [ip_network(hole) for hole in holes])
    assert (None if excepts is None else [str(hole) for hole in excepts]) == expected


def test_collapse_keeps_the_families_apart():
    """IPv4 comes before IPv6, each as few blocks."""
    blocks = [ip_network(b) for b in ("2001:db8::/33", "10.0.1.0/24", "2001:db8:8000::/33", "10.0.0.0/24")]
    assert [str(block) for block in collapse(blocks)] == ["10.0.0.0/23", "2001:db8::/32"]


def test_a_peer_without_holes_has_no_except():
    """An empty `except` is left out, because the API server would drop it."""
    assert block_peer(ip_network("10.0.0.0/8"), ()) == {"ipBlock": {"cidr": "10.0.0.0/8"}}

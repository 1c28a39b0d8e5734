"""Ports: what names and ranges mean at a provider, and how sets of them are written."""

import pytest

from bartizan.api.v1alpha1 import EgressPort, Port
from bartizan.core.network.ports import (
    PortRange,
    Resolved,
    merged,
    port_texts,
    resolve_asked,
    resolve_names,
    well_formed,
)

HTTP, GRPC, GOSSIP = (
    Port(name="http", port=8080),
    Port(name="grpc", port=9090),
    Port(name="gossip", port=7946, protocol="UDP"),
)
PORTS = (HTTP, GRPC, GOSSIP)


def spans(*texts):
    """Return ranges written as `8080/TCP` or `1-2/UDP`."""
    result = []
    for text in texts:
        numbers, protocol = text.split("/")
        first, _, last = numbers.partition("-")
        result.append(PortRange(int(first), int(last or first), protocol))
    return frozenset(result)


ASKED = [
    ("nothing asked means all", [], ["8080/TCP", "9090/TCP", "7946/UDP"], ()),
    ("by name", [{"name": "grpc"}], ["9090/TCP"], ()),
    ("by number, TCP unless said", [{"port": 8080}], ["8080/TCP"], ()),
    ("by number with the wrong protocol", [{"port": 7946}], [], ("7946/TCP",)),
    ("by number with the right protocol", [{"port": 7946, "protocol": "UDP"}], ["7946/UDP"], ()),
    ("a range takes what is inside", [{"port": 8000, "endPort": 9999}], ["8080/TCP", "9090/TCP"], ()),
    ("a range includes both its ends", [{"port": 8080, "endPort": 9090}], ["8080/TCP", "9090/TCP"], ()),
    ("a range with nothing inside is missing", [{"port": 1, "endPort": 9}], [], ("1-9/TCP",)),
    ("an unknown name is missing", [{"name": "http"}, {"name": "admin"}], ["8080/TCP"], ("admin",)),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "found", "missing"), [c[1:] for c in ASKED], ids=[c[0] for c in ASKED])
def test_what_a_consumer_asks_is_resolved_at_the_provider(asked, found, missing):
    """Names, numbers and ranges become the provider's own ports, and what it lacks is named."""
    wishes = tuple(EgressPort.model_validate(wish) for wish in asked)
    assert resolve_asked(wishes, PORTS) == Resolved(spans(*found), missing)


def test_ingress_names_are_resolved_among_the_own_ports():
    """Named ports are opened, all if none is named, and unknown names are told."""
    assert (resolve_names((), PORTS), resolve_names(("http", "admin"), PORTS)) == (
        Resolved(spans("8080/TCP", "9090/TCP", "7946/UDP")),
        Resolved(spans("8080/TCP"), ("admin",)),
    )


MERGED = [
    ("neighbouring single ports stay two", ["80/TCP", "81/TCP"], ["80/TCP", "81/TCP"]),
    ("a port inside a range is dropped", ["6005/UDP", "6000-6010/UDP"], ["6000-6010/UDP"]),
    ("a port of another protocol stays", ["6005/TCP", "6000-6010/UDP"], ["6000-6010/UDP", "6005/TCP"]),
    ("overlapping ranges join", ["6000-6010/UDP", "6005-6020/UDP"], ["6000-6020/UDP"]),
    ("touching ranges join", ["1-5/TCP", "6-9/TCP"], ["1-9/TCP"]),
    ("a range inside a range is dropped", ["1-100/TCP", "5-9/TCP"], ["1-100/TCP"]),
    ("ranges apart stay apart", ["1-5/TCP", "7-9/TCP"], ["1-5/TCP", "7-9/TCP"]),
    ("ranges of different protocols stay apart", ["1-5/TCP", "3-9/UDP"], ["1-5/TCP", "3-9/UDP"]),
]  # fmt: skip


@pytest.mark.parametrize(("ports", "expected"), [c[1:] for c in MERGED], ids=[c[0] for c in MERGED])
def test_ports_are_merged_without_changing_their_meaning(ports, expected):
    """Ranges that overlap or touch join, contained ports vanish, the rest stays as it was written."""
    assert list(port_texts(spans(*ports))) == expected


def test_a_range_of_one_port_is_that_port():
    """`endPort` equal to `port` is written without it."""
    assert merged([PortRange(5, 5, "TCP"), *spans("5/TCP")]) == (PortRange(5, 5, "TCP"),)


FORMS = [
    ("a name", {"name": "http"}, True),
    ("a number", {"port": 1}, True),
    ("a range", {"port": 1, "endPort": 1}, True),
    ("nothing", {}, False),
    ("name and number", {"name": "http", "port": 1}, False),
    ("an end before the beginning", {"port": 9, "endPort": 1}, False),
    ("an end without a beginning", {"name": "http", "endPort": 9}, False),
]  # fmt: skip


@pytest.mark.parametrize(("port", "expected"), [c[1:] for c in FORMS], ids=[c[0] for c in FORMS])
def test_malformed_ports_are_known(port, expected):
    """A port is exactly one of name or number, and a range does not run backwards."""
    assert well_formed(EgressPort.model_validate(port)) is expected

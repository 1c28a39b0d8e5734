"""Ports as values that can be compared, cut with each other and written out.

NetworkPolicy resolves port names in every pod anew and plugins disagree how; bartizan resolves them to numbers here, from the
policy that owns them. Protocol and number are always explicit: an absent protocol means TCP, an absent port means all ports.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bartizan.api.v1alpha1 import EgressPort, Port, Protocol


@dataclass(frozen=True, slots=True, order=True)
class PortRange:
    """The ports `first` to `last`, both included, of one protocol."""

    first: int
    last: int
    protocol: Protocol

    @property
    def single(self) -> bool:
        """Whether it is one port."""
        return self.first == self.last

    def holds(self, other: "PortRange") -> bool:
        """Whether every port of `other` is in this range."""
        return self.protocol == other.protocol and self.first <= other.first and other.last <= self.last

    def __str__(self) -> str:
        ports = str(self.first) if self.single else f"{self.first}-{self.last}"
        return f"{ports}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a list of wanted ports means at one provider."""

    found: frozenset[PortRange]
    missing: tuple[str, ...] = ()
    """What the provider does not have, in the words of the one who asked."""


def own_ports(ports: Iterable[Port]) -> frozenset[PortRange]:
    """Return all of a policy's own ports; one whose name stands for no number (yet) is none."""
    return frozenset(PortRange(port.port, port.port, port.protocol) for port in ports if isinstance(port.port, int))


def resolve_names(names: Sequence[str], ports: Sequence[Port]) -> Resolved:
    """Return the own ports that an ingress rule opens: those named, or all if none is named."""
    if not names:
        return Resolved(own_ports(ports))
    known = {port.name for port in ports}
    return Resolved(
        own_ports(port for port in ports if port.name in names),
        tuple(sorted({name for name in names if name not in known})),
    )


def resolve_asked(asked: Sequence[EgressPort], ports: Sequence[Port]) -> Resolved:
    """Return which of a provider's `ports` a consumer asks for; no port asked means all of them.

    A range asks for what the provider has inside it and is missing only if that is nothing.
    """
    if not asked:
        return Resolved(own_ports(ports))
    found: set[PortRange] = set()
    missing: set[str] = set()
    for wish in asked:
        numbers = read_number(wish)
        hits = (
            own_ports(port for port in ports if port.name == wish.name)
            if numbers is None
            else frozenset(port for port in own_ports(ports) if numbers.holds(port))
        )
        found |= hits
        if not hits:
            missing.add(str(numbers) if numbers else str(wish.name))
    return Resolved(frozenset(found), tuple(sorted(missing)))


def read_number(port: EgressPort) -> PortRange | None:
    """Return the numbers an egress port names, or None if it names none."""
    if port.port is None:
        return None
    return PortRange(port.port, port.port if port.end_port is None else port.end_port, port.protocol or "TCP")


def well_formed(port: EgressPort) -> bool:
    """Whether exactly one of name and number is given and a range does not end before it begins."""
    if (port.name is None) == (port.port is None):
        return False
    return port.end_port is None or (port.port is not None and port.port <= port.end_port)


def merged(ports: Iterable[PortRange]) -> tuple[PortRange, ...]:
    """Return the same ports with overlapping and touching ranges joined, sorted.

    Two single ports that happen to be neighbours stay two: nobody wrote a range.
    """
    ranges: list[PortRange] = []
    known = set(ports)
    for span in sorted((p for p in known if not p.single), key=lambda p: (p.protocol, p.first, p.last)):
        last = ranges[-1] if ranges else None
        if last and last.protocol == span.protocol and span.first <= last.last + 1:
            ranges[-1] = PortRange(last.first, max(last.last, span.last), span.protocol)
        else:
            ranges.append(span)
    singles = (p for p in known if p.single and not any(span.holds(p) for span in ranges))
    return tuple(sorted((*ranges, *singles)))


def by_ports(opened: Iterable[tuple[str, Iterable[PortRange]]]) -> list[tuple[tuple[PortRange, ...], list[str]]]:
    """Return ports and peers of each rule, sorted: first all ports of a peer together, then all peers with the same ports."""
    ports_of: dict[str, set[PortRange]] = {}
    for peer, ports in opened:
        ports_of.setdefault(peer, set()).update(ports)
    peers_of: dict[tuple[PortRange, ...], list[str]] = {}
    for peer, found in sorted(ports_of.items()):
        if found:
            peers_of.setdefault(merged(found), []).append(peer)
    return sorted(peers_of.items())


def read_entry(entry: Mapping[str, Any]) -> PortRange:
    """Return the ports of an entry that `port_entry` wrote."""
    return PortRange(entry["port"], entry.get("endPort") or entry["port"], entry["protocol"])


def port_entry(port: PortRange) -> dict[str, Any]:
    """Return the NetworkPolicy port of a range."""
    entry: dict[str, Any] = {"protocol": port.protocol, "port": port.first}
    if not port.single:
        entry["endPort"] = port.last
    return entry


def port_texts(ports: Iterable[PortRange]) -> tuple[str, ...]:
    """Return how the status writes ports: `8443/TCP`, `6000-6010/UDP`."""
    return tuple(str(port) for port in merged(ports))

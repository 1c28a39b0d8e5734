"""A NetworkPolicy's rules taken apart into what can be compared: for each direction and peer, the ports that are open.

Two versions of a policy differ in atoms that are opened and atoms that are closed. A step of a rollout is a set of atoms
between the two, put together again in the same canonical form that the compiler writes.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from bartizan.api.names import HASH_ANNOTATION, KubeObject
from bartizan.core.emit import sealed
from bartizan.core.network.ports import PortRange, by_ports, port_entry, read_entry
from bartizan.core.network.verdicts import Grant

Way: TypeAlias = Literal["ingress", "egress"]
_PEERS: Final[Mapping[Way, str]] = {"ingress": "from", "egress": "to"}
_WAYS: Final[tuple[Way, ...]] = ("ingress", "egress")


@dataclass(frozen=True, slots=True)
class Side:
    """One direction and one peer of it."""

    way: Way
    peer: str
    """The peer element as canonical JSON."""

    @property
    def element(self) -> KubeObject:
        """The peer element."""
        found: KubeObject = json.loads(self.peer)
        return found


Atoms: TypeAlias = Mapping[Side, frozenset[PortRange]]
"""What is open; a side without ports is left out."""


def side(way: Way, peer: KubeObject) -> Side:
    """Return the side of a peer element."""
    return Side(way, json.dumps(peer, sort_keys=True))


def read_atoms(network_policy: KubeObject | None) -> Atoms:
    """Return the atoms of a NetworkPolicy that bartizan wrote: every rule has peers and every port its number."""
    found: dict[Side, set[PortRange]] = {}
    for way in _WAYS:
        for rule in ((network_policy or {}).get("spec") or {}).get(way) or ():
            ports = {read_entry(entry) for entry in rule["ports"]}
            for peer in rule[_PEERS[way]]:
                found.setdefault(side(way, peer), set()).update(ports)
    return {key: frozenset(ports) for key, ports in found.items()}


def with_atoms(network_policy: KubeObject, atoms: Atoms) -> KubeObject:
    """Return the NetworkPolicy with exactly these atoms as its rules, sealed anew."""
    meta = network_policy["metadata"]
    annotations = {key: value for key, value in meta["annotations"].items() if key != HASH_ANNOTATION}
    bare = {key: value for key, value in meta.items() if key != "annotations"}
    spec = {key: value for key, value in network_policy["spec"].items() if key not in _WAYS}
    for way in _WAYS:
        spec.update(section(way, [Grant(key.element, ports) for key, ports in atoms.items() if key.way == way]))
    return sealed(
        {
            **network_policy,
            "metadata": {**bare, **({"annotations": annotations} if annotations else {})},
            "spec": spec,
        }
    )


def section(way: Way, grants: Iterable[Grant]) -> KubeObject:
    """Return the field with its rules; without rules the field is left out, as the API server would drop it."""
    opened = by_ports((json.dumps(grant.peer, sort_keys=True), grant.ports) for grant in grants)
    rules = [
        {_PEERS[way]: [json.loads(peer) for peer in peers], "ports": [port_entry(port) for port in ports]}
        for ports, peers in opened
    ]
    return {way: rules} if rules else {}


def less(whole: Atoms, part: Atoms) -> Atoms:
    """Return what is open in `whole` and not in `part`."""
    return _lean({key: ports_less(ports, part.get(key, frozenset())) for key, ports in whole.items()})


def both(first: Atoms, second: Atoms) -> Atoms:
    """Return what is open in either of them alike."""
    return _lean({key: ports_both(ports, second.get(key, frozenset())) for key, ports in first.items()})


def joined(first: Atoms, second: Atoms) -> Atoms:
    """Return what is open in one of them at least."""
    return {key: first.get(key, frozenset()) | second.get(key, frozenset()) for key in (*first, *second)}


def ports_both(first: Iterable[PortRange], second: Iterable[PortRange]) -> frozenset[PortRange]:
    """Return the ports that are in both."""
    known = tuple(second)
    pairs = ((one, other) for one in first for other in known if one.protocol == other.protocol)
    spans = ((max(one.first, other.first), min(one.last, other.last), one.protocol) for one, other in pairs)
    return frozenset(PortRange(low, high, protocol) for low, high, protocol in spans if low <= high)


def ports_less(whole: Iterable[PortRange], part: Iterable[PortRange]) -> frozenset[PortRange]:
    """Return the ports of `whole` that are not in `part`."""
    left = set(whole)
    for hole in part:
        left = {piece for span in left for piece in _around(span, hole)}
    return frozenset(left)


def _around(span: PortRange, hole: PortRange) -> list[PortRange]:
    if span.protocol != hole.protocol or hole.last < span.first or span.last < hole.first:
        return [span]
    pieces = [(span.first, hole.first - 1), (hole.last + 1, span.last)]
    return [PortRange(low, high, span.protocol) for low, high in pieces if low <= high]


def _lean(atoms: Atoms) -> Atoms:
    return {key: ports for key, ports in atoms.items() if ports}

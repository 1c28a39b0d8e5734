"""Which ends may talk at all, found quickly, so that exact ports are only worked out for pairs that have any.

With a thousand services there are a million pairs and a few thousand edges. Whom a rule means is asked once per rule and not
once per pair.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from ipaddress import ip_address
from typing import Final, TypeAlias

from bartizan.api.names import KubeObject
from bartizan.core.network.connections import connections
from bartizan.core.network.peers import NAMESPACE_LABEL
from bartizan.core.network.ports import PortRange
from bartizan.core.network.semantics import Direction, Endpoint, ExternalEndpoint, applies, is_peer

End: TypeAlias = Endpoint | ExternalEndpoint
_EVERYBODY: Final = None
"""The peers of an end that nothing isolates, or of a rule without peers."""


class Pairs:
    """Ends by their place in the sequence given, and what NetworkPolicies let pass between two of them."""

    def __init__(self, ends: Sequence[End], network_policies: Iterable[KubeObject]) -> None:
        self._ends = tuple(ends)
        self._policies: defaultdict[str, list[KubeObject]] = defaultdict(list)
        for policy in network_policies:
            self._policies[policy["metadata"]["namespace"]].append(policy)
        self._places: defaultdict[str, list[int]] = defaultdict(list)
        self._outside: list[int] = []
        for place, end in enumerate(self._ends):
            (self._places[end.namespace] if isinstance(end, Endpoint) else self._outside).append(place)
        self._meant: dict[tuple[str, str], frozenset[int]] = {}
        self._reach: dict[tuple[int, Direction], frozenset[int] | None] = {}

    def end(self, place: int) -> End:
        """Return the end at a place."""
        return self._ends[place]

    def isolating(self, place: int, direction: Direction) -> tuple[KubeObject, ...]:
        """Return the NetworkPolicies that isolate an end in a direction, by name."""
        end = self._ends[place]
        if isinstance(end, ExternalEndpoint):
            return ()
        return tuple(policy for policy in self._policies[end.namespace] if applies(policy, direction, end))

    def peers(self, place: int, direction: Direction) -> frozenset[int] | None:
        """Return the ends that the rules of one end mean, whatever the port; None means everybody."""
        key = (place, direction)
        if key not in self._reach:
            self._reach[key] = self._peers(place, direction)
        return self._reach[key]

    def may_talk(self, source: int, destination: int) -> bool:
        """Whether both ends mean each other on some port, not necessarily on the same."""
        called = self.peers(source, "Egress")
        callers = self.peers(destination, "Ingress")
        return (called is None or destination in called) and (callers is None or source in callers)

    def ports(self, source: int, destination: int) -> tuple[PortRange, ...]:
        """Return what is open from one end to another; a pod to itself means one replica to another."""
        if not self.may_talk(source, destination):
            return ()
        policies = [*self.isolating(source, "Egress"), *self.isolating(destination, "Ingress")]
        unique = {id(policy): policy for policy in policies}
        caller, called = self._ends[source], self._ends[destination]
        return connections(caller, replica(called) if caller == called else called, unique.values())

    def _peers(self, place: int, direction: Direction) -> frozenset[int] | None:
        policies = self.isolating(place, direction)
        if not policies:
            return _EVERYBODY
        found: set[int] = set()
        for policy in policies:
            for rule in policy["spec"].get(direction.lower()) or ():
                listed = rule.get("from" if direction == "Ingress" else "to")
                if not listed:
                    return _EVERYBODY
                for peer in listed:
                    found |= self._ends_of(peer, policy["metadata"]["namespace"])
        return frozenset(found)

    def _ends_of(self, peer: KubeObject, near: str) -> frozenset[int]:
        key = (near, json.dumps(peer, sort_keys=True))
        if key not in self._meant:
            self._meant[key] = frozenset(
                place
                for place in self._candidates(peer, near)
                if is_peer(peer, self._ends[place], near, cidr_matches_pods=True)
            )
        return self._meant[key]

    def _candidates(self, peer: KubeObject, near: str) -> Iterable[int]:
        """Return the ends worth asking: those of one namespace where the peer names it."""
        if "ipBlock" in peer:
            return range(len(self._ends))
        chosen = peer.get("namespaceSelector")
        name = near if chosen is None else (chosen.get("matchLabels") or {}).get(NAMESPACE_LABEL)
        return range(len(self._ends)) if name is None else self._places.get(name, ())


def replica(end: End) -> End:
    """Return another pod like `end`: a pod always reaches itself, its replica it may not."""
    if isinstance(end, ExternalEndpoint):
        return end
    return replace(end, name=f"{end.name}'", ip=str(ip_address(end.ip) + 1))

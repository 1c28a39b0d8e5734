"""Which NetworkPolicies of others open more than a policy declares: allows add up, so one of them is enough.

Texts are not compared. For every rule of the foreign policy a flow is looked for that it lets pass and the declared policy does
not, at the service's own end, and `semantics.allows` has the last word on it. The flow's other end is whatever may ever be
there: an address, or a pod with labels that exist nowhere yet.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Any, Final, TypeAlias

from bartizan.api.names import KubeObject
from bartizan.core.gaps.witness import Limits, Tries, UndecidedError, labels_between, peer_limits
from bartizan.core.network.connections import FIRST, LAST, PROTOCOLS
from bartizan.core.network.peers import NAMESPACE_LABEL
from bartizan.core.network.ports import PortRange
from bartizan.core.network.semantics import (
    Direction,
    Endpoint,
    ExternalEndpoint,
    Flow,
    allows,
    applies,
    is_peer,
)

MOST: Final = 500
"""How many pairs of peer and port of one foreign policy are looked at; what has more is told as it is."""
_ANY_PORT: Final[KubeObject] = {}
_Pair: TypeAlias = tuple[Endpoint, Direction, KubeObject | None, KubeObject]
"""The service's own end, which way, one of the rule's peers, one of its ports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Widening:
    """What one peer of a foreign rule opens beyond what is declared."""

    direction: Direction
    peer: KubeObject | None
    """The element of `from` or `to`; None: the rule names nobody and so means everybody."""
    ports: tuple[PortRange, ...]
    names: tuple[str, ...] = ()
    """Ports given by a name, which each pod called gives a number of its own."""
    flow: Flow
    """One that passes because of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What a foreign NetworkPolicy adds to the declared one."""

    widenings: tuple[Widening, ...]
    undecided: bool = False
    """There is more in it than could be compared."""


def opening(item: KubeObject, declared: KubeObject, subjects: Sequence[Endpoint]) -> Opening:
    """Return what the NetworkPolicy `item` opens for `subjects`, pods of the policy that `declared` was made for."""
    found: dict[str, Widening] = {}
    undecided, tries = False, Tries()
    for place, pair in enumerate(_pairs(item, subjects)):
        if place == MOST:
            undecided = True
            break
        try:
            more = _Question(item, declared, pair, tries).answer()
        except (UndecidedError, ValueError):
            # ValueError: a block that the API server took and Python does not, such as 010.0.0.0/8.
            undecided = True
            continue
        if more:
            key = f"{more.direction} {json.dumps(more.peer, sort_keys=True)}"
            found[key] = _together(found[key], more) if key in found else more
    return Opening(widenings=tuple(found[key] for key in sorted(found)), undecided=undecided)


def _pairs(item: KubeObject, subjects: Iterable[Endpoint]) -> Iterator[_Pair]:
    """Yield each pair of a peer and a port of the policy's rules, once for each subject."""
    directions: tuple[Direction, ...] = ("Ingress", "Egress")
    for subject in subjects:
        for direction in directions:
            if not applies(item, direction, subject):
                continue
            seen = set()
            for rule in item["spec"].get(direction.lower()) or []:
                for peer in rule.get("from" if direction == "Ingress" else "to") or [None]:
                    for port in rule.get("ports") or [_ANY_PORT]:
                        pair = json.dumps([peer, port], sort_keys=True)
                        if pair not in seen:
                            seen.add(pair)
                            yield subject, direction, peer, port


def _together(one: Widening, other: Widening) -> Widening:
    return Widening(
        direction=one.direction,
        peer=one.peer,
        ports=_joined((*one.ports, *other.ports)),
        names=tuple(sorted({*one.names, *other.names})),
        flow=one.flow,
    )


class _Question:
    """Does this pair of peer and port let something pass that is not declared?"""

    def __init__(self, item: KubeObject, declared: KubeObject, pair: _Pair, tries: Tries) -> None:
        subject, direction, peer, port = pair
        self._direction, self._subject, self._peer, self._port = direction, subject, peer, port
        self._declared, self._tries = declared, tries
        self._namespace: str = item["metadata"]["namespace"]
        self._end: Any = "from" if direction == "Ingress" else "to"
        rule = {**({self._end: [peer]} if peer else {}), **({"ports": [port]} if port else {})}
        spec = {"podSelector": item["spec"].get("podSelector") or {}, "policyTypes": [direction]}
        self._alone = {**item, "spec": {**spec, direction.lower(): [rule]}}
        self._rules: list[KubeObject] = declared["spec"].get(direction.lower()) or []
        self._known: dict[tuple[int, ...], Endpoint | ExternalEndpoint | None] = {}
        name = port.get("port")
        self._name = name if isinstance(name, str) and direction == "Egress" else ""

    def answer(self) -> Widening | None:
        """Return what is opened, or None."""
        spans: list[PortRange] = []
        flow: Flow | None = None
        for span in self._stretches():
            passing = self._passing(span)
            if passing:
                spans.append(span)
                flow = flow or passing
        if flow is None:
            return None
        names = (f"{self._name}/{flow.protocol}",) if self._name else ()
        return Widening(
            direction=self._direction,
            peer=self._peer,
            ports=() if names else _joined(spans),
            names=names,
            flow=flow,
        )

    def _stretches(self) -> Iterator[PortRange]:
        """Yield the ports that the foreign pair means, cut where a declared rule begins or ends."""
        for protocol in PROTOCOLS:
            if self._port and protocol != self._port.get("protocol", "TCP"):
                continue
            for first, last in self._meant():
                cuts = sorted({first, *(cut for cut in self._cuts() if first < cut <= last)})
                for begin, following in zip(cuts, [*cuts[1:], last + 1], strict=True):
                    yield PortRange(begin, following - 1, protocol)

    def _meant(self) -> tuple[tuple[int, int], ...]:
        number = self._port.get("port")
        if isinstance(number, int):
            return ((number, self._port.get("endPort") or number),)
        if number is None or self._name:
            return ((FIRST, LAST),)
        named = self._subject.named_ports.get(number)
        return ((named[0], named[0]),) if named else ()

    def _cuts(self) -> Iterator[int]:
        for rule in self._rules:
            for port in rule.get("ports") or []:
                if isinstance(port.get("port"), int):
                    yield port["port"]
                    yield (port.get("endPort") or port["port"]) + 1

    def _passing(self, span: PortRange) -> Flow | None:
        """Return a flow on the first of these ports that only the foreign pair lets pass."""
        other = self._other(span)
        if other is None:
            return None
        ends = (other, self._subject) if self._direction == "Ingress" else (self._subject, other)
        flow = Flow(source=ends[0], destination=ends[1], port=span.first, protocol=span.protocol)
        opened, declared = (self._lets(flow, policy) for policy in (self._alone, self._declared))
        return flow if opened and not declared else None

    def _lets(self, flow: Flow, policy: KubeObject) -> bool:
        verdict = allows(flow, [policy])
        return (verdict.ingress if self._direction == "Ingress" else verdict.egress).allowed

    def _other(self, span: PortRange) -> Endpoint | ExternalEndpoint | None:
        """Return an end that the peer means and no declared rule open on these ports does."""
        open_here = tuple(index for index, rule in enumerate(self._rules) if _opens(rule, span))
        if open_here not in self._known:
            peers = [peer for index in open_here for peer in self._rules[index][self._end]]
            self._known[open_here] = self._found(peers)
        other = self._known[open_here]
        if other is not None and self._name:
            return _named(other, self._name, span)
        return other

    def _found(self, declared: list[KubeObject]) -> Endpoint | ExternalEndpoint | None:
        blocks = [peer for peer in declared if "ipBlock" in peer]
        if self._peer is None or "ipBlock" in self._peer:
            ip = _address([self._peer] if self._peer else [], blocks)
            return None if ip is None else ExternalEndpoint(ip=ip)
        ip = _address([], blocks)
        avoided: list[Limits] = [peer_limits(peer, self._namespace) for peer in declared if "ipBlock" not in peer]
        labels = labels_between(peer_limits(self._peer, self._namespace), avoided, self._tries)
        if ip is None or labels is None:
            return None
        return Endpoint(
            namespace=labels[("namespace", NAMESPACE_LABEL)],
            name="any",
            ip=ip,
            labels={key: value for (side, key), value in labels.items() if side == "pod"},
            namespace_labels={key: value for (side, key), value in labels.items() if side == "namespace"},
        )


def _named(other: Endpoint | ExternalEndpoint, name: str, span: PortRange) -> Endpoint:
    """Return the end as a pod whose port of that name is the first of `span`: only pods have names for ports."""
    ports = {name: (span.first, str(span.protocol))}
    if isinstance(other, Endpoint):
        return replace(other, named_ports=ports)
    # No declared rule means a pod without labels in a namespace without labels: all of them name both.
    return Endpoint(namespace="", name="any", ip=other.ip, named_ports=ports)


def _opens(rule: KubeObject, span: PortRange) -> bool:
    """Whether a declared rule, which always spells its ports out, is open on all of `span`, which it never splits."""
    return any(
        port["protocol"] == span.protocol and port["port"] <= span.first <= (port.get("endPort") or port["port"])
        for port in rule["ports"]
    )


def _address(wanted: list[KubeObject], avoided: list[KubeObject]) -> str | None:
    """Return an address that is in `wanted` (anywhere, if it is empty) and in none of `avoided`.

    Where there is one, there is one at which a block begins or right behind which a block ends.
    """
    texts = ["0.0.0.0/0", "::/0"]
    for peer in (*wanted, *avoided):
        texts += [peer["ipBlock"]["cidr"], *(peer["ipBlock"].get("except") or [])]
    for text in texts:
        block = ip_network(text, strict=False)
        for candidate in (int(block.network_address), int(block.broadcast_address) + 1):
            if candidate >= 2**block.max_prefixlen:
                continue
            outside = ExternalEndpoint(ip=str(type(block.network_address)(candidate)))
            meant = all(is_peer(peer, outside, "", cidr_matches_pods=True) for peer in wanted)
            if meant and not any(is_peer(peer, outside, "", cidr_matches_pods=True) for peer in avoided):
                return outside.ip
    return None


def _joined(spans: Iterable[PortRange]) -> tuple[PortRange, ...]:
    """Return the same ports in the fewest ranges."""
    found: list[PortRange] = []
    for span in sorted(spans, key=lambda one: (one.protocol, one.first)):
        last = found[-1] if found else None
        if last and last.protocol == span.protocol and last.last + 1 >= span.first:
            found[-1] = PortRange(last.first, max(last.last, span.last), span.protocol)
        else:
            found.append(span)
    return tuple(found)

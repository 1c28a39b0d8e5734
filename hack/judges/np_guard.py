"""np-guard's netpol-analyzer: exact port ranges between every two workloads, from whole manifests.

Facts about it that callers must know: workloads are owners of pods, a workload's connections with itself are not listed,
addresses are IPv4 only, and an `ipBlock` never means a pod.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, TypeAlias

from judges.program import Program

PROTOCOLS = ("SCTP", "TCP", "UDP")
Ports: TypeAlias = tuple[tuple[str, int, int], ...]
"""Protocol, first and last port of each range that is open; sorted, touching ranges joined."""
Workload: TypeAlias = tuple[str, str, str]
"""Namespace, name and kind of a pod's owner, or of the pod itself if it has none."""

EVERYTHING: Ports = tuple((protocol, 1, 65535) for protocol in PROTOCOLS)


@dataclass(frozen=True)
class Connectivity:
    """What np-guard says about one set of manifests."""

    workloads: frozenset[Workload] = frozenset()
    between: Mapping[tuple[Workload, Workload], Ports] = field(default_factory=dict)
    outward: Mapping[Workload, tuple[tuple[int, int, Ports], ...]] = field(default_factory=dict)
    """First and last address of each range, and what is open towards it; sorted."""
    inward: Mapping[Workload, tuple[tuple[int, int, Ports], ...]] = field(default_factory=dict)
    manifests: tuple[dict[str, Any], ...] = ()
    """The objects read from a folder."""
    notes: tuple[str, ...] = ()
    """What it could not read or had doubts about."""
    error: str = ""
    """Why it gives no answer at all."""

    def ports(self, source: Workload | IPv4Address, destination: Workload | IPv4Address) -> Ports:
        """Return what is open from one end to the other; nothing listed is nothing open."""
        if isinstance(source, IPv4Address):
            return () if isinstance(destination, IPv4Address) else _at(self.inward.get(destination, ()), source)
        if isinstance(destination, IPv4Address):
            return _at(self.outward.get(source, ()), destination)
        return self.between.get((source, destination), ())


class NpGuard(Program):
    """One running np-guard."""

    name = "np-guard"

    def objects(self, manifests: Iterable[dict[str, Any]]) -> Connectivity:
        """Return the connections that these Kubernetes objects allow."""
        return _read(self.ask({"objects": list(manifests)}))

    def folder(self, path: Path) -> Connectivity:
        """Return the connections that the manifests below a folder allow, and the manifests themselves."""
        return _read(self.ask({"folder": str(path)}))


def joined(ranges: Iterable[tuple[str, int, int]]) -> Ports:
    """Return the same ports in the fewest ranges, sorted."""
    result: list[tuple[str, int, int]] = []
    for protocol, first, last in sorted(ranges):
        if result and result[-1][0] == protocol and first <= result[-1][2] + 1:
            result[-1] = (protocol, result[-1][1], max(last, result[-1][2]))
        else:
            result.append((protocol, first, last))
    return tuple(result)


def _read(answer: dict[str, Any]) -> Connectivity:
    between: dict[tuple[Workload, Workload], Ports] = {}
    outward: dict[Workload, list[tuple[int, int, Ports]]] = {}
    inward: dict[Workload, list[tuple[int, int, Ports]]] = {}
    for entry in answer["connections"] or []:
        ports = EVERYTHING if entry["everything"] else _ports(entry["ports"])
        source, destination = entry["source"], entry["destination"]
        if "ranges" in source:
            inward.setdefault(_workload(destination), []).extend(_spans(source["ranges"], ports))
        elif "ranges" in destination:
            outward.setdefault(_workload(source), []).extend(_spans(destination["ranges"], ports))
        else:
            between[_workload(source), _workload(destination)] = ports
    return Connectivity(
        workloads=frozenset(_workload(peer) for peer in answer["peers"] or []),
        between=between,
        outward={workload: tuple(sorted(spans)) for workload, spans in outward.items()},
        inward={workload: tuple(sorted(spans)) for workload, spans in inward.items()},
        manifests=tuple(answer.get("objects", ())),
        notes=tuple(answer.get("notes", ())),
        error=answer.get("error", ""),
    )


def _workload(peer: dict[str, str]) -> Workload:
    return (peer.get("namespace", ""), peer.get("name", ""), peer.get("kind", ""))


def _ports(ports: dict[str, list[list[int]]]) -> Ports:
    return joined((protocol, first, last) for protocol, ranges in ports.items() for first, last in ranges)


def _spans(ranges: str, ports: Ports) -> Iterable[tuple[int, int, Ports]]:
    for text in ranges.split(","):
        first, _, last = text.strip().partition("-")
        yield int(IPv4Address(first)), int(IPv4Address(last or first)), ports


def _at(spans: tuple[tuple[int, int, Ports], ...], address: IPv4Address) -> Ports:
    place = bisect_right(spans, int(address), key=lambda span: span[0]) - 1
    return spans[place][2] if place >= 0 and int(address) <= spans[place][1] else ()

"""One of np-guard's examples put to np-guard and to our engine."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bartizan.api.names import KubeObject
from bartizan.core.network.connections import connections
from bartizan.core.network.semantics import Endpoint, ExternalEndpoint
from judges import Connectivity, NpGuard
from judges.np_guard import Ports, joined
from parity.network.manifests import Reading, read

MOST_ADDRESSES = 160
OUTCOMES = (
    "agrees",
    "differs",
    "not judged: AdminNetworkPolicy or BaselineAdminNetworkPolicy",
    "not judged: np-guard refuses it",
    "not judged: np-guard finds no workload",
)


@dataclass(frozen=True)
class Outcome:
    """What became of one example."""

    kind: str
    policies: int = 0
    comparisons: int = 0
    differences: tuple[str, ...] = ()


def put(folder: Path, judge: NpGuard) -> Outcome:
    """Return what np-guard and our engine make of the manifests in `folder`."""
    found = judge.folder(folder)
    if {"AdminNetworkPolicy", "BaselineAdminNetworkPolicy"} & {item["kind"] for item in found.manifests}:
        return Outcome(OUTCOMES[2])
    if found.error:
        return Outcome(OUTCOMES[3])
    if not found.workloads:
        return Outcome(OUTCOMES[4])
    reading = read(found.manifests)
    compared = list(_compared(found, reading))
    differences = [text for text in compared if text]
    if set(reading.ends) != found.workloads:
        differences.append(f"workloads: {sorted(set(reading.ends) ^ found.workloads)}")
    return Outcome(OUTCOMES[bool(differences)], len(reading.policies), len(compared), tuple(differences))


def _compared(found: Connectivity, reading: Reading) -> Iterator[str]:
    """Yield for each pair of ends what differs, or an empty text."""
    for source, pods in reading.ends.items():
        for destination, others in reading.ends.items():
            if source != destination:
                ours = _ours(pods, others, reading.policies)
                yield _difference(f"{source} -> {destination}", ours, found.ports(source, destination))
    step = 1 + len(reading.edges_of_blocks) // MOST_ADDRESSES
    for address in reading.edges_of_blocks[::step]:
        outside = (ExternalEndpoint(ip=str(address)),)
        for workload, pods in reading.ends.items():
            outward, inward = found.ports(workload, address), found.ports(address, workload)
            yield _difference(f"{workload} -> {address}", _ours(pods, outside, reading.policies), outward)
            yield _difference(f"{address} -> {workload}", _ours(outside, pods, reading.policies), inward)


def _ours(
    sources: tuple[Endpoint | ExternalEndpoint, ...],
    destinations: tuple[Endpoint | ExternalEndpoint, ...],
    policies: list[KubeObject],
) -> set[Ports]:
    """Return what is open between each pod of one workload and each of another: one value if the pods are alike."""
    return {
        joined((r.protocol, r.first, r.last) for r in connections(source, end, policies, cidr_matches_pods=False))
        for source in sources
        for end in destinations
    }


def _difference(pair: str, ours: set[Ports], theirs: Ports) -> str:
    return "" if ours == {theirs} else f"{pair}: ours {sorted(ours)}, np-guard's {theirs}"

"""What a change of one policy does to the edges around it, told from both ends.

An edge has two ends and may be declared by either, so the policy's own edges and those of every policy that names it are
compiled before and after; the difference is what opens, what closes and what waits.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from bartizan.api.v1alpha1 import EdgeStatus
from bartizan.core.model import PolicyKey, PolicyView, Snapshot
from bartizan.core.network.compile import compile_network
from bartizan.core.network.peers import neighbours

OpenEdges: TypeAlias = Mapping[tuple[str, str], frozenset[str]]
"""Caller and called side to the ports open between them, such as `8443/TCP`."""

_OPEN: Final = ("Applied", "Degraded")


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeChanges:
    """What opens, closes and waits. Each pair of ends is named `namespace/policy`, or as the status names other peers."""

    gained: OpenEdges
    lost: OpenEdges
    unmet: tuple[EdgeStatus, ...] = ()
    """The policy's own edges that are not open as declared."""
    awaiting: tuple[tuple[PolicyKey, EdgeStatus], ...] = ()
    """Other policies' edges that wait for this policy."""


def edge_changes(old: PolicyView | None, new: PolicyView, snapshot: Snapshot) -> EdgeChanges:
    """Return what becomes of the edges around a policy when `new` takes the place of `old` in `snapshot`."""
    others = {key: policy for key, policy in snapshot.policies.items() if key != new.key}
    before = replace(snapshot, policies={**others, old.key: old} if old else others)
    after = replace(snapshot, policies={**others, new.key: new})
    naming = [policy for policy in others.values() if new.key in neighbours(policy)]
    was = _open_edges(_declared([*([old] if old else []), *naming], before), new.key)
    now = list(_declared([new, *naming], after))
    will = _open_edges(now, new.key)
    return EdgeChanges(
        gained=_less(will, was),
        lost=_less(was, will),
        unmet=tuple(edge for policy, edge in now if policy.key == new.key and edge.state != "Applied"),
        awaiting=tuple(
            (policy.key, edge)
            for policy, edge in sorted(now, key=lambda pair: pair[0].key)
            if policy.key != new.key and edge.state == "PendingConsent" and _peer(edge) == "/".join(new.key)
        ),
    )


def _declared(policies: Iterable[PolicyView], snapshot: Snapshot) -> Iterator[tuple[PolicyView, EdgeStatus]]:
    for policy in policies:
        for edge in compile_network(policy, snapshot).edges:
            yield policy, edge


def _open_edges(declared: Iterable[tuple[PolicyView, EdgeStatus]], about: PolicyKey) -> OpenEdges:
    """Return the open edges that have `about` at one end, whoever of the two declared them."""
    found: dict[tuple[str, str], set[str]] = {}
    for policy, edge in declared:
        owner = "/".join(policy.key)
        if edge.state not in _OPEN or (policy.key != about and _peer(edge) != "/".join(about)):
            continue
        peer = owner if _peer(edge) == "self" else _peer(edge)
        ends = (owner, peer) if edge.to is not None else (peer, owner)
        found.setdefault(ends, set()).update(edge.ports)
    return {ends: frozenset(ports) for ends, ports in sorted(found.items())}


def _less(whole: OpenEdges, part: OpenEdges) -> OpenEdges:
    rest = {ends: ports - part.get(ends, frozenset()) for ends, ports in whole.items()}
    return {ends: ports for ends, ports in rest.items() if ports}


def _peer(edge: EdgeStatus) -> str:
    return edge.to or edge.from_ or ""

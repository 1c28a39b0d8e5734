"""One world put to all four: the oracle that reads policies, our engine, np-guard and Cyclonus."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from bartizan.api.names import KubeObject
from bartizan.core.network.semantics import Endpoint, ExternalEndpoint, Flow, allows
from judges import Cyclonus, NpGuard, cyclonus
from parity.network.dialects import (
    as_cyclonus_reads,
    as_np_guard_reads,
    not_in_needs_label,
    np_guard_is_asked,
    without_ipv6,
)
from property.network.oracle import may_receive, may_send
from property.network.worlds import World

BLOCKS_AND_PODS = "np-guard: a block never means a pod"
NO_IPV6 = "np-guard: no IPv6 (not asked)"
NO_SELF = "np-guard: no traffic of a workload with itself (not asked)"
NOT_IN = "cyclonus: NotIn does not hold for a pod without the label"
SELF = "cyclonus: a pod's traffic with itself is judged like any other"
DIFFERENCES = (BLOCKS_AND_PODS, NO_IPV6, NO_SELF, NOT_IN, SELF)


@dataclass(frozen=True)
class Verdicts:
    """What the four say about one flow; None: that judge cannot be asked."""

    flow: Flow
    oracle: bool
    engine: bool
    np_guard: bool | None
    cyclonus: bool
    oracle_without_blocks: bool
    np_guard_expected: bool
    cyclonus_expected: bool

    @property
    def unexplained(self) -> bool:
        """Whether anybody says something that neither the policies nor a known difference accounts for."""
        return (
            self.engine != self.oracle
            or self.np_guard_expected != self.oracle_without_blocks
            or self.np_guard not in {None, self.np_guard_expected}
            or self.cyclonus != self.cyclonus_expected
        )

    def differences(self) -> Iterable[str]:
        """Yield the known differences at work in this flow."""
        itself = self.flow.source == self.flow.destination
        if self.np_guard is None:
            yield NO_SELF if itself else NO_IPV6
        elif self.np_guard != self.oracle:
            yield BLOCKS_AND_PODS
        if self.cyclonus != self.oracle:
            yield SELF if itself else NOT_IN


def ask(
    world: World, flows: list[Flow], first: NpGuard, second: Cyclonus, policies: list[KubeObject] | None = None
) -> list[Verdicts]:
    """Return what everybody says about `flows` in `world`; `policies` replaces what bartizan emits."""
    emitted = world.emitted() if policies is None else policies
    strict = not_in_needs_label(emitted)
    guard = _np_guard(world, flows, first, without_ipv6(emitted))
    other = _cyclonus(world, flows, second, emitted)
    found = []
    for flow, by_guard, by_cyclonus in zip(flows, guard, other, strict=True):
        oracle = _passes(world, flow, by_address=True)
        engine = allows(flow, emitted).allowed
        between = isinstance(flow.source, Endpoint) and isinstance(flow.destination, Endpoint)
        found.append(
            Verdicts(
                flow=flow,
                oracle=oracle,
                engine=engine,
                np_guard=by_guard,
                cyclonus=by_cyclonus,
                oracle_without_blocks=_passes(world, flow, by_address=False) if between else oracle,
                np_guard_expected=as_np_guard_reads(flow, emitted) if between else engine,
                cyclonus_expected=engine
                if strict == emitted and flow.source != flow.destination
                else as_cyclonus_reads(flow, strict),
            )
        )
    return found


def tally(verdicts: Iterable[Verdicts]) -> Counter[str]:
    """Return how many flows were judged, in how many all four agree, and how often each known difference is at work."""
    counts: Counter[str] = Counter(dict.fromkeys(DIFFERENCES, 0))
    for verdict in verdicts:
        names = list(verdict.differences())
        counts.update(names)
        counts["flows"] += 1
        counts["allowed"] += verdict.oracle
        counts["all four agree"] += not names
    return counts


def _passes(world: World, flow: Flow, *, by_address: bool) -> bool:
    return may_send(world, flow, by_address=by_address) and may_receive(world, flow, by_address=by_address)


def _np_guard(world: World, flows: list[Flow], judge: NpGuard, policies: list[KubeObject]) -> list[bool | None]:
    found = judge.objects([*_namespaces(world), *map(_pod, world.pods), *policies])
    assert not found.error, found.error
    answers: list[bool | None] = []
    for flow in flows:
        if not np_guard_is_asked(flow):
            answers.append(None)
            continue
        ports = found.ports(_place(flow.source), _place(flow.destination))
        answers.append(any(p == flow.protocol and first <= flow.port <= last for p, first, last in ports))
    return answers


def _cyclonus(world: World, flows: list[Flow], judge: Cyclonus, policies: list[KubeObject]) -> list[bool]:
    ends = list(dict.fromkeys(end.ip for flow in flows for end in (flow.source, flow.destination)))
    pods = {pod.ip: cyclonus.pod(pod.namespace, pod.ip, pod.labels, pod.namespace_labels) for pod in world.pods}
    places = {ip: place for place, ip in enumerate(ends)}
    asked = [cyclonus.Flow(places[f.source.ip], places[f.destination.ip], f.port, f.protocol) for f in flows]
    return judge.allowed(policies, [pods.get(ip) or cyclonus.outside(ip) for ip in ends], asked)


def _place(end: Endpoint | ExternalEndpoint) -> Any:
    return (end.namespace, end.name, "Pod") if isinstance(end, Endpoint) else IPv4Address(end.ip)


def _namespaces(world: World) -> Iterable[KubeObject]:
    labels = {pod.namespace: dict(pod.namespace_labels) for pod in world.pods}
    for name in sorted(labels):
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels[name]}}


def _pod(pod: Endpoint) -> KubeObject:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": pod.namespace, "name": pod.name, "labels": dict(pod.labels)},
        "spec": {"containers": [{"name": "main", "image": "app"}]},
        "status": {"hostIP": "192.168.7.4", "podIPs": [{"ip": pod.ip}]},
    }

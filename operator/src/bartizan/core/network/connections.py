"""Every port that is open between two ends, exactly, so that whole pictures can be drawn and compared.

A verdict can only change at a port that some policy names, so one flow is judged in each stretch between such ports. That
makes this as right as `semantics.allows` and adds no second reading of a policy.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import Protocol
from bartizan.core.network.ports import PortRange
from bartizan.core.network.semantics import Endpoint, ExternalEndpoint, Flow, allows

FIRST: Final = 1
LAST: Final = 65535
PROTOCOLS: Final[tuple[Protocol, ...]] = ("SCTP", "TCP", "UDP")
"""The protocols a NetworkPolicy can speak of (`k8s.io/api/networking/v1` NetworkPolicyPort)."""


def connections(
    source: Endpoint | ExternalEndpoint,
    destination: Endpoint | ExternalEndpoint,
    network_policies: Iterable[KubeObject],
    *,
    cidr_matches_pods: bool = True,
) -> tuple[PortRange, ...]:
    """Return what `source` may open at `destination`: the fewest ranges, sorted by protocol and port.

    Only policies of the two ends' namespaces matter; others may be given. `cidr_matches_pods` as in `allows`.
    """
    namespaces = {end.namespace for end in (source, destination) if isinstance(end, Endpoint)}
    policies = [policy for policy in network_policies if policy["metadata"]["namespace"] in namespaces]
    starts = sorted(_starts(policies, destination))
    found: list[PortRange] = []
    for protocol in PROTOCOLS:
        for first, following in zip(starts, [*starts[1:], LAST + 1], strict=True):
            flow = Flow(source=source, destination=destination, port=first, protocol=protocol)
            if allows(flow, policies, cidr_matches_pods=cidr_matches_pods).allowed:
                _append(found, PortRange(first, following - 1, protocol))
    return tuple(found)


def _append(found: list[PortRange], span: PortRange) -> None:
    """Add `span`, which lies behind all of `found`, joined to the last one if they touch."""
    last = found[-1] if found else None
    if last and last.protocol == span.protocol and last.last + 1 == span.first:
        found[-1] = PortRange(last.first, span.last, span.protocol)
    else:
        found.append(span)


def _starts(policies: list[KubeObject], destination: Endpoint | ExternalEndpoint) -> set[int]:
    """Return the ports at which a verdict may differ from that of the port before."""
    starts = {FIRST}
    for first, last in (*_named(destination), *_numbered(policies)):
        starts |= {first, last + 1}
    return {port for port in starts if FIRST <= port <= LAST}


def _named(destination: Endpoint | ExternalEndpoint) -> Iterator[tuple[int, int]]:
    if isinstance(destination, Endpoint):
        yield from ((number, number) for number, _ in destination.named_ports.values())


def _numbered(policies: list[KubeObject]) -> Iterator[tuple[int, int]]:
    for policy in policies:
        for rule in (*(policy["spec"].get("ingress") or []), *(policy["spec"].get("egress") or [])):
            for port in rule.get("ports") or []:
                number, end = port.get("port"), port.get("endPort")
                if isinstance(number, int):
                    yield number, number if end is None else end

"""The lines that would open an edge, on the side that lacks them.

Only what the compiler would open is suggested: an entry that the baseline forbids, or that names what stays closed whatever a
policy says, is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import EgressRule, IngressRule
from bartizan.core.model import PolicyView, Snapshot
from bartizan.core.network.consent import admitted_ports, asked_ports
from bartizan.core.network.edges import egress_edge, ingress_edge
from bartizan.core.network.graph_nodes import Node, NodeKind
from bartizan.core.network.ports import PortRange, own_ports


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """One entry to add to one list of one policy."""

    policy: str
    """Namespace and name."""
    field: str
    """The list within `spec`: `network.ports`, `network.ingress` or `network.egress`."""
    entry: KubeObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """What to add, or why nothing that is added would help."""

    add: tuple[Suggestion, ...] = ()
    obstacle: str = ""


def advise(snapshot: Snapshot, source: Node, target: Node, port: PortRange | None, *, address: str = "") -> Advice:
    """Return what to add so that `source` may call `target` on `port` (on what the called policy has, if None).

    `address` is the block to name where one end is an address.
    """
    caller, called = (snapshot.policies.get((node.namespace, node.name)) for node in (source, target))
    caller = caller if source.kind is NodeKind.POLICY else None
    called = called if target.kind is NodeKind.POLICY else None
    if caller is None and called is None:
        return Advice()
    if called is None and port is None:
        return Advice(obstacle="name a port to be told what to add")
    found = tuple(_lacking(caller, called, ends=(source, target), port=port, address=address, now=snapshot.now))
    changed = _with(snapshot, found)
    obstacles = [said for one in found if (said := _obstacle(changed, one))]
    return Advice(obstacle=obstacles[0]) if obstacles else Advice(add=found)


def _lacking(
    caller: PolicyView | None,
    called: PolicyView | None,
    *,
    ends: tuple[Node, Node],
    port: PortRange | None,
    address: str,
    now: datetime,
) -> Iterator[Suggestion]:
    source, target = ends
    name = _port_name(called, port)
    if called is not None and port is not None and port not in own_ports(called.spec.network.ports):
        yield Suggestion(policy=target.id, field="network.ports", entry=_port(name, port))
    wanted = {port} if port else (own_ports(called.spec.network.ports) if called else set())
    if caller is not None:
        asked = asked_ports(caller, called, now) if called else frozenset()
        if called is None or not wanted or not wanted <= asked:
            ports = [{"name": name}] if called and port else [_number(port)] if port else []
            if caller is not called:
                to = _peer(target, source.namespace, address)
                yield Suggestion(policy=source.id, field="network.egress", entry={"to": to} | _listed(ports))
    if called is not None:
        admitted = admitted_ports(called, caller.key, now) if caller else frozenset()
        if caller is None or not wanted or not wanted <= admitted:
            origin = {"self": {}} if caller is called else _peer(source, target.namespace, address)
            entry = {"from": origin} | _listed([name] if port else [])
            yield Suggestion(policy=target.id, field="network.ingress", entry=entry)


def _listed(ports: list[str] | list[dict[str, str]] | list[KubeObject]) -> KubeObject:
    return {"ports": ports} if ports else {}


def _peer(node: Node, near: str, address: str) -> KubeObject:
    if node.kind is NodeKind.POLICY:
        return {"service": node.name} | ({"namespace": node.namespace} if node.namespace != near else {})
    if node.kind is NodeKind.INTERNET:
        return {"internet": {}}
    if node.kind is NodeKind.CIDR:
        return {"cidr": address}
    return {"workload": {"namespace": node.namespace, "selector": {"matchLabels": dict(node.labels)}}}


def _port_name(called: PolicyView | None, port: PortRange | None) -> str:
    if port is None:
        return ""
    ports = called.spec.network.ports if called else ()
    known = next((one.name for one in ports if (one.port, one.protocol) == (port.first, port.protocol)), None)
    return known or f"{port.protocol.lower()}-{port.first}"


def _port(name: str, port: PortRange) -> KubeObject:
    return {"name": name, "port": port.first} | _protocol(port)


def _number(port: PortRange) -> KubeObject:
    return {"port": port.first} | _protocol(port)


def _protocol(port: PortRange) -> KubeObject:
    return {} if port.protocol == "TCP" else {"protocol": port.protocol}


def with_suggestions(policy: PolicyView, added: tuple[Suggestion, ...]) -> PolicyView:
    """Return the policy with the entries that concern it."""
    spec = policy.spec.model_dump(by_alias=True, exclude_unset=True, mode="json")
    network = spec.setdefault("network", {})
    for one in added:
        if one.policy == "/".join(policy.key):
            field = one.field.removeprefix("network.")
            network[field] = [*(network.get(field) or []), one.entry]
    return PolicyView(
        namespace=policy.namespace,
        name=policy.name,
        uid=policy.uid,
        generation=policy.generation,
        spec=type(policy.spec).model_validate(spec),
    )


def _with(snapshot: Snapshot, added: tuple[Suggestion, ...]) -> Snapshot:
    changed = {one.policy for one in added}
    policies = {
        key: with_suggestions(policy, added) if "/".join(key) in changed else policy
        for key, policy in snapshot.policies.items()
    }
    return replace(snapshot, policies=policies, callers=None)


def _obstacle(snapshot: Snapshot, one: Suggestion) -> str:
    """Return why the entry opens nothing where it stands; empty if it does."""
    namespace, _, name = one.policy.partition("/")
    policy = snapshot.policies[namespace, name]
    if one.field == "network.ingress":
        edge = ingress_edge(policy, IngressRule.model_validate(one.entry), snapshot)
    elif one.field == "network.egress":
        edge = egress_edge(policy, EgressRule.model_validate(one.entry), snapshot)
    else:
        return ""
    return "" if edge.grants else str(edge.status.message)

"""May one end call another, what decides it on each side, and what is missing if not.

The answer is the semantics engine's. The words come from the policies: a person edits those, and not the NetworkPolicies made
from them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from bartizan.api.names import BASELINE_NETWORK_POLICY, KubeObject
from bartizan.core.network.connections import connections
from bartizan.core.network.graph import Network
from bartizan.core.network.graph_edges import Declaration
from bartizan.core.network.graph_nodes import DNS, Node, NodeKind
from bartizan.core.network.graph_pairs import replica
from bartizan.core.network.ports import PortRange, port_texts
from bartizan.core.network.reach_suggestion import Advice, advise
from bartizan.core.network.semantics import Direction, Endpoint, Flow, RuleRef, allows
from bartizan.core.reasons import Mode

_LISTED: Final = 5
"""How many peers a sentence names."""
_ALWAYS: Final = PortRange(1, 65535, "TCP")


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one end's policies say."""

    allowed: bool
    isolated: bool
    ports: tuple[PortRange, ...]
    """What this side lets pass between the two, whatever the other side says."""
    rule: RuleRef | None
    """The NetworkPolicy rule that lets it pass; None where nothing isolates or nothing allows."""
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The verdict about one call."""

    source: str
    target: str
    port: PortRange | None
    allowed: bool
    open: tuple[PortRange, ...]
    """All ports that are open between the two, whichever was asked about."""
    partly: bool
    """Allowed for some replicas only: they differ in their labels."""
    egress: Side
    ingress: Side
    advice: Advice


def judge(network: Network, source: Node, target: Node, port: PortRange | None, *, address: str = "") -> Answer:
    """Return whether a pod of `source` may call one of `target` on `port` (on any port, if None).

    `address` is what a suggestion names where an end is an address.
    """
    pairs = [(one, other) for one in network.places(source.id) for other in network.places(target.id)]
    open_of = {pair: network.pairs.ports(*pair) for pair in pairs}
    passing = [pair for pair in pairs if _holds(open_of[pair], port)]
    shown = passing[0] if passing else pairs[0]
    sides = {
        direction: _side(network, direction, (source, target), shown, port=port, passes=bool(passing))
        for direction in _DIRECTIONS
    }
    advice = Advice() if passing else advise(network.snapshot, source, target, port, address=address)
    return Answer(
        source=source.id,
        target=target.id,
        port=port,
        allowed=bool(passing),
        open=network.open_ports(source.id, target.id),
        partly=0 < len(passing) < len(pairs),
        egress=sides["Egress"],
        ingress=sides["Ingress"],
        advice=advice,
    )


_DIRECTIONS: Final[tuple[Direction, ...]] = ("Egress", "Ingress")


def _holds(ports: Iterable[PortRange], port: PortRange | None) -> bool:
    return any(port is None or span.holds(port) for span in ports)


def _side(
    network: Network,
    direction: Direction,
    nodes: tuple[Node, Node],
    pair: tuple[int, int],
    *,
    port: PortRange | None,
    passes: bool,
) -> Side:
    here = 0 if direction == "Egress" else 1
    isolating = [_only(policy, direction) for policy in network.pairs.isolating(pair[here], direction)]
    caller, called = (network.pairs.end(place) for place in pair)
    called = replica(called) if caller == called else called
    ports = connections(caller, called, isolating)
    allowed = passes or _holds(ports, port)
    at = port or (ports[0] if ports else _ALWAYS)
    flow = Flow(source=caller, destination=called, port=at.first, protocol=at.protocol)
    verdict = allows(flow, isolating)
    rule = (verdict.egress if direction == "Egress" else verdict.ingress).by
    if not isolating:
        why = _open(nodes[here], isinstance((caller, called)[here], Endpoint))
    elif allowed:
        why = _allowed(network, nodes, nodes[here], rule)
    else:
        why = _refused(network, nodes, direction, ports, [_name(policy) for policy in isolating])
    return Side(allowed=allowed, isolated=bool(isolating), ports=ports, rule=rule, why=why)


def _only(policy: KubeObject, direction: Direction) -> KubeObject:
    """Return the policy as if it spoke of one direction only."""
    field = direction.lower()
    spec = {
        "podSelector": policy["spec"].get("podSelector") or {},
        "policyTypes": [direction],
        field: policy["spec"].get(field) or [],
    }
    return {**policy, "spec": spec}


def _name(policy: KubeObject) -> str:
    return f"{policy['metadata']['namespace']}/{policy['metadata']['name']}"


def _open(node: Node, in_pod_network: bool) -> str:  # noqa: FBT001 -- one call, next to its meaning
    if node.outside:
        return "outside the cluster: no policy applies there"
    if not in_pod_network:
        return f"{node.name} runs in its node's network, which no NetworkPolicy holds"
    mode = "is not governed" if node.mode is Mode.NOT_GOVERNED else f"is in mode {node.mode}"
    return f"open to all: namespace {node.namespace} {mode}, and no NetworkPolicy isolates {node.name} this way"


def _allowed(network: Network, nodes: tuple[Node, Node], here: Node, rule: RuleRef | None) -> str:
    own = [one for one in _rules(network, nodes) if one.policy == here.id]
    if any(one.status.to == DNS for one in own):
        return "every policy may ask the cluster's DNS"
    opened = [one.path for one in own if one.status.state in {"Applied", "Degraded"}]
    if opened and here.mode is Mode.ENFORCE:
        return f"policy {here.id} declares it in spec.{opened[0]}"
    return (
        f"NetworkPolicy {rule.policy} allows it in spec.{rule.direction.lower()}[{rule.index}]" if rule else "allowed"
    )


def _refused(
    network: Network,
    nodes: tuple[Node, Node],
    direction: Direction,
    ports: tuple[PortRange, ...],
    isolating: list[str],
) -> str:
    here = nodes[0 if direction == "Egress" else 1]
    if here.mode is not Mode.ENFORCE or here.kind is not NodeKind.POLICY:
        baseline = f"{here.namespace}/{BASELINE_NETWORK_POLICY}"
        if isolating == [baseline]:
            return f"no policy covers {here.name}, and namespace {here.namespace} isolates what no policy covers"
        return f"isolated by NetworkPolicy {', '.join(isolating)}, and no rule there allows it"
    own = [one for one in _rules(network, nodes) if one.policy == here.id]
    if ports:
        where = f" in spec.{own[0].path}" if own else ""
        return f"policy {here.id} opens only {', '.join(port_texts(ports))}{where}"
    if own:
        status = own[0].status
        return f"policy {here.id} declares it in spec.{own[0].path}, but it is {status.state}: {status.message}"
    return f"policy {here.id} does not declare it; {_lists(network, here, direction)}"


def _rules(network: Network, nodes: tuple[Node, Node]) -> tuple[Declaration, ...]:
    return network.rules.get((nodes[0].id, nodes[1].id), ())


def _lists(network: Network, here: Node, direction: Direction) -> str:
    field = "network.egress" if direction == "Egress" else "network.ingress"
    names = sorted(
        {
            network.nodes[source if direction == "Ingress" else target].id.removeprefix("cidr/")
            for (source, target), rules in network.rules.items()
            if (target if direction == "Ingress" else source) == here.id
            and any(one.policy == here.id and one.path.startswith(field) for one in rules)
        }
    )
    if not names:
        return f"its {field} is empty"
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"its {field} lists only {', '.join(names[:_LISTED])}{more}"

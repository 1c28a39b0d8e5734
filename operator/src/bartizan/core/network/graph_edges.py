"""What policies declare, as edges between nodes: each rule with the verdict the compiler gives it.

A rule stands in one policy and speaks of one peer, but an edge has two ends and often a rule on either side; here they meet.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from bartizan.api.v1alpha1 import EdgeStatus, Peer
from bartizan.core.model import PolicyView, Snapshot
from bartizan.core.network.callers import placed_ingress_rules
from bartizan.core.network.dns import DNS_PORTS
from bartizan.core.network.edges import egress_edge, ingress_edge
from bartizan.core.network.graph_nodes import DNS, Node, Nodes
from bartizan.core.network.peers import peer_problem, policy_key
from bartizan.core.network.ports import port_texts
from bartizan.core.reasons import Mode

EdgeKey: TypeAlias = tuple[str, str]
"""The ids of the calling and of the called node."""
EdgeState: TypeAlias = Literal["Applied", "Degraded", "PendingConsent", "Denied", "Undeclared"]
_OPEN: Final = frozenset({"Applied", "Degraded"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One rule of one policy, seen from one edge."""

    policy: str
    """Namespace and name of the policy it stands in."""
    path: str
    """Where in the policy's `spec`, such as `network.egress[0]`."""
    status: EdgeStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """All that policies say about one edge."""

    state: EdgeState
    reason: str = ""
    ports: tuple[str, ...] = ()
    message: str = ""
    rules: tuple[Declaration, ...] = ()


def declarations(snapshot: Snapshot, nodes: Nodes) -> dict[EdgeKey, tuple[Declaration, ...]]:
    """Return the rules about each edge; nodes that only rules name are added to `nodes`."""
    found: defaultdict[EdgeKey, list[Declaration]] = defaultdict(list)
    for key in sorted(snapshot.policies):
        policy = snapshot.policies[key]
        own = "/".join(key)
        for path, into in placed_ingress_rules(policy):
            rule = Declaration(policy=own, path=path, status=ingress_edge(policy, into, snapshot).status)
            for node in _nodes_of(into.from_, policy, nodes):
                found[node.id, own].append(rule)
        for position, out in enumerate(policy.spec.network.egress):
            status = egress_edge(policy, out, snapshot).status
            rule = Declaration(policy=own, path=f"network.egress[{position}]", status=status)
            for node in _nodes_of(out.to, policy, nodes):
                found[own, node.id].append(rule)
        if snapshot.mode(policy.namespace) is Mode.ENFORCE:
            names = EdgeStatus(to=DNS, ports=port_texts(DNS_PORTS), state="Applied")
            found[own, DNS].append(Declaration(policy=own, path="network", status=names))
    return {edge: tuple(found[edge]) for edge in sorted(found)}


def declared(rules: Iterable[Declaration]) -> Declared:
    """Return what the rules about one edge come to together: one that is open on some ports and waits on others is Degraded."""
    known = tuple(rules)
    # What has ended counts only where nothing else is said about the edge.
    statuses = [rule.status for rule in known if rule.status.state != "Expired"] or [rule.status for rule in known]
    open_ones = [status for status in statuses if status.state in _OPEN]
    rest = [status for status in statuses if status.state != "Applied"]
    if not rest:
        state: EdgeState = "Applied"
    elif open_ones:
        state = "Degraded"
    else:
        state = "PendingConsent" if any(status.state == "PendingConsent" for status in rest) else "Denied"
    shown = open_ones or statuses
    return Declared(
        state=state,
        reason=next((status.reason for status in rest if status.reason), ""),
        ports=tuple(sorted({port for status in shown for port in status.ports}, key=_by_number)),
        message="; ".join(dict.fromkeys(status.message for status in statuses if status.message)),
        rules=known,
    )


def _by_number(text: str) -> tuple[int, str]:
    number = text.partition("/")[0].partition("-")[0]
    return (int(number), text)


def _nodes_of(peer: Peer, policy: PolicyView, nodes: Nodes) -> Iterator[Node]:
    """Yield the nodes that a rule's peer stands for; a rule that cannot be read stands for none."""
    if peer_problem(peer) is not None:
        return
    key = policy_key(peer, policy)
    if key is not None:
        yield nodes.policy(key)
    elif peer.workload is not None:
        yield from nodes.pods(peer.workload.namespace, peer.workload.selector)
    elif peer.cidr is not None:
        block = nodes.block(peer.cidr, peer.except_)
        if block is not None:
            yield block
    else:
        yield nodes.internet

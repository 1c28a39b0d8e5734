"""What policies in files declare about the network that would not come about.

The rules go through the same compiler as in the cluster, one by one, so that each finding points at its rule. What only a
cluster knows (whether a name resolves, what the network plug-in can do) is no finding. Nor is a peer in a namespace of which
nothing is given: its policy may lie in another repository.
"""

from collections.abc import Iterator

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import EdgeStatus, Peer
from bartizan.core.findings.catalogue import BY_REASON, IDLE, OVERLAP, severity
from bartizan.core.findings.finding import Finding, Severity, about
from bartizan.core.findings.world import World
from bartizan.core.model import PolicyView
from bartizan.core.network.edges import egress_edge, ingress_edge
from bartizan.core.network.peers import policy_key
from bartizan.core.reasons import Reason
from bartizan.core.shared_ground import overlaps

_STATED = frozenset({"PendingConsent", "Denied", "Expired", "Degraded"})


def network_findings(item: KubeObject, policy: PolicyView, world: World) -> Iterator[Finding]:
    """Yield what is wrong with the rules of a policy that is otherwise what its kind promises."""
    network = policy.spec.network
    for position, inward in enumerate(network.ingress):
        path = f"spec.network.ingress[{position}]"
        if not _elsewhere(inward.from_, policy, world):
            yield from _edge(item, policy, ingress_edge(policy, inward, world.snapshot).status, path, inward.from_)
    for position, outward in enumerate(network.egress):
        path = f"spec.network.egress[{position}]"
        if not _elsewhere(outward.to, policy, world):
            yield from _edge(item, policy, egress_edge(policy, outward, world.snapshot).status, path, outward.to)
    for conflict in overlaps(policy, world.rivals(policy)):
        yield about(
            item,
            OVERLAP,
            severity=severity(OVERLAP.id),
            path=conflict.field,
            message=conflict.message,
        )


def peers_elsewhere(policy: PolicyView, world: World) -> frozenset[str]:
    """Return the namespaces that the policy's rules name and of which nothing is given."""
    network = policy.spec.network
    peers = [*(rule.from_ for rule in network.ingress), *(rule.to for rule in network.egress)]
    keys = [policy_key(peer, policy) for peer in peers if _elsewhere(peer, policy, world)]
    return frozenset(key[0] for key in keys if key)


def idle_finding(item: KubeObject) -> Finding:
    """Return the finding about a policy that selects nothing of what is given in its namespace."""
    return about(
        item,
        IDLE,
        severity=severity(IDLE.id),
        path="spec.workload.selector",
        message="spec.workload.selector selects none of the workloads that are given for its namespace",
    )


def _elsewhere(peer: Peer, policy: PolicyView, world: World) -> bool:
    key = policy_key(peer, policy)
    return key is not None and key[0] != policy.namespace and key[0] not in world.known


def _edge(item: KubeObject, policy: PolicyView, status: EdgeStatus, path: str, peer: Peer) -> Iterator[Finding]:
    reason = Reason(status.reason) if status.reason else None
    info = BY_REASON.get(reason) if reason else None
    if info is None or status.state not in _STATED:
        return
    # Whoever admits a caller that does not ask has left something over; whoever asks in vain will miss it.
    bad = Severity.LOW if reason is Reason.PENDING_CONSENT and status.from_ else severity(info.id)
    yield about(
        item,
        info,
        severity=bad,
        path=f"{path}.until" if info.id == "N-04" else path,
        message=status.message or status.state,
        value=status.to or status.from_,
        snippet=_lines(policy, status, peer) if reason is Reason.PENDING_CONSENT else "",
    )


def _lines(policy: PolicyView, status: EdgeStatus, peer: Peer) -> str:
    """Return what the other side has to write; nothing for the policy itself, whose message says it."""
    key = policy_key(peer, policy)
    if key is None or key == policy.key:
        return ""
    here = f"service: {policy.name}" + (f", namespace: {policy.namespace}" if key[0] != policy.namespace else "")
    field, way = ("ingress", "from") if status.to else ("egress", "to")
    return f"# in policy {'/'.join(key)}\nnetwork:\n  {field}:\n  - {way}: {{{here}}}"

"""All gaps of one policy: a function of what was observed, like every decision here.

It is asked for anew whenever something around the policy changes, so it is a value in a fixed order: the same surroundings give
the same status, and an unchanged status is not written.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import GapStatus, WorkloadPeer
from bartizan.core.gaps.exposure import host_port_gaps, ingress_gaps, leads_to, service_gaps
from bartizan.core.gaps.foreign import MOST, Opening, Widening, opening
from bartizan.core.gaps.pods import Mesh, PodShape
from bartizan.core.gaps.surroundings import Surroundings, is_mine, is_named, workload_peers
from bartizan.core.gaps.witness import labels_between, pod_limits
from bartizan.core.gaps.words import a_gap, listed, peer_words
from bartizan.core.model import PolicyView, Snapshot
from bartizan.core.network.connections import FIRST, LAST, PROTOCOLS
from bartizan.core.network.peers import NAMESPACE_LABEL
from bartizan.core.network.semantics import Endpoint
from bartizan.core.reasons import GapType
from bartizan.core.select import describe, to_kube

_NAMED: Final = 3
"""How many of a foreign policy's openings are named before the rest is only counted."""
_SUBJECT_IP: Final = "192.0.2.1"
"""RFC 5737: nobody's. Whether a foreign policy opens something does not depend on the pod's own address."""
_TUNNELS: Final = {Mesh.AMBIENT: "15008/TCP", Mesh.SIDECAR: "15008/TCP", Mesh.LINKERD: "4143/TCP"}
_TUNNELLED: Final = {
    Mesh.AMBIENT: "carries all traffic between meshed pods",
    Mesh.SIDECAR: "carries traffic with ambient pods and waypoints",
    Mesh.LINKERD: "carries traffic between meshed pods",
}


def find_gaps(
    policy: PolicyView, declared: KubeObject, snapshot: Snapshot, surroundings: Surroundings
) -> tuple[GapStatus, ...]:
    """Return the policy's gaps, each once, by type and object. `declared` is the NetworkPolicy that it compiles to."""
    mine = [pod for pod in surroundings.pods if is_mine(policy, pod)]
    services = [service for service in snapshot.services if leads_to(service, policy, mine)]
    peers = workload_peers(policy, now=snapshot.now)
    found = [
        *_foreign(policy, declared, surroundings.network_policies, mine),
        *service_gaps(declared, services),
        *host_port_gaps(mine),
        *ingress_gaps(services, surroundings.ingresses),
        *_host_network(policy, peers, surroundings.pods),
        *_unverified(peers),
        *_meshed(mine),
    ]
    order = list(GapType)
    unique = {gap.model_dump_json(): gap for gap in found}.values()
    return tuple(sorted(unique, key=lambda gap: (order.index(GapType(gap.type)), gap.object, gap.message)))


def subjects(policy: PolicyView, pods: Iterable[PodShape]) -> tuple[Endpoint, ...]:
    """Return the pods that NetworkPolicies select: those that run, or the plainest that the policy selects if none does."""
    shapes = {(pod.labels, pod.named_ports) for pod in pods if not pod.host_network}
    if not shapes:
        labels = labels_between(pod_limits(to_kube(policy.spec.workload.selector)), ()) or {}
        ports = policy.spec.network.ports
        named = tuple((port.name, port.port, port.protocol) for port in ports if isinstance(port.port, int))
        shapes = {(tuple((key, value) for (side, key), value in labels.items() if side == "pod"), named)}
    return tuple(
        Endpoint(
            namespace=policy.namespace,
            name=policy.name,
            ip=_SUBJECT_IP,
            labels=dict(labels),
            namespace_labels={NAMESPACE_LABEL: policy.namespace},
            named_ports={name: (number, protocol) for name, number, protocol in named},
        )
        for labels, named in sorted(shapes)
    )


def _foreign(
    policy: PolicyView, declared: KubeObject, network_policies: Iterable[KubeObject], mine: Iterable[PodShape]
) -> Iterator[GapStatus]:
    ends = subjects(policy, mine)
    for item in network_policies:
        opened = opening(item, declared, ends)
        if opened.widenings or opened.undecided:
            what = f"NetworkPolicy {item['metadata']['namespace']}/{item['metadata']['name']}"
            yield a_gap(GapType.FOREIGN_ALLOW, what, _opening_words(opened, policy.namespace))


def _opening_words(opened: Opening, namespace: str) -> str:
    parts = [_widening_words(one, namespace) for one in opened.widenings[:_NAMED]]
    more = len(opened.widenings) - _NAMED
    parts += [f"{more} more such rules"] if more > 0 else []
    parts += (
        [f"it cannot be compared in full (over {MOST} rules, or selectors too entangled)"] if opened.undecided else []
    )
    return "; ".join(parts)


def _widening_words(one: Widening, namespace: str) -> str:
    way = "lets in" if one.direction == "Ingress" else "lets out to"
    return f"{way} {peer_words(one.peer, namespace)} on {_ports_words(one)}"


def _ports_words(one: Widening) -> str:
    everything = tuple((FIRST, LAST, protocol) for protocol in PROTOCOLS)
    if tuple((span.first, span.last, span.protocol) for span in one.ports) == everything:
        return "every port"
    return listed([*(str(span) for span in one.ports), *one.names])


def _host_network(policy: PolicyView, peers: Sequence[WorkloadPeer], pods: Sequence[PodShape]) -> Iterator[GapStatus]:
    for pod in pods:
        if not pod.host_network:
            continue
        if is_mine(policy, pod):
            message = "the service's own pods are on their node's network: no NetworkPolicy holds for them, either way"
            yield a_gap(GapType.HOST_NETWORK_PEER, pod.origin, message)
        elif any(is_named(peer, pod) for peer in peers):
            message = "it bears the labels of a declared peer but its node's address: the edge does not hold for it"
            yield a_gap(GapType.HOST_NETWORK_PEER, pod.origin, message)


def _unverified(peers: Iterable[WorkloadPeer]) -> Iterator[GapStatus]:
    for peer in peers:
        message = (
            f"a rule trusts pods with {describe(peer.selector)}: whoever may make pods in namespace {peer.namespace} "
            "can put these labels on one"
        )
        yield a_gap(GapType.UNVERIFIED_PEER, f"Namespace {peer.namespace}", message)


def _meshed(mine: Iterable[PodShape]) -> Iterator[GapStatus]:
    for pod in mine:
        if pod.mesh is not Mesh.NONE:
            message = (
                f"{pod.mesh}: port {_TUNNELS[pod.mesh]} {_TUNNELLED[pod.mesh]}, and NetworkPolicies see that port only: "
                "closed, none of it passes; open, all ports do"
            )
            yield a_gap(GapType.PORT_FILTER_VOID_BY_MESH, pod.origin, message)

"""DNS names as peers: by a network plugin that follows DNS, else by addresses, and said so.

NetworkPolicy knows no names. So without such a plugin the addresses that the cluster's DNS gives are opened for as long as it
gives them, which is `Degraded`: whoever else lives at those addresses is open too. A name is somebody else's to point where
they like, so only public addresses count: never one of the cluster, of a private network or of the cloud's metadata (DNS
rebinding).
"""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from bartizan.api.v1alpha1 import Peer
from bartizan.api.v1alpha1.peers import CLUSTER_NAMES
from bartizan.core.model import PolicyView, Snapshot
from bartizan.core.network.names import MOST_ADDRESSES
from bartizan.core.network.ports import PortRange
from bartizan.core.network.ranges import CLOSED, Block, block_peer, inside, read_block
from bartizan.core.network.verdicts import Draft, Edge
from bartizan.core.reasons import Mode, Reason
from bartizan.core.views import NO_BASELINE

NOT_PUBLIC: Final[tuple[Block, ...]] = (
    *(
        IPv4Network(block)
        for block in (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "224.0.0.0/3",
        )
    ),
    IPv6Network("2001::/23"),
    IPv6Network("2002::/16"),
    *CLOSED,
)
"""Not of the internet (IANA special-purpose registries, RFC 6890); the IPv6 ones carry or stand for other addresses."""
GLOBAL: Final = IPv6Network("2000::/3")
"""All of IPv6 that is handed out for the internet; NAT64 and mapped addresses lie outside of it."""
LABELS_BELOW: Final = 4
"""How deep a wildcard goes where a network plugin carries it: there a pattern stands for a fixed number of labels."""


def fqdn_edge(draft: Draft, ports: frozenset[PortRange], peer: Peer, snapshot: Snapshot) -> Edge:
    """Return the edge with a DNS name."""
    name = peer.fqdn or ""
    no = refusal(name, snapshot)
    if no is not None:
        return draft.denied(*no, ports)
    carrier = snapshot.carrier
    if carrier.accepted:
        depth = f"names of up to {LABELS_BELOW} further labels" if name.startswith("*.") else ""
        return draft.applied(ports, (), f"by {carrier.object}", depth)
    if not name.startswith("*.") and peer.on_unsupported != "Deny":
        return _snapshot_edge(draft, ports, name, snapshot)
    if carrier.object:
        note = f"nothing is known to be open to {name}: {carrier.object} {carrier.problem}"
        return draft.degraded(Reason.BACK_END_NOT_READY, (), (), note)
    if name.startswith("*."):
        note = "NetworkPolicy knows no names, and a wildcard has no addresses: name each host, or use cidr"
        return draft.denied(Reason.UNSUPPORTED, note, ports)
    note = "NetworkPolicy knows no names, and the policy says onUnsupported: Deny"
    return draft.denied(Reason.UNSUPPORTED, note, ports)


def refusal(name: str, snapshot: Snapshot) -> tuple[Reason, str] | None:
    """Return why the name is open to nobody, whatever could carry it; None if nothing stands against it."""
    if name.endswith(CLUSTER_NAMES):
        return Reason.INVALID_SPEC, f"{name} is a name inside the cluster: name the service instead"
    refused = next((entry for entry in snapshot.baseline.network.fqdn_deny_list if overlap(name, entry)), None)
    if refused is not None:
        note = f"SecurityBaseline default forbids {name} (network.fqdnDenyList: {refused})"
        return Reason.FORBIDDEN_BY_BASELINE, note
    if snapshot.baseline_missing:
        # The list of forbidden names went with the object, and this name may be on it.
        return Reason.FORBIDDEN_BY_BASELINE, NO_BASELINE
    return None


def wanted_names(policies: Iterable[PolicyView], snapshot: Snapshot) -> frozenset[str]:
    """Return the names whose addresses matter: those that an enforced policy may call by address."""
    return frozenset(
        name
        for policy in policies
        if snapshot.mode(policy.namespace) is Mode.ENFORCE
        for name in called_names(policy)
        if not name.startswith("*.") and not name.endswith(CLUSTER_NAMES)
    )


def called_names(policy: PolicyView) -> frozenset[str]:
    """Return the names that a policy calls, wildcards included."""
    return frozenset(rule.to.fqdn for rule in policy.spec.network.egress if rule.to.fqdn is not None)


def overlap(one: str, other: str) -> bool:
    """Whether some name is meant by both; `*.` stands for one or more labels."""
    first, second = one.removeprefix("*"), other.removeprefix("*")
    if first != one and second != other:
        return first.endswith(second) or second.endswith(first)
    if first != one:
        return other.endswith(first)
    return one.endswith(second) if second != other else one == other


def is_public(block: Block, inside_cluster: Iterable[Block]) -> bool:
    """Whether an address may be opened because a name points to it."""
    if isinstance(block, IPv6Network) and not inside(block, GLOBAL):
        return False
    return not any(inside(block, hole) for hole in (*NOT_PUBLIC, *inside_cluster))


def _snapshot_edge(draft: Draft, ports: frozenset[PortRange], name: str, snapshot: Snapshot) -> Edge:
    known = snapshot.names.get(name)
    if known is None:
        return draft.degraded(Reason.NAME_NOT_RESOLVED, (), (), f"{name} is not resolved yet")
    ranges = snapshot.ranges
    texts = (*ranges.pods, *ranges.services, *ranges.nodes, *ranges.dns_addresses)
    cluster = [block for text in (*texts, *snapshot.baseline.network.cluster_cidrs) if (block := read_block(text))]
    opened: list[Block] = []
    refused: list[str] = []
    for address in known.addresses[:MOST_ADDRESSES]:
        block = read_block(f"{address}/{128 if ':' in address else 32}")
        if block is not None and is_public(block, cluster):
            opened.append(block)
        else:
            refused.append(address)
    left_out = f"not public and never opened for a name: {', '.join(refused)} (use cidr)" if refused else ""
    if not opened:
        problem = left_out or known.problem or "the cluster's DNS knows no address of it"
        return draft.degraded(Reason.NAME_NOT_RESOLVED, (), (), f"nothing is open to {name}: {problem}")
    count = f"{len(opened)} address{'es' if len(opened) > 1 else ''}"
    note = f"open by address: {count} that DNS gives for {name}; others served there are open too"
    peers = (block_peer(block, ()) for block in opened)
    return draft.degraded(Reason.IP_SNAPSHOT, ports, peers, note, left_out, _awaited(snapshot))


def _awaited(snapshot: Snapshot) -> str:
    carrier = snapshot.carrier
    return f"until {carrier.object} carries it, which {carrier.problem}" if carrier.object else ""

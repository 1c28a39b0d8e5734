"""The nodes of the picture: policies with the pods they cover, pods without a policy, and what lies outside the cluster."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import ip_address, ip_network
from typing import Final

from bartizan.api.names import MANAGED_BY, MANAGED_BY_LABEL
from bartizan.api.v1alpha1 import LabelSelector
from bartizan.core.model import PolicyView
from bartizan.core.network.graph_landscape import Landscape
from bartizan.core.network.graph_outside import block_ends, internet_ends, is_everywhere, named_blocks
from bartizan.core.network.graph_pairs import End
from bartizan.core.network.graph_workloads import Workload
from bartizan.core.network.peers import NAMESPACE_LABEL
from bartizan.core.network.ranges import Block, read_block
from bartizan.core.network.semantics import Endpoint, ExternalEndpoint
from bartizan.core.reasons import Mode
from bartizan.core.select import describe, matches

INTERNET: Final = "internet"
DNS: Final = "dns"
_NODE_ADDRESSES: Final = ip_network("192.0.2.0/24")
"""RFC 5737: stands for the address of a node that is not known, which no rule names."""


class NodeKind(StrEnum):
    """What a node stands for."""

    POLICY = "policy"
    WORKLOAD = "workload"
    MISSING = "missing"
    """A policy that a rule names and that is not there, or cannot be read."""
    INTERNET = "internet"
    CIDR = "cidr"
    DNS = "dns"


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One end of edges."""

    id: str
    kind: NodeKind
    name: str
    namespace: str = ""
    mode: Mode = Mode.NOT_GOVERNED
    runs: tuple[str, ...] = ()
    """Kind and name of what runs the pods; empty where no workload is known."""
    ends: tuple[End, ...] = ()
    """Pods or addresses that stand for it; several where replicas differ in their labels."""
    labels: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    """What is wrong with it, in a sentence."""

    @property
    def outside(self) -> bool:
        """Whether it is no pod."""
        return self.kind in {NodeKind.INTERNET, NodeKind.CIDR}


class Nodes:
    """All nodes of a landscape; asks for a peer give its nodes."""

    def __init__(self, landscape: Landscape) -> None:
        self._landscape = landscape
        self._addresses = _Addresses(landscape)
        self._dns = landscape.snapshot.baseline.network.dns
        self._blocks = named_blocks(landscape.network_policies)
        self.all: dict[str, Node] = {}
        self._uncovered: list[tuple[Workload, Node]] = []
        self._add_policies()
        self._add_uncovered()
        self._add_outside()

    def policy(self, key: tuple[str, str]) -> Node:
        """Return the node of a policy, there or not."""
        known = self.all.get("/".join(key))
        return known or self._add(self._missing(key, "no such ServiceSecurityPolicy is given"))

    def pods(self, namespace: str, selector: LabelSelector) -> tuple[Node, ...]:
        """Return the nodes of pods found by labels: workloads there are, or one that stands for those to come."""
        found = {
            node.id: node
            for node in self.all.values()
            if node.namespace == namespace and any(matches(selector, end.labels) for end in _pods(node.ends))
        }
        return tuple(found.values()) or (self._add(self._unseen(namespace, selector)),)

    def block(self, cidr: str, excepts: Iterable[str]) -> Node | None:
        """Return the node of a block of addresses; None if it is none."""
        block = read_block(cidr)
        if block is None:
            return None
        holes = [hole for hole in map(read_block, excepts) if hole is not None]
        return self._add(self._cidr(block, holes))

    def address(self, block: Block) -> Node:
        """Return the node of one address that somebody asks about: it stands for itself, closed to everybody or not."""
        end = ExternalEndpoint(ip=str(block.network_address))
        return Node(id=f"cidr/{block}", kind=NodeKind.CIDR, name=str(block), ends=(end,))

    @property
    def internet(self) -> Node:
        """The internet's node."""
        return self.all[INTERNET]

    def _add(self, node: Node) -> Node:
        return self.all.setdefault(node.id, node)

    def _add_policies(self) -> None:
        snapshot = self._landscape.snapshot
        for key in sorted(snapshot.policies):
            policy = snapshot.policies[key]
            covered = [w for w in self._landscape.workloads if _covers(policy, w)]
            own = {
                port.name: (port.port, port.protocol)
                for port in policy.spec.network.ports
                if isinstance(port.port, int)
            }
            ends = [self._end(w, own) for w in covered] or [self._example(key[0], policy, own)]
            self._add(
                Node(
                    id="/".join(key),
                    kind=NodeKind.POLICY,
                    namespace=key[0],
                    name=key[1],
                    mode=snapshot.mode(key[0]),
                    runs=tuple(workload.title for workload in covered),
                    ends=tuple(ends),
                    labels=dict(policy.spec.workload.selector.match_labels),
                    note="" if covered or not self._landscape.workloads else "nothing runs under it",
                )
            )
        for key in sorted(snapshot.invalid):
            self._add(self._missing(key, f"cannot be read: {snapshot.invalid[key].problem}"))

    def _add_uncovered(self) -> None:
        policies = self._landscape.snapshot.policies.values()
        groups: dict[tuple[str, str, str], list[Workload]] = {}
        for workload in self._landscape.workloads:
            if not any(_covers(policy, workload) for policy in policies):
                groups.setdefault((workload.namespace, workload.kind, workload.name), []).append(workload)
        for (namespace, kind, name), replicas in groups.items():
            dns = namespace == self._dns.namespace and matches(self._dns.selector, replicas[0].labels)
            mode = self._landscape.snapshot.mode(namespace)
            self._add(
                Node(
                    id=DNS if dns else f"{namespace}/{kind.lower()}/{name}",
                    kind=NodeKind.DNS if dns else NodeKind.WORKLOAD,
                    namespace=namespace,
                    name=f"{kind}/{name}",
                    mode=mode,
                    runs=(f"{kind}/{name}",),
                    ends=tuple(self._end(workload, {}) for workload in replicas),
                    labels=dict(replicas[0].labels),
                    note="no policy covers it" if mode is not Mode.NOT_GOVERNED and not dns else "",
                )
            )

    def _add_outside(self) -> None:
        snapshot = self._landscape.snapshot
        ranges = snapshot.ranges
        inner = (*ranges.pods, *ranges.services, *ranges.nodes, *snapshot.baseline.network.cluster_cidrs)
        cluster = [block for block in map(read_block, inner) if block is not None]
        ends = internet_ends([block for block, _ in self._blocks], cluster)
        self._add(Node(id=INTERNET, kind=NodeKind.INTERNET, name="internet", ends=ends))
        if DNS not in self.all:
            name = describe(self._dns.selector)
            self._add(Node(
                id=DNS, kind=NodeKind.DNS, namespace=self._dns.namespace, name=f"pods {name}",
                mode=snapshot.mode(self._dns.namespace),
                ends=(self._addresses.pod(self._dns.namespace, name, example_labels(self._dns.selector), {}),),
            ))  # fmt: skip
        for policy in self._landscape.network_policies:
            if (policy["metadata"].get("labels") or {}).get(MANAGED_BY_LABEL) == MANAGED_BY:
                continue
            for block, holes in named_blocks([policy]):
                if not is_everywhere(block):
                    self._add(self._cidr(block, holes))

    def _missing(self, key: tuple[str, str], note: str) -> Node:
        mode = self._landscape.snapshot.mode(key[0])
        return Node(id="/".join(key), kind=NodeKind.MISSING, namespace=key[0], name=key[1], mode=mode, note=note)

    def _unseen(self, namespace: str, selector: LabelSelector) -> Node:
        name = f"pods {describe(selector)}"
        labels = example_labels(selector)
        return Node(
            id=f"{namespace}/{name}", kind=NodeKind.WORKLOAD, namespace=namespace, name=name, labels=labels,
            mode=self._landscape.snapshot.mode(namespace), ends=(self._addresses.pod(namespace, name, labels, {}),),
        )  # fmt: skip

    def _cidr(self, block: Block, holes: Iterable[Block]) -> Node:
        known = sorted({str(hole) for hole in holes})
        name = str(block) + (f" except {', '.join(known)}" if known else "")
        ends = block_ends(block, holes, [other for other, _ in self._blocks])
        return Node(id=f"cidr/{name}", kind=NodeKind.CIDR, name=name, ends=ends)

    def _end(self, workload: Workload, ports: Mapping[str, tuple[int, str]]) -> End:
        if workload.host_network:
            return ExternalEndpoint(ip=workload.ip or self._addresses.node())
        named = {**ports, **workload.named_ports}
        return self._addresses.pod(workload.namespace, workload.title, workload.labels, named, ip=workload.ip)

    def _example(self, namespace: str, policy: PolicyView, ports: Mapping[str, tuple[int, str]]) -> End:
        labels = example_labels(policy.spec.workload.selector)
        return self._addresses.pod(namespace, policy.name, labels, ports)


class _Addresses:
    """Gives an address of the pods' range to pods that do not run yet."""

    def __init__(self, landscape: Landscape) -> None:
        self._labels = landscape.namespace_labels
        blocks = [block for block in map(read_block, landscape.snapshot.ranges.pods) if block is not None]
        self._pods = blocks[0] if blocks else ip_network("10.0.0.0/8")
        self._given = 1

    def pod(
        self,
        namespace: str,
        name: str,
        labels: Mapping[str, str],
        ports: Mapping[str, tuple[int, str]],
        *,
        ip: str = "",
    ) -> Endpoint:
        """Return a pod; without `ip` it gets an address that no other one has, as long as the range lasts."""
        own = self._labels.get(namespace) or {NAMESPACE_LABEL: namespace}
        return Endpoint(
            namespace=namespace,
            name=name,
            ip=ip or self._next(),
            labels=dict(labels),
            namespace_labels=dict(own),
            named_ports=dict(ports),
        )

    def node(self) -> str:
        """Return an address that stands for a node's."""
        return str(_NODE_ADDRESSES.network_address + 1)

    def _next(self) -> str:
        # Every other address: the one between is the replica's.
        self._given = (self._given + 2) % self._pods.num_addresses
        return str(ip_address(int(self._pods.network_address) + self._given))


def example_labels(selector: LabelSelector) -> dict[str, str]:
    """Return labels that the selector selects, if there are any."""
    labels = dict(selector.match_labels)
    for rule in selector.match_expressions:
        refused = {
            value
            for other in selector.match_expressions
            if other.key == rule.key and other.operator == "NotIn"
            for value in other.values
        }
        if rule.operator == "In":
            allowed = [value for value in rule.values if value not in refused]
            labels.setdefault(rule.key, allowed[0] if allowed else rule.values[0] if rule.values else "")
        if rule.operator == "Exists":
            labels.setdefault(rule.key, next(f"x{n}" for n in range(len(refused) + 1) if f"x{n}" not in refused))
    return labels


def _covers(policy: PolicyView, workload: Workload) -> bool:
    return policy.namespace == workload.namespace and matches(policy.spec.workload.selector, workload.labels)


def _pods(ends: Iterable[End]) -> Iterator[Endpoint]:
    return (end for end in ends if isinstance(end, Endpoint))

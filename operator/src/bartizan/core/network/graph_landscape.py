"""Everything a picture of the network is drawn from, made of plain objects that come from files or from a cluster.

From files the NetworkPolicies are those that bartizan would write, next to the ones other people wrote. From a cluster they are
the ones that are there. A namespace that is not enforced gets none of ours, and is open but for the others'.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from bartizan.api.kinds import (
    NAMESPACE,
    NETWORK_POLICY,
    NODE,
    POLICY,
    SECURITY_BASELINE,
    SERVICE,
    SERVICE_CIDR,
    Kind,
)
from bartizan.api.names import (
    BASELINE_NETWORK_POLICY,
    DEFAULT_NAME,
    ENFORCEMENT_LABEL,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    SYSTEM_NAMESPACES,
    KubeObject,
    network_policy_name,
)
from bartizan.api.v1alpha1 import SecurityBaselineSpec
from bartizan.core.model import WITHOUT_CLOCK, ClusterRanges, InvalidPolicy, NamespaceView, PolicyView, Snapshot
from bartizan.core.network.compile import baseline_policy, compile_network
from bartizan.core.network.graph_addresses import Holder, read_holders
from bartizan.core.network.graph_workloads import Workload, read_workloads
from bartizan.core.network.numbers import numbered
from bartizan.core.network.peers import NAMESPACE_LABEL
from bartizan.core.network.ranges import CLOSED, Block, inside, read_block
from bartizan.core.reasons import Mode
from bartizan.core.shapes import read_shapes
from bartizan.core.views import (
    NO_BASELINE,
    STRICT_BASELINE,
    Unreadable,
    read_baseline,
    read_namespace,
    read_policy,
    read_ranges,
)

ASSUMED_RANGES: Final = ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
"""What counts as inside a cluster that nobody describes: private addresses (RFC 1918, RFC 6598, RFC 4193)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What is taken for granted where files do not say it."""

    live: bool = False
    """The objects are a whole cluster's: nothing has to be assumed, and its NetworkPolicies are the ones that count."""
    enforced: bool = False
    """Namespaces whose object is not there count as enforced instead of as not governed."""
    cluster_cidrs: tuple[str, ...] = ()
    """Addresses inside the cluster, added to what the objects say."""
    system: frozenset[str] = frozenset(SYSTEM_NAMESPACES)
    """Namespaces that are never governed."""
    now: datetime = WITHOUT_CLOCK
    """The moment that is drawn: rules whose `until` has come are closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Landscape:
    """What there is to draw."""

    snapshot: Snapshot
    workloads: tuple[Workload, ...] = ()
    network_policies: tuple[KubeObject, ...] = ()
    """Those that count, sorted by namespace and name."""
    namespace_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """What had to be assumed, in sentences."""
    holders: Mapping[str, Holder] = field(default_factory=dict)
    """Who has an address inside the cluster, where that is known."""

    def cluster_block(self, address: Block) -> str:
        """Return the block of pods or Services that an address belongs to; empty if it is none of theirs.

        Where nothing tells the pods' range, private addresses are taken for theirs. A node's address is no pod's, and what is
        closed to everybody (metadata) is no part of a cluster.
        """
        ranges, extra = self.snapshot.ranges, self.snapshot.baseline.network.cluster_cidrs
        if str(address) in ranges.nodes or any(inside(address, closed) for closed in CLOSED):
            return ""
        pods = (*ranges.pods, *extra) or ASSUMED_RANGES
        blocks = (read_block(text) for text in (*pods, *ranges.services))
        return next((str(block) for block in blocks if block is not None and inside(address, block)), "")


def read_landscape(items: Sequence[KubeObject], assumptions: Assumptions) -> Landscape:
    """Return the landscape of `items`; kinds that say nothing about the network are passed over."""
    workloads = read_workloads(items)
    policies = [read_policy(item) for item in _of(POLICY, items)]
    labels, views, notes = _namespaces(items, policies, workloads, assumptions)
    baseline, missing, unreadable = _baseline(items, live=assumptions.live)
    ranges, assumed = _ranges(items, baseline, assumptions)
    snapshot = Snapshot(
        policies={view.key: view for view in policies if isinstance(view, PolicyView)},
        invalid={(bad.namespace, bad.name): bad for bad in policies if isinstance(bad, InvalidPolicy)},
        namespaces=views,
        ranges=ranges,
        baseline=baseline,
        baseline_missing=missing,
        now=assumptions.now,
        shapes=read_shapes(items),
    )
    snapshot = replace(snapshot, policies={key: numbered(one, snapshot) for key, one in snapshot.policies.items()})
    others = _of(NETWORK_POLICY, items)
    written = others if assumptions.live else [*compiled(snapshot), *(n for n in others if not _exported(n, snapshot))]
    return Landscape(
        snapshot=snapshot,
        workloads=workloads,
        network_policies=tuple(sorted(written, key=lambda n: (n["metadata"]["namespace"], n["metadata"]["name"]))),
        namespace_labels=labels,
        notes=(*notes, *unreadable, *assumed),
        holders=read_holders(items),
    )


def compiled(snapshot: Snapshot) -> list[KubeObject]:
    """Return the NetworkPolicies that bartizan writes: those of enforced namespaces."""
    enforced = {name for name, view in snapshot.namespaces.items() if view.mode is Mode.ENFORCE and view.governed}
    policies = (policy for policy in snapshot.policies.values() if policy.namespace in enforced)
    own = [compile_network(policy, snapshot).network_policy for policy in policies]
    return [*own, *(baseline_policy(name) for name in sorted(enforced))]


def _exported(item: KubeObject, snapshot: Snapshot) -> bool:
    """Whether a NetworkPolicy in a file is one that bartizan wrote: the policies next to it say what it is now."""
    name, namespace = item["metadata"]["name"], item["metadata"]["namespace"]
    owner = name.removeprefix(network_policy_name(""))
    known = name == BASELINE_NETWORK_POLICY or (owner != name and (namespace, owner) in snapshot.policies)
    return known and (item["metadata"].get("labels") or {}).get(MANAGED_BY_LABEL) == MANAGED_BY


def _of(kind: Kind, items: Iterable[KubeObject]) -> list[KubeObject]:
    return [item for item in items if item.get("kind") == kind.kind and item.get("apiVersion") == kind.api_version]


def _namespaces(
    items: Sequence[KubeObject],
    policies: Iterable[PolicyView | InvalidPolicy],
    workloads: Iterable[Workload],
    assumptions: Assumptions,
) -> tuple[dict[str, Mapping[str, str]], dict[str, NamespaceView], list[str]]:
    """Return labels and modes of all namespaces that are there or are spoken of, and a note for each that is not there."""
    labels: dict[str, Mapping[str, str]] = {}
    views: dict[str, NamespaceView] = {}
    for item in _of(NAMESPACE, items):
        view = read_namespace(item, system=assumptions.system)
        views[view.name] = view
        labels[view.name] = {**(item["metadata"].get("labels") or {}), NAMESPACE_LABEL: view.name}
    spoken_of = {policy.namespace for policy in policies} | {workload.namespace for workload in workloads}
    spoken_of |= {item["metadata"]["namespace"] for item in _of(NETWORK_POLICY, items)}
    notes = []
    for name in sorted(spoken_of - set(views)):
        enforced = assumptions.enforced and name not in assumptions.system
        views[name] = NamespaceView(name=name, mode=Mode.ENFORCE if enforced else Mode.NOT_GOVERNED)
        labels[name] = {NAMESPACE_LABEL: name} | ({ENFORCEMENT_LABEL: "enforce"} if enforced else {})
        if name not in assumptions.system:
            notes.append(f"Namespace {name} is not given and counts as {_counts_as(enforced=enforced)}")
    return labels, views, notes


def _counts_as(*, enforced: bool) -> str:
    return "enforced" if enforced else "not governed, so open: give its object, or --assume-enforced"


def _baseline(items: Sequence[KubeObject], *, live: bool) -> tuple[SecurityBaselineSpec, bool, list[str]]:
    """Return the floors, whether they stand in for an object that a whole cluster lacks, and what is to be said of them."""
    found = next((item for item in _of(SECURITY_BASELINE, items) if item["metadata"]["name"] == DEFAULT_NAME), None)
    if found is None:
        return (STRICT_BASELINE, True, [NO_BASELINE]) if live else (SecurityBaselineSpec(), False, [])
    spec = read_baseline(found)
    if isinstance(spec, Unreadable):
        return (
            STRICT_BASELINE,
            False,
            [f"SecurityBaseline {DEFAULT_NAME} cannot be read, so internet is closed: {spec.problem}"],
        )
    return spec, False, []


def _ranges(
    items: Sequence[KubeObject], baseline: SecurityBaselineSpec, assumptions: Assumptions
) -> tuple[ClusterRanges, list[str]]:
    known = read_ranges(
        nodes=_of(NODE, items), service_cidrs=_of(SERVICE_CIDR, items), services=_of(SERVICE, items), baseline=baseline
    )
    pods = (*known.pods, *assumptions.cluster_cidrs)
    notes = []
    if not pods and not baseline.network.cluster_cidrs and not assumptions.live:
        pods = ASSUMED_RANGES
        notes = ["the cluster's addresses are not given: private ranges are assumed; --cluster-cidr names them"]
    return (
        ClusterRanges(pods=pods, services=known.services, nodes=known.nodes, dns_addresses=known.dns_addresses),
        notes,
    )

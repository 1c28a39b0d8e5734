"""Everything a decision may look at, as frozen values.

A snapshot is gathered once by I/O and handed to pure functions; whatever is not in it cannot influence a decision. Views keep
only what decisions read, so that a test builds them in a line.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import (
    LabelSelector,
    Protocol,
    SecurityBaselineSpec,
    ServiceSecurityPolicySpec,
    TrustDomainSpec,
)
from bartizan.core.capabilities import Capabilities
from bartizan.core.reasons import Mode, Reason

PolicyKey: TypeAlias = tuple[str, str]
"""Namespace and name of a policy."""

END_OF_TIME: Final = datetime.max.replace(tzinfo=UTC)
"""When a rule without `until` ends."""
WITHOUT_CLOCK: Final = END_OF_TIME - timedelta(microseconds=1)
"""The moment for whoever has no clock: every rule that can end has ended, and those that cannot have not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PortProblem:
    """What is wrong with a port of a policy that is given by a container port's name."""

    name: str
    """What the policy calls the port."""
    reason: Reason
    message: str
    """What was seen where, and the fix."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyView:
    """A policy that could be read."""

    namespace: str
    name: str
    uid: str
    generation: int
    spec: ServiceSecurityPolicySpec
    port_problems: tuple[PortProblem, ...] = ()
    """Known once container ports' names were looked up (`core.network.numbers`)."""

    @property
    def key(self) -> PolicyKey:
        """Namespace and name."""
        return (self.namespace, self.name)

    @property
    def account(self) -> str:
        """The ServiceAccount its pods run as."""
        return self.spec.account(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidPolicy:
    """A policy that cannot be read; `problem` is a sentence that names the field."""

    namespace: str
    name: str
    uid: str
    generation: int
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceView:
    """A namespace and how it is governed."""

    name: str
    mode: Mode
    deleting: bool = False

    @property
    def governed(self) -> bool:
        """Whether bartizan writes anything in it."""
        return self.mode is not Mode.NOT_GOVERNED and not self.deleting


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceView:
    """A Service's name, what it selects (nothing selected: an empty mapping), and how it is open to the outside."""

    namespace: str
    name: str
    selector: Mapping[str, str]
    type: str = "ClusterIP"
    ports: tuple[str, ...] = ()
    """Its own ports, such as `443/TCP`, sorted."""
    node_ports: tuple[str, ...] = ()
    """The ports it has of every node, sorted."""
    external_ips: tuple[str, ...] = ()
    """Addresses outside the cluster that lead to it, sorted."""
    keeps_client: bool = False
    """`externalTrafficPolicy: Local`: pods see who calls. Otherwise a node does, and its address is what they see."""


@dataclass(frozen=True, slots=True)
class NamedPort:
    """A container port that has a name."""

    name: str
    number: int
    protocol: Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadShape:
    """What decisions read of pods and pod templates; pods that are alike in it are one shape, however many run."""

    namespace: str
    labels: tuple[tuple[str, str], ...]
    """Sorted by key."""
    ports: frozenset[NamedPort] = frozenset()
    origin: str
    """What a person looks for, such as `Deployment web`; for pods, what owns them."""
    running: bool
    """A pod that has not finished; else a template, or what will be made of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRanges:
    """Addresses inside the cluster, as CIDR strings: never part of the peer `internet`."""

    pods: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    dns_addresses: tuple[str, ...] = ()
    """The ClusterIPs of the cluster's DNS Service and of a node-local cache, as /32 or /128 blocks."""
    dns_ports: tuple[tuple[int, Protocol], ...] = ()
    """The ports on which the DNS pods listen; empty if nothing tells, which means 53."""
    api_server: tuple[tuple[str, int], ...] = ()
    """Every way to the API server, as block and TCP port: its Service's addresses and its endpoints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedName:
    """The addresses that the cluster's DNS gives for a name and whose time has not run out."""

    name: str
    addresses: tuple[str, ...] = ()
    problem: str = ""
    """Why DNS last gave none; empty when it answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NameCarrier:
    """What follows DNS for one policy, beside its NetworkPolicy, which cannot."""

    object: str = ""
    """The network plugin's own object, as `Kind name`; empty where the cluster has no such kind."""
    accepted: bool = False
    """Whether the plugin has said that it takes the object."""
    problem: str = ""
    """What is the matter while it has not, for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustDomainView:
    """A TrustDomain's name and specification."""

    name: str
    uid: str
    generation: int
    spec: TrustDomainSpec


class _Neighbourhoods:
    """Policies by namespace, sorted once for as long as the policies stay the same: every look asks for its neighbours."""

    def __init__(self) -> None:
        self._of: Mapping[PolicyKey, PolicyView] | None = None
        self._found: dict[str, tuple[PolicyView, ...]] = {}
        self._accounts: dict[str, dict[str, tuple[str, ...]]] = {}

    def of(self, policies: Mapping[PolicyKey, PolicyView], namespace: str) -> tuple[PolicyView, ...]:
        """Return the policies of the namespace, by name."""
        if self._of is not policies:
            found: dict[str, list[PolicyView]] = {}
            for policy in sorted(policies.values(), key=lambda one: one.key):
                found.setdefault(policy.namespace, []).append(policy)
            self._of, self._found = policies, {name: tuple(some) for name, some in found.items()}
            self._accounts = {}
        return self._found.get(namespace, ())

    def naming(self, policies: Mapping[PolicyKey, PolicyView], namespace: str, account: str) -> tuple[str, ...]:
        """Return the names of the policies of the namespace that name the ServiceAccount, sorted."""
        here = self.of(policies, namespace)
        if namespace not in self._accounts:
            names: dict[str, tuple[str, ...]] = {}
            for policy in here:
                names[policy.account] = (*names.get(policy.account, ()), policy.name)
            self._accounts[namespace] = names
        return self._accounts[namespace].get(account, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The cluster as far as bartizan's decisions look at it."""

    policies: Mapping[PolicyKey, PolicyView] = field(default_factory=dict)
    invalid: Mapping[PolicyKey, InvalidPolicy] = field(default_factory=dict)
    namespaces: Mapping[str, NamespaceView] = field(default_factory=dict)
    services: tuple[ServiceView, ...] = ()
    ranges: ClusterRanges = ClusterRanges()
    baseline: SecurityBaselineSpec = field(default_factory=SecurityBaselineSpec)
    baseline_missing: bool = False
    """Whether `baseline` stands in for an object that does not exist."""
    trust_domains: Mapping[str, TrustDomainView] = field(default_factory=dict)
    names: Mapping[str, ResolvedName] = field(default_factory=dict)
    """What is known of the DNS names that policies call."""
    capabilities: Capabilities = field(default_factory=Capabilities)
    carrier: NameCarrier = NameCarrier()
    """What carries names for the policy that is looked at; known only where that is one."""
    callers: Mapping[PolicyKey, frozenset[PolicyKey]] | None = None
    """Which policies name a policy, where somebody keeps count; None: whoever asks looks through all of them."""
    now: datetime = WITHOUT_CLOCK
    """The moment that is judged. Without a clock every rule that can end counts as ended: nothing stays open too long."""
    shapes: Mapping[str, tuple[WorkloadShape, ...]] = field(default_factory=dict)
    """Pods and pod templates by namespace."""
    former: Mapping[PolicyKey, tuple[LabelSelector, ...]] = field(default_factory=dict)
    """Selectors that policies had before, as long as pods run that only those select."""
    _neighbourhoods: _Neighbourhoods = field(default_factory=_Neighbourhoods, repr=False, compare=False)

    def in_namespace(self, namespace: str) -> tuple[PolicyView, ...]:
        """Return the policies of a namespace, by name."""
        return self._neighbourhoods.of(self.policies, namespace)

    def naming(self, namespace: str, account: str) -> tuple[str, ...]:
        """Return the names of the policies of a namespace that name a ServiceAccount, sorted."""
        return self._neighbourhoods.naming(self.policies, namespace, account)

    def mode(self, namespace: str) -> Mode:
        """Return how `namespace` is governed; one that is not known is not governed."""
        view = self.namespaces.get(namespace)
        return view.mode if view else Mode.NOT_GOVERNED


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectRef:
    """Where an object lives. Cluster-scoped objects have an empty namespace."""

    api_version: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, item: KubeObject) -> "ObjectRef":
        """Return the reference of a whole object."""
        meta = item["metadata"]
        return cls(
            api_version=item["apiVersion"], kind=item["kind"], namespace=meta.get("namespace", ""), name=meta["name"]
        )

"""The controller's picture of the cluster: objects as they come, views parsed once, and who has to look when one changes.

Views are kept apart from objects because parsing a policy costs a hundred times what looking at it does. The reverse
dependencies live here and nowhere else: forgetting one means a decision that is right when made and stays when it is wrong.
"""

from collections.abc import Iterable

from bartizan.api.kinds import (
    DAEMON_SET,
    ENDPOINT_SLICE,
    INGRESS,
    NAMESPACE,
    NETWORK_POLICY,
    NODE,
    POD,
    POLICY,
    POLICY_INDEX,
    SECRET,
    SECURITY_BASELINE,
    SERVICE,
    SERVICE_CIDR,
    TRUST_DOMAIN,
    Kind,
)
from bartizan.api.names import (
    BASELINE_NETWORK_POLICY,
    DEFAULT_NAME,
    SYSTEM_NAMESPACES,
    KubeObject,
)
from bartizan.controller.callers import Callers
from bartizan.controller.floors import Floors
from bartizan.controller.keys import SERVING_KEY, SINGLE_KEYS, Key, namespace_key, policy_key, trust_domain_key
from bartizan.controller.owners import owner_of
from bartizan.controller.probed import ProbedTimes
from bartizan.controller.ranges import stored_ranges
from bartizan.controller.surroundings import SurroundingsPicture
from bartizan.core.capabilities import Capabilities
from bartizan.core.endpoints import API_SERVICE
from bartizan.core.gaps.surroundings import foreign
from bartizan.core.model import (
    ClusterRanges,
    InvalidPolicy,
    NamespaceView,
    ObjectRef,
    PolicyKey,
    PolicyView,
    ResolvedName,
    ServiceView,
    Snapshot,
    TrustDomainView,
)
from bartizan.core.network.fqdn import called_names, wanted_names
from bartizan.core.views import (
    Unreadable,
    read_namespace,
    read_policy,
    read_ranges,
    read_service,
    read_trust_domain,
    serves_dns,
)
from bartizan.kube.store import Store


class World:
    """Objects, views and dependencies. Everything is synchronous: between two awaits a picture does not change."""

    def __init__(self, *, release_namespace: str) -> None:
        """Start empty; `release_namespace` is bartizan's own and holds the authorities' Secrets."""
        self.store = Store()
        self.surroundings = SurroundingsPicture(self.store)
        self.release_namespace = release_namespace
        self._system = frozenset({*SYSTEM_NAMESPACES, release_namespace})
        self._policies: dict[PolicyKey, PolicyView | InvalidPolicy] = {}
        self._callers = Callers(self._policies)
        self._probes = ProbedTimes()
        self._namespaces: dict[str, NamespaceView] = {}
        self._services: dict[tuple[str, str], ServiceView] = {}
        self._trust_domains: dict[str, TrustDomainView | Unreadable] = {}
        self.floors = Floors()
        self._node_ranges: dict[str, ClusterRanges] = {}
        self._ranges = ClusterRanges()
        self._names: dict[str, ResolvedName] = {}
        self._capabilities = Capabilities()
        self._owners: dict[ObjectRef, Key] = {}
        self._snapshot: Snapshot | None = None

    def snapshot(self) -> Snapshot:
        """Return what decisions may look at; the same value until something in it changes."""
        if self._snapshot is None:
            known = self._policies.values()
            self._snapshot = Snapshot(
                policies={view.key: view for view in known if isinstance(view, PolicyView)},
                invalid={(bad.namespace, bad.name): bad for bad in known if isinstance(bad, InvalidPolicy)},
                namespaces=dict(self._namespaces),
                services=tuple(self._services.values()),
                ranges=self._ranges,
                baseline=self.floors.spec,
                baseline_missing=self.floors.missing,
                trust_domains={
                    name: view for name, view in self._trust_domains.items() if isinstance(view, TrustDomainView)
                },
                names=dict(self._names),
                capabilities=self._capabilities,
                callers=self._callers.by_policy(),
            )
        return self._snapshot

    def wanted_names(self) -> frozenset[str]:
        """Return the DNS names whose addresses matter."""
        return wanted_names(self.snapshot())

    def name_resolved(self, resolved: ResolvedName) -> frozenset[Key]:
        """Take in what DNS says of a name and return who has to look."""
        self._names[resolved.name] = resolved
        return self._names_changed(resolved.name)

    def name_forgotten(self, name: str) -> None:
        """Let go of a name that nobody wants."""
        self._names.pop(name, None)
        self._snapshot = None

    def capabilities_found(self, capabilities: Capabilities) -> frozenset[Key]:
        """Take in what the cluster serves and return who has to look."""
        if capabilities == self._capabilities:
            return frozenset()
        self._capabilities = capabilities
        self._snapshot = None
        return self.all_keys()

    def _names_changed(self, name: str) -> frozenset[Key]:
        self._snapshot = None
        callers = (key for key, view in self.snapshot().policies.items() if name in called_names(view))
        return frozenset(policy_key(key) for key in callers)

    def policy(self, key: PolicyKey) -> PolicyView | InvalidPolicy | None:
        """Return a policy's view, readable or not."""
        return self._policies.get(key)

    def trust_domain(self, name: str) -> TrustDomainView | Unreadable | None:
        """Return a trust domain's view, readable or not."""
        return self._trust_domains.get(name)

    def item(self, kind: Kind, namespace: str, name: str) -> KubeObject | None:
        """Return an object as last seen."""
        return self.store.get(ObjectRef(api_version=kind.api_version, kind=kind.kind, namespace=namespace, name=name))

    def all_keys(self) -> frozenset[Key]:
        """Return every key there is: what a new leader looks at first."""
        return frozenset(
            {
                *SINGLE_KEYS,
                *(policy_key(key) for key in self._policies),
                *(namespace_key(name) for name in self._namespaces),
                *(trust_domain_key(name) for name in self._trust_domains),
            }
        )

    def changed(self, ref: ObjectRef) -> frozenset[Key]:
        """Take in that the object at `ref` came, changed or went (the store already knows) and return who has to look."""
        item = self.store.get(ref)
        match ref.kind:
            case POLICY.kind:
                return self._policy_changed((ref.namespace, ref.name), item)
            case NAMESPACE.kind:
                return self._namespace_changed(ref.name, item)
            case SERVICE.kind:
                return self._service_changed((ref.namespace, ref.name), item)
            case TRUST_DOMAIN.kind:
                return self._trust_domain_changed(ref.name, item)
            case SECURITY_BASELINE.kind:
                return self._baseline_changed(ref.name, item)
            case NODE.kind:
                return self._node_changed(ref.name, item)
            case SERVICE_CIDR.kind | ENDPOINT_SLICE.kind | DAEMON_SET.kind:
                return self._ranges_may_differ()
            case POD.kind | INGRESS.kind:
                return frozenset(map(policy_key, self.surroundings.changed(ref, item, self.snapshot())))
            case _:
                return self._child_changed(ref, item)

    def _policy_changed(self, key: PolicyKey, item: KubeObject | None) -> frozenset[Key]:
        before = self._policies.get(key)
        if item and before and (before.uid, before.generation) == _version(item):
            near = self._callers.around({key}) if self._probes.news(key, item) else set()
            return frozenset(policy_key(other) for other in near | {key})
        after = read_policy(item) if item else None
        around = self._callers.changed(key, before, after)
        if after:
            self._policies[key] = after
        else:
            self._policies.pop(key, None)
        self._snapshot = None
        return frozenset({namespace_key(key[0]), *(policy_key(other) for other in around)})

    def _namespace_changed(self, name: str, item: KubeObject | None) -> frozenset[Key]:
        after = read_namespace(item, system=self._system) if item else None
        if self._namespaces.get(name) == after:
            return frozenset({namespace_key(name)}) if item else frozenset()
        if after:
            self._namespaces[name] = after
        else:
            self._namespaces.pop(name, None)
        self._snapshot = None
        mine = {key for key in self._policies if key[0] == name}
        return frozenset({namespace_key(name), *(policy_key(key) for key in mine | self._callers.around(mine))})

    def _service_changed(self, key: tuple[str, str], item: KubeObject | None) -> frozenset[Key]:
        before = self._services.get(key)
        after = read_service(item) if item else None
        server = key == API_SERVICE or any(view and serves_dns(view, self.floors.spec) for view in (before, after))
        keys = self._ranges_may_differ() if server else frozenset()
        if before == after:
            return keys
        if after:
            self._services[key] = after
        else:
            self._services.pop(key, None)
        self._snapshot = None
        return keys | {policy_key(other) for other in self._policies if other[0] == key[0]}

    def _trust_domain_changed(self, name: str, item: KubeObject | None) -> frozenset[Key]:
        before = self._trust_domains.get(name)
        if item and before and (before.uid, before.generation) == _version(item):
            return frozenset({trust_domain_key(name)})
        if item:
            self._trust_domains[name] = read_trust_domain(item)
        else:
            self._trust_domains.pop(name, None)
        self._snapshot = None
        return frozenset({trust_domain_key(name), *self._signed_by(name)})

    def _baseline_changed(self, name: str, item: KubeObject | None) -> frozenset[Key]:
        if name != DEFAULT_NAME:
            return frozenset()
        if not self.floors.take(item):
            return frozenset()
        self._snapshot = None
        self._ranges_may_differ()
        # The indices hold the floors of pods too.
        return self._every_policy() | {*SINGLE_KEYS, *(namespace_key(name) for name in self._namespaces)}

    def _node_changed(self, name: str, item: KubeObject | None) -> frozenset[Key]:
        """A node's heartbeat changes the object every few minutes and its addresses never: look at those only."""
        nodes = [item] if item else []
        after = read_ranges(nodes=nodes, service_cidrs=(), services=(), baseline=self.floors.spec)
        if self._node_ranges.get(name, ClusterRanges()) == after:
            return frozenset()
        self._node_ranges[name] = after
        return self._ranges_may_differ()

    def _ranges_may_differ(self) -> frozenset[Key]:
        ranges = stored_ranges(self.store, self.floors.spec)
        if ranges == self._ranges:
            return frozenset()
        self._ranges = ranges
        self._snapshot = None
        return self._every_policy()

    def _child_changed(self, ref: ObjectRef, item: KubeObject | None) -> frozenset[Key]:
        """An object of ours changed or went: whoever owned it and whoever owns it now look."""
        before = self._owners.pop(ref, None)
        after = owner_of(ref, item)
        if item and after:
            self._owners[ref] = after
        keys = {key for key in (before, after) if key}
        if ref.kind == NETWORK_POLICY.kind and (ref.name == BASELINE_NETWORK_POLICY or before is None or item is None):
            # Isolation waits for the last NetworkPolicy to come, and NetworkPolicies wait for isolation to go.
            keys.add(namespace_key(ref.namespace))
        # One that is gone may have been anybody's: its name alone does not tell.
        theirs = ref.kind == NETWORK_POLICY.kind and (item is None or foreign([item], self.snapshot().policies))
        if ref.kind == POLICY_INDEX.kind or ref.name == BASELINE_NETWORK_POLICY or theirs:
            keys.update(policy_key(key) for key in self._policies if key[0] == ref.namespace)
        if ref.kind == SECRET.kind and ref.namespace == self.release_namespace:
            keys.add(SERVING_KEY)
            for name in self._trust_domains:
                keys.update({trust_domain_key(name), *self._signed_by(name)})
        return frozenset(keys)

    def _signed_by(self, trust_domain: str) -> Iterable[Key]:
        return (
            policy_key(key)
            for key, view in self._policies.items()
            if isinstance(view, PolicyView) and view.spec.identity.trust_domain == trust_domain
        )

    def _every_policy(self) -> frozenset[Key]:
        return frozenset(policy_key(key) for key in self._policies)


def _version(item: KubeObject) -> tuple[str, int]:
    return (item["metadata"].get("uid", ""), item["metadata"].get("generation", 0))

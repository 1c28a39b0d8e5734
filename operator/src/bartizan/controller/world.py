"""The controller's picture of the cluster: objects as they come, views parsed once, and who has to look when one changes.

Views are kept apart from objects because parsing a policy costs a hundred times what looking at it does. The reverse
dependencies live here and nowhere else: forgetting one means a decision that is right when made and stays when it is wrong.
"""

from collections.abc import Iterable
from dataclasses import replace

from bartizan.api import kinds
from bartizan.api.names import BASELINE_NETWORK_POLICY, DEFAULT_NAME, SYSTEM_NAMESPACES, KubeObject
from bartizan.controller.callers import Callers
from bartizan.controller.floors import Floors
from bartizan.controller.kept import kept, policy_of
from bartizan.controller.keys import SERVING_KEY, SINGLE_KEYS, Key, Subject, namespace_key, policy_key, trust_domain_key
from bartizan.controller.mounted import Mounted
from bartizan.controller.owners import owner_of
from bartizan.controller.probed import Probed
from bartizan.controller.ranges import NodeRanges, stored_ranges
from bartizan.controller.rollouts import Rollouts
from bartizan.controller.sections import Sections
from bartizan.controller.surroundings import SurroundingsPicture
from bartizan.controller.trusted import RotationNews
from bartizan.controller.workloads import Workloads
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
    WorkloadShape,
)
from bartizan.core.network.fqdn import called_names, wanted_names
from bartizan.core.pki.profile import hangs_on
from bartizan.core.views import Unreadable, read_namespace, read_service, read_trust_domain, serves_dns
from bartizan.kube.store import Store


class World:
    """Objects, views and dependencies. Everything is synchronous: between two awaits a picture does not change."""

    def __init__(self, *, release_namespace: str) -> None:
        """Start empty; `release_namespace` is bartizan's own and holds the authorities' Secrets."""
        self.store = Store(kept, packed=(kinds.POLICY, kinds.SECRET), mark=policy_of)
        self.surroundings = SurroundingsPicture(self.store)
        self.release_namespace = release_namespace
        self._system = frozenset({*SYSTEM_NAMESPACES, release_namespace})
        self._policies: dict[PolicyKey, PolicyView | InvalidPolicy] = {}
        self._calling: dict[PolicyKey, PolicyView] = {}
        self._callers = Callers(self._policies)
        self._sections = Sections()
        self.probed = Probed()
        self._namespaces: dict[str, NamespaceView] = {}
        self._services: dict[tuple[str, str], ServiceView] = {}
        self._trust_domains: dict[str, TrustDomainView | Unreadable] = {}
        self.floors = Floors()
        self._nodes = NodeRanges()
        self._ranges = ClusterRanges()
        self._names: dict[str, ResolvedName] = {}
        self._capabilities = Capabilities()
        self._owners: dict[ObjectRef, Key] = {}
        self._news = RotationNews()
        self.workloads = Workloads()
        self.mounted = Mounted(self._policies)
        self.rollouts = Rollouts(self.store, self.workloads, self._policies, self._callers)
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
                trust_domains={k: view for k, view in self._trust_domains.items() if isinstance(view, TrustDomainView)},
                names=dict(self._names),
                capabilities=self._capabilities,
                callers=self._callers.by_policy(),
                shapes=self.workloads.by_namespace(),
                former=dict(self.rollouts.former),
            )
        return self._snapshot

    def wanted_names(self) -> frozenset[str]:
        """Return the DNS names whose addresses matter."""
        return wanted_names(self._calling.values(), self.snapshot())

    def name_resolved(self, resolved: ResolvedName) -> frozenset[Key]:
        """Take in what DNS says of a name and return who has to look."""
        self._names[resolved.name] = resolved
        self._snapshot = None
        return frozenset(policy_key(key) for key, view in self._calling.items() if resolved.name in called_names(view))

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

    def policy(self, key: PolicyKey) -> PolicyView | InvalidPolicy | None:
        """Return a policy's view, readable or not."""
        return self._policies.get(key)

    def trust_domain(self, name: str) -> TrustDomainView | Unreadable | None:
        """Return a trust domain's view, readable or not."""
        return self._trust_domains.get(name)

    def item(self, kind: kinds.Kind, namespace: str, name: str) -> KubeObject | None:
        """Return an object as last seen."""
        return self.store.get(ObjectRef(api_version=kind.api_version, kind=kind.kind, namespace=namespace, name=name))

    def all_keys(self) -> frozenset[Key]:
        """Return every key there is: what a new leader looks at first."""
        asked = (key for key in self._owners.values() if key.subject is Subject.POD_CERTIFICATE)
        places = (*map(namespace_key, self._namespaces), *map(trust_domain_key, self._trust_domains))
        return frozenset({*SINGLE_KEYS, *map(policy_key, self._policies), *places, *asked})

    def changed(self, ref: ObjectRef) -> frozenset[Key]:
        """Take in that the object at `ref` came, changed or went (the store already knows) and return who has to look."""
        item = self.store.get(ref)
        match ref.kind:
            case kinds.POLICY.kind:
                return self._policy_changed((ref.namespace, ref.name), item)
            case kinds.NAMESPACE.kind:
                return self._namespace_changed(ref.name, item)
            case kinds.SERVICE.kind:
                return self._service_changed((ref.namespace, ref.name), item)
            case kinds.TRUST_DOMAIN.kind:
                return self._trust_domain_changed(ref.name, item)
            case kinds.SECURITY_BASELINE.kind:
                return self._baseline_changed(ref.name, item)
            case kinds.NODE.kind:
                return self._node_changed(ref.name, item)
            case kinds.SERVICE_CIDR.kind | kinds.ENDPOINT_SLICE.kind | kinds.DAEMON_SET.kind:
                return self._ranges_may_differ()
            case kinds.POD.kind | kinds.INGRESS.kind:
                around = frozenset(map(policy_key, self.surroundings.changed(ref, item, self.snapshot())))
                news = self.workloads.pod_changed(ref, item) if ref.kind == kinds.POD.kind else frozenset()
                return around | self.mounted.changed(ref, item) | self._shapes_changed(news, ref)
            case _:
                return self._child_changed(ref, item)

    def template_changed(self, ref: ObjectRef) -> frozenset[Key]:
        """Take in that a workload with a pod template came, changed or went and return who has to look."""
        return self._shapes_changed(self.workloads.template_changed(ref), ref)

    def _shapes_changed(self, news: frozenset[WorkloadShape], ref: ObjectRef) -> frozenset[Key]:
        if not news:
            return frozenset()
        concerned = self.rollouts.concerned(ref.namespace, news)
        if self._snapshot:
            # Pods come one after another, and everything else in the picture stays as it is.
            shapes, former = self.workloads.by_namespace(), dict(self.rollouts.former)
            self._snapshot = replace(self._snapshot, shapes=shapes, former=former)
        return frozenset(map(policy_key, concerned))

    def _rolled(self, keys: Iterable[PolicyKey]) -> frozenset[Key]:
        """Look again which former selectors are needed and return who has to look for that."""
        changed = self.rollouts.check(keys)
        self._snapshot = None if changed else self._snapshot
        return frozenset(map(policy_key, changed))

    def _policy_changed(self, key: PolicyKey, item: KubeObject | None) -> frozenset[Key]:
        before, news = self._policies.get(key), self.probed.news(key, item)
        if item and before and (before.uid, before.generation) == _version(item):
            near = self._callers.around({key}) if news else set()
            return frozenset(policy_key(other) for other in near | {key})
        after = self._sections.read(item) if item else None
        around = self._callers.changed(key, before, after)
        self._calling.pop(key, None)
        if isinstance(after, PolicyView) and called_names(after):
            self._calling[key] = after
        if after:
            self._policies[key] = after
        else:
            self._policies.pop(key, None)
        self._snapshot = None
        self.rollouts.press(around)
        keys = self._rolled({key, *self.rollouts.rolling_in(key[0])})
        return keys | {namespace_key(key[0]), *(policy_key(other) for other in around)}

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
        # A namespace with Services takes its names away from whoever claimed them while they were nobody's.
        views = (view for view in self._policies.values() if isinstance(view, PolicyView))
        claimed = {view.key for view in views if hangs_on(view, key[0])}
        return keys | {policy_key(other) for other in self._policies if other[0] == key[0] or other in claimed}

    def _trust_domain_changed(self, name: str, item: KubeObject | None) -> frozenset[Key]:
        before = self._trust_domains.get(name)
        if item and before and (before.uid, before.generation) == _version(item):
            return frozenset({trust_domain_key(name), *(self._signed_by(name) if self._news.news(name, item) else ())})
        if item:
            self._trust_domains[name] = read_trust_domain(item)
        else:
            self._trust_domains.pop(name, None)
        self._snapshot = None
        return frozenset({trust_domain_key(name), *self._signed_by(name), *map(namespace_key, self._namespaces)})

    def _baseline_changed(self, name: str, item: KubeObject | None) -> frozenset[Key]:
        if name != DEFAULT_NAME or not self.floors.take(item):
            return frozenset()
        self._snapshot = None
        self._ranges_may_differ()
        # The indices hold the floors of pods too.
        return self._every_policy() | {*SINGLE_KEYS, *(namespace_key(name) for name in self._namespaces)}

    def _node_changed(self, name: str, item: KubeObject | None) -> frozenset[Key]:
        return self._ranges_may_differ() if self._nodes.changed(name, item, self.floors.spec) else frozenset()

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
        if ref.kind == kinds.NETWORK_POLICY.kind:
            owned = {(key.namespace, key.name) for key in keys if key.subject is Subject.POLICY}
            keys |= self._rolled(owned) | {policy_key(one) for key in owned for one in self.rollouts.waiting_for(key)}
        if ref.kind == kinds.NETWORK_POLICY.kind and (
            ref.name == BASELINE_NETWORK_POLICY or before is None or item is None
        ):
            # Isolation waits for the last NetworkPolicy to come, and NetworkPolicies wait for isolation to go.
            keys.add(namespace_key(ref.namespace))
        # One that is gone may have been anybody's: its name alone does not tell.
        theirs = ref.kind == kinds.NETWORK_POLICY.kind and (item is None or foreign([item], self.snapshot().policies))
        if ref.kind == kinds.POLICY_INDEX.kind or ref.name == BASELINE_NETWORK_POLICY or theirs:
            keys.update(policy_key(key) for key in self._policies if key[0] == ref.namespace)
        if ref.kind == kinds.SECRET.kind and ref.namespace == self.release_namespace:
            keys.add(SERVING_KEY)
            for name in self._trust_domains:
                keys.update({trust_domain_key(name), *self._signed_by(name)})
        return frozenset(keys)

    def _signed_by(self, trust_domain: str) -> Iterable[Key]:
        views = (view for view in self._policies.values() if isinstance(view, PolicyView))
        return (policy_key(view.key) for view in views if view.spec.identity.trust_domain == trust_domain)

    def _every_policy(self) -> frozenset[Key]:
        return frozenset(policy_key(key) for key in self._policies)


def _version(item: KubeObject) -> tuple[str, int]:
    return (item["metadata"].get("uid", ""), item["metadata"].get("generation", 0))

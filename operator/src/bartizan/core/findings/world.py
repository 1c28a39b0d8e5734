"""The cluster that files describe, as far as judging needs it: policies, namespaces, floors.

Nothing that is left out makes anything laxer. A namespace whose object is not there, or bears no label, is judged as if it were
enforced, because that is where its manifests are meant to go; an object that says `warn` or `audit` changes what the cluster
does about a finding, not what is found. Only system namespaces are not judged, because they are never governed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from bartizan.api.kinds import NAMESPACE, POLICY, SECURITY_BASELINE, Kind
from bartizan.api.names import DEFAULT_NAME, KubeObject
from bartizan.api.v1alpha1 import BaselinePodSecurity, SecurityBaselineSpec
from bartizan.core.index import bucket_key, compile_index
from bartizan.core.model import ClusterRanges, InvalidPolicy, NamespaceView, PolicyKey, PolicyView, Snapshot
from bartizan.core.network.graph_landscape import ASSUMED_RANGES
from bartizan.core.pki.delivery import pod_certificates
from bartizan.core.reasons import Mode
from bartizan.core.views import read_baseline, read_namespace, read_policy

_CONTEXT: Final = frozenset((kind.api_version, kind.kind) for kind in (NAMESPACE, POLICY, SECURITY_BASELINE))


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What objects are judged against."""

    snapshot: Snapshot
    system: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()
    """Namespaces of which a policy or the object itself is given."""
    labelled: bool = False
    """Whether some namespace says that it is governed."""
    _indices: dict[str, KubeObject] = field(default_factory=dict)
    _grounds: dict[str, "_Ground"] = field(default_factory=dict)
    _by_namespace: dict[str, list[PolicyView]] = field(default_factory=dict)

    @property
    def has_policies(self) -> bool:
        """Whether there is anything to be covered by, or somebody demands that there be."""
        return bool(self.snapshot.policies or self.snapshot.invalid or self.labelled)

    def rivals(self, policy: PolicyView) -> tuple[PolicyView, ...]:
        """Return the other policies of the namespace that could want the same pods or the same Secret."""
        if policy.namespace not in self._grounds:
            self._grounds[policy.namespace] = _Ground(self.of_namespace(policy.namespace))
        return self._grounds[policy.namespace].near(policy)

    def of_namespace(self, namespace: str) -> tuple[PolicyView, ...]:
        """Return the policies of a namespace."""
        if not self._by_namespace:
            for policy in self.snapshot.policies.values():
                self._by_namespace.setdefault(policy.namespace, []).append(policy)
        return tuple(self._by_namespace.get(namespace, ()))

    def index(self, namespace: str) -> KubeObject:
        """Return the `spec` of the PolicyIndex that the controller would write into a namespace."""
        if namespace not in self._indices:
            mine, floor = self.of_namespace(namespace), self.snapshot.baseline.pod_security
            asked = pod_certificates(mine, self.snapshot)
            self._indices[namespace] = compile_index(namespace, mine, floor=floor, pod_certificates=asked)["spec"]
        return self._indices[namespace]


class _Ground:
    """The policies of one namespace by what they want, so that thousands need not be compared each with each."""

    def __init__(self, policies: Sequence[PolicyView]) -> None:
        self._policies = policies
        self._by_secret: dict[str, list[PolicyView]] = {}
        self._by_label: dict[str, dict[str | None, list[PolicyView]]] = {}
        for policy in policies:
            self._by_secret.setdefault(policy.spec.secret_name(policy.name), []).append(policy)

    def near(self, policy: PolicyView) -> tuple[PolicyView, ...]:
        """Return the others that want the same Secret, or do not ask for another value of the policy's first label."""
        labels = policy.spec.workload.selector.match_labels
        key = bucket_key(labels)
        found = list(self._by_secret[policy.spec.secret_name(policy.name)])
        if key is None:
            found += self._policies
        else:
            by_value = self._labelled(key)
            found += [*by_value.get(labels[key], ()), *by_value.get(None, ())]
        others = {other.name: other for other in found if other.name != policy.name}
        return tuple(others[name] for name in sorted(others))

    def _labelled(self, key: str) -> dict[str | None, list[PolicyView]]:
        if key not in self._by_label:
            by_value = self._by_label.setdefault(key, {})
            for policy in self._policies:
                by_value.setdefault(policy.spec.workload.selector.match_labels.get(key), []).append(policy)
        return self._by_label[key]


def is_context(item: KubeObject) -> bool:
    """Whether the object is one by which others are judged."""
    return (item["apiVersion"], item["kind"]) in _CONTEXT


def build_world(
    items: Iterable[KubeObject], *, system: frozenset[str], now: datetime, floor: Mapping[str, str] | None = None
) -> World:
    """Return the world of well-named objects; of two with one name the first counts.

    `floor` is what the Pod Security Standards ask at least (`level`, `version`) in the place of what the SecurityBaseline says.
    """
    known = list(items)
    policies, invalid = _policies(known)
    namespaces: dict[str, KubeObject] = {}
    for item in known:
        if _is(item, NAMESPACE):
            namespaces.setdefault(item["metadata"]["name"], item)
    baseline = _raised(next(_baselines(known), SecurityBaselineSpec()), floor or {})
    views = {name: read_namespace(item, system=system) for name, item in namespaces.items()}
    spoken_of = {key[0] for key in (*policies, *invalid)}
    labelled = any(view.mode is not Mode.NOT_GOVERNED for view in views.values())
    return World(
        snapshot=Snapshot(
            policies=policies,
            invalid=invalid,
            namespaces=_governed(views, spoken_of, system),
            ranges=ClusterRanges(pods=() if baseline.network.cluster_cidrs else ASSUMED_RANGES),
            baseline=baseline,
            now=now,
        ),
        system=system,
        known=frozenset(spoken_of | set(namespaces)),
        labelled=labelled,
    )


def _policies(
    items: Iterable[KubeObject],
) -> tuple[dict[PolicyKey, PolicyView], dict[PolicyKey, InvalidPolicy]]:
    """Return the policies that can be read, and those that cannot."""
    policies: dict[PolicyKey, PolicyView] = {}
    invalid: dict[PolicyKey, InvalidPolicy] = {}
    for item in items:
        if not _is(item, POLICY):
            continue
        view = read_policy(item)
        if (view.namespace, view.name) in policies or (view.namespace, view.name) in invalid:
            continue
        if isinstance(view, PolicyView):
            policies[view.key] = view
        else:
            invalid[view.namespace, view.name] = view
    return policies, invalid


def _baselines(items: Iterable[KubeObject]) -> Iterator[SecurityBaselineSpec]:
    """Yield the floors that can be read; only those named `default` are floors."""
    for item in items:
        if _is(item, SECURITY_BASELINE) and item["metadata"]["name"] == DEFAULT_NAME:
            read = read_baseline(item)
            if isinstance(read, SecurityBaselineSpec):
                yield read


def _raised(baseline: SecurityBaselineSpec, floor: Mapping[str, str]) -> SecurityBaselineSpec:
    pods = BaselinePodSecurity.model_validate({**baseline.pod_security.model_dump(), **floor})
    return baseline.model_copy(update={"pod_security": pods})


def _governed(
    views: Mapping[str, NamespaceView], spoken_of: Iterable[str], system: frozenset[str]
) -> dict[str, NamespaceView]:
    """Return the namespaces with those that say nothing as enforced."""
    known = dict(views)
    for name in spoken_of:
        known.setdefault(name, NamespaceView(name=name, mode=Mode.NOT_GOVERNED))
    return {
        name: view
        if view.mode is not Mode.NOT_GOVERNED or name in system
        else NamespaceView(name=name, mode=Mode.ENFORCE)
        for name, view in known.items()
    }


def _is(item: KubeObject, kind: Kind) -> bool:
    return (item["apiVersion"], item["kind"]) == (kind.api_version, kind.kind)

"""What is around a policy that bartizan did not make: the objects that can open a way past it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from bartizan.api.names import BASELINE_NETWORK_POLICY, KubeObject, network_policy_name
from bartizan.api.v1alpha1 import WorkloadPeer
from bartizan.core.gaps.pods import PodShape
from bartizan.core.model import PolicyKey, PolicyView
from bartizan.core.network.expiry import in_force
from bartizan.core.ownership import belongs, is_ours
from bartizan.core.select import matches


@dataclass(frozen=True, slots=True, kw_only=True)
class IngressView:
    """An Ingress's name and the Services of its namespace that it leads clients to."""

    namespace: str
    name: str
    services: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What one policy's gaps are found in."""

    network_policies: tuple[KubeObject, ...] = ()
    """Those of the policy's namespace that are not bartizan's."""
    pods: tuple[PodShape, ...] = ()
    """Of the policy's namespace and of those that its `workload` peers name, sorted."""
    ingresses: tuple[IngressView, ...] = ()
    """Those of the policy's namespace."""


def read_ingress(item: KubeObject) -> IngressView:
    """Return the Ingress's view."""
    meta = item["metadata"]
    return IngressView(namespace=meta.get("namespace", ""), name=meta["name"], services=frozenset(_backends(item)))


def foreign(network_policies: Iterable[KubeObject], policies: Mapping[PolicyKey, PolicyView]) -> tuple[KubeObject, ...]:
    """Return the NetworkPolicies that are not what bartizan keeps, by name.

    Labels prove nothing here: whoever wants a hole overlooked can copy them. Ours are those under the very names that
    bartizan holds to their content.
    """
    found = [item for item in network_policies if not _kept(item, policies)]
    return tuple(sorted(found, key=lambda item: str(item["metadata"]["name"])))


def workload_peers(policy: PolicyView, *, now: datetime | None = None) -> tuple[WorkloadPeer, ...]:
    """Return the peers of the policy that are pods found by label, callers first; with `now` those of rules in force."""
    network = policy.spec.network
    ingress = [rule.from_ for rule in network.ingress if now is None or in_force(rule, now)]
    peers = [*ingress, *(rule.to for rule in network.egress if now is None or in_force(rule, now))]
    return tuple(peer.workload for peer in peers if peer.workload is not None)


def is_mine(policy: PolicyView, pod: PodShape) -> bool:
    """Whether the policy selects the pod."""
    return pod.namespace == policy.namespace and matches(policy.spec.workload.selector, dict(pod.labels))


def is_named(peer: WorkloadPeer, pod: PodShape) -> bool:
    """Whether the peer means the pod."""
    return pod.namespace == peer.namespace and matches(peer.selector, dict(pod.labels))


def concerns(policy: PolicyView, pod: PodShape) -> bool:
    """Whether gaps of the policy may depend on the pod."""
    return is_mine(policy, pod) or any(is_named(peer, pod) for peer in workload_peers(policy))


def _kept(item: KubeObject, policies: Mapping[PolicyKey, PolicyView]) -> bool:
    meta = item["metadata"]
    if meta["name"] == BASELINE_NETWORK_POLICY:
        return is_ours(item)
    prefix = network_policy_name("")
    name, former, _ = meta["name"].removeprefix(prefix).partition(".")
    policy = policies.get((meta["namespace"], name))
    if policy is None or not meta["name"].startswith(prefix):
        return False
    # Those of former selectors are held to their content, or deleted, as long as they belong to the policy.
    return belongs(item, policy.uid) if former else is_ours(item, owner_uid=policy.uid)


def _backends(item: KubeObject) -> Iterator[str]:
    spec = item.get("spec") or {}
    paths = [path for rule in spec.get("rules") or () for path in (rule.get("http") or {}).get("paths") or ()]
    for backend in (spec.get("defaultBackend"), *(path.get("backend") for path in paths)):
        service = (backend or {}).get("service")
        if service:
            yield service["name"]

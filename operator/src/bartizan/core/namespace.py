"""What a namespace needs to be governed: access to its certificates, the index that its pods are judged by, isolation.

Isolation comes last: only when every policy of the namespace has its NetworkPolicy does `bartizan-baseline` cut the rest, so
that nobody's declared traffic stops on the day the label is set. On the way back isolation goes first, for the same reason.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from bartizan.api.kinds import ROLE_BINDING
from bartizan.api.names import MANAGED_BY, MANAGED_BY_LABEL, KubeObject, network_policy_name
from bartizan.core.emit import sealed
from bartizan.core.index import compile_index
from bartizan.core.model import NamespaceView, Snapshot
from bartizan.core.network.compile import baseline_policy
from bartizan.core.ownership import removal, spelled_out, upkeep
from bartizan.core.pki.delivery import pod_certificates
from bartizan.core.plan import SOON, Plan
from bartizan.core.reasons import Mode

ACCESS_NAME: Final = "bartizan-certificates"
"""The RoleBinding in each governed namespace, and the chart's ClusterRole that it binds."""


PROBES_NAME: Final = "bartizan-probes"
"""The same for the prober, in enforced namespaces only: what the gate does not judge, the prober must not create."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccountRef:
    """Who gets access: the controller to a governed namespace's Secrets, the prober to its own pods."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceObserved:
    """What exists for one namespace."""

    index: KubeObject | None = None
    isolation: KubeObject | None = None
    access: KubeObject | None = None
    probes: KubeObject | None = None
    network_policies: Collection[str] = ()
    """The names of the policies' NetworkPolicies that exist."""


def plan_namespace(
    namespace: NamespaceView,
    *,
    snapshot: Snapshot,
    observed: NamespaceObserved,
    controller: ServiceAccountRef,
    prober: ServiceAccountRef | None = None,
) -> Plan:
    """Return what is to be done for one namespace, in the order in which it is safe. `prober` is None where there is none."""
    if namespace.deleting:
        return Plan()
    if namespace.mode is Mode.NOT_GOVERNED:
        kept = (observed.isolation, observed.index, observed.access, observed.probes)
        return Plan(deletes=tuple(delete for item in kept for delete in removal(item)))
    mine = snapshot.in_namespace(namespace.name)
    floor, asked = snapshot.baseline.pod_security, pod_certificates(mine, snapshot)
    index = compile_index(namespace.name, mine, floor=floor, pod_certificates=asked)
    applies = (
        *upkeep(access_binding(namespace.name, controller), observed.access, manager="bartizan/access"),
        *upkeep(index, observed.index, manager="bartizan/index"),
    )
    if namespace.mode is not Mode.ENFORCE:
        return Plan(applies=applies, deletes=removal(observed.isolation) + removal(observed.probes))
    unprobed = removal(observed.probes) if prober is None else ()
    if observed.isolation is None and any(
        network_policy_name(policy.name) not in observed.network_policies for policy in mine
    ):
        return Plan(applies=applies, deletes=unprobed, requeue_after=SOON)
    isolation = upkeep(
        spelled_out(baseline_policy(namespace.name)), observed.isolation, manager="bartizan/networkpolicy"
    )
    probes = (
        upkeep(probes_binding(namespace.name, prober), observed.probes, manager="bartizan/access") if prober else ()
    )
    return Plan(applies=(*applies, *isolation, *probes), deletes=unprobed)


def access_binding(namespace: str, controller: ServiceAccountRef) -> KubeObject:
    """Return the RoleBinding that lets the controller keep certificate Secrets in one namespace, and in no other."""
    return _binding(ACCESS_NAME, namespace, controller)


def probes_binding(namespace: str, prober: ServiceAccountRef) -> KubeObject:
    """Return the RoleBinding that lets the prober make probe pods in one namespace, and in no other."""
    return _binding(PROBES_NAME, namespace, prober)


def _binding(name: str, namespace: str, subject: ServiceAccountRef) -> KubeObject:
    group = "rbac.authorization.k8s.io"
    return sealed(
        {
            "apiVersion": ROLE_BINDING.api_version,
            "kind": ROLE_BINDING.kind,
            "metadata": {"name": name, "namespace": namespace, "labels": {MANAGED_BY_LABEL: MANAGED_BY}},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": subject.name, "namespace": subject.namespace}],
        }
    )

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
from bartizan.core.plan import Plan
from bartizan.core.posture import SOON
from bartizan.core.reasons import Mode

ACCESS_NAME: Final = "bartizan-certificates"
"""The RoleBinding in each governed namespace, and the chart's ClusterRole that it binds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccountRef:
    """Who the controller is: the subject that gets access to a governed namespace's Secrets."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceObserved:
    """What exists for one namespace."""

    index: KubeObject | None = None
    isolation: KubeObject | None = None
    access: KubeObject | None = None
    network_policies: Collection[str] = ()
    """The names of the policies' NetworkPolicies that exist."""


def plan_namespace(
    namespace: NamespaceView, *, snapshot: Snapshot, observed: NamespaceObserved, controller: ServiceAccountRef
) -> Plan:
    """Return what is to be done for one namespace, in the order in which it is safe."""
    if namespace.deleting:
        return Plan()
    if namespace.mode is Mode.NOT_GOVERNED:
        return Plan(deletes=removal(observed.isolation) + removal(observed.index) + removal(observed.access))
    mine = [policy for policy in snapshot.policies.values() if policy.namespace == namespace.name]
    applies = (
        *upkeep(access_binding(namespace.name, controller), observed.access, manager="bartizan/access"),
        *upkeep(compile_index(namespace.name, mine), observed.index, manager="bartizan/index"),
    )
    if namespace.mode is not Mode.ENFORCE:
        return Plan(applies=applies, deletes=removal(observed.isolation))
    if observed.isolation is None and any(
        network_policy_name(policy.name) not in observed.network_policies for policy in mine
    ):
        return Plan(applies=applies, requeue_after=SOON)
    isolation = upkeep(
        spelled_out(baseline_policy(namespace.name)), observed.isolation, manager="bartizan/networkpolicy"
    )
    return Plan(applies=(*applies, *isolation))


def access_binding(namespace: str, controller: ServiceAccountRef) -> KubeObject:
    """Return the RoleBinding that lets the controller keep certificate Secrets in one namespace, and in no other."""
    group = "rbac.authorization.k8s.io"
    return sealed(
        {
            "apiVersion": ROLE_BINDING.api_version,
            "kind": ROLE_BINDING.kind,
            "metadata": {"name": ACCESS_NAME, "namespace": namespace, "labels": {MANAGED_BY_LABEL: MANAGED_BY}},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": ACCESS_NAME},
            "subjects": [{"kind": "ServiceAccount", "name": controller.name, "namespace": controller.namespace}],
        }
    )

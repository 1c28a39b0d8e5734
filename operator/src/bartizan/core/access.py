"""Keeping a policy's Role and RoleBinding for the API server: written while it grants something, taken away when it does not.

A right outlives nothing here: the binding goes before the role, both go when the namespace is not governed any more, and an
object of that name which somebody else made is neither written over nor deleted, but said.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import EdgeStatus
from bartizan.core.model import PolicyView
from bartizan.core.ownership import abandoned, is_foreign, upkeep
from bartizan.core.plan import Apply, Delete
from bartizan.core.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessObserved:
    """Whatever bears the names of the policy's Role and RoleBinding."""

    role: KubeObject | None = None
    binding: KubeObject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessPlan:
    """What is to be done about them."""

    applies: tuple[Apply, ...] = ()
    deletes: tuple[Delete, ...] = ()
    kept: tuple[KubeObject, ...] = ()
    """What the status lists as emitted."""
    conflict: str = ""
    """Somebody else's object in the way; empty if there is none."""


def plan_access(policy: PolicyView, desired: Sequence[KubeObject], observed: AccessObserved) -> AccessPlan:
    """Return the writes that leave exactly `desired` (a Role and its RoleBinding, or nothing)."""
    if not desired:
        existing = (observed.binding, observed.role)
        return AccessPlan(deletes=tuple(one for item in existing for one in abandoned(item, owner_uid=policy.uid)))
    foreign = next((item for item in (observed.role, observed.binding) if is_foreign(item, owner_uid=policy.uid)), None)
    if foreign is not None:
        return AccessPlan(conflict=f"{foreign['kind']} {foreign['metadata']['name']}")
    role, binding = desired
    applies = (
        *upkeep(role, observed.role, manager="bartizan/access"),
        *upkeep(binding, observed.binding, manager="bartizan/access"),
    )
    return AccessPlan(applies=applies, kept=(role, binding))


def with_conflict(edges: tuple[EdgeStatus, ...], conflict: str) -> tuple[EdgeStatus, ...]:
    """Return the edges with those to the API server degraded if somebody else's object keeps the rights from being given."""
    if not conflict:
        return edges
    message = f"{conflict} exists that bartizan did not make: no rights are given until it is renamed or deleted"
    change = {"state": "Degraded", "reason": Reason.FIELD_CONFLICT.value, "message": message}
    return tuple(edge.model_copy(update=change) if edge.to == "kubernetesAPI" else edge for edge in edges)

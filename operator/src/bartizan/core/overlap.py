"""What CEL cannot say of one policy because it takes two: whether it gets in another one's way.

A pod covered by two policies is refused by the gate, and two policies that write one Secret would overwrite each other. Both
are said where the policy is written instead of where a pod fails.

Two selectors get in each other's way when one pod could satisfy both *and* they speak of the same label, or one of them asks
for no label to be present, or a pod that satisfies both exists. Selectors about different labels alone are left alone: that
some pod might one day carry both is no ground for a refusal.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import LabelSelector
from bartizan.core.model import PolicyView
from bartizan.core.select import matches, overlap

_PODS_SHOWN: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """One way in which two policies of a namespace cannot both stand."""

    other: str
    """The other policy's name."""
    field: str
    """The field to change."""
    message: str
    """What is wrong and how to fix it, for a person."""


def conflicts(policy: PolicyView, others: Iterable[PolicyView], pods: Sequence[KubeObject]) -> tuple[Conflict, ...]:
    """Return how `policy` gets in the way of other policies of its namespace, by their names.

    Args:
        policy: the policy as it would be.
        others: policies; those of other namespaces and the policy itself don't count.
        pods: pods of the namespace that exist.
    """
    mine, secret = policy.spec.workload.selector, policy.spec.secret_name(policy.name)
    # What hardly any two policies have in common is asked first: every policy is held against all of its namespace.
    near = [
        other
        for other in others
        if (other.spec.secret_name(other.name) == secret or overlap(mine, other.spec.workload.selector))
        and other.namespace == policy.namespace
        and other.name != policy.name
    ]
    neighbours = sorted(near, key=lambda other: other.name)
    found = [_selector_conflict(policy, other, pods) for other in neighbours]
    found += [_secret_conflict(policy, other) for other in neighbours]
    return tuple(conflict for conflict in found if conflict is not None)


def _selector_conflict(policy: PolicyView, other: PolicyView, pods: Sequence[KubeObject]) -> Conflict | None:
    mine, theirs = policy.spec.workload.selector, other.spec.workload.selector
    if not overlap(mine, theirs):
        return None
    shared = sorted(
        {pod["metadata"]["name"] for pod in pods if matches(mine, labels_of(pod)) and matches(theirs, labels_of(pod))}
    )
    if not shared and not _same_ground(mine, theirs):
        return None
    existing = f" (pods {_listed(shared)} are selected by both)" if shared else ""
    return Conflict(
        other=other.name,
        field="spec.workload.selector",
        message=(
            f"spec.workload.selector can select the same pods as policy {other.name}{existing}; a pod belongs to exactly one "
            f"policy: tell them apart by the value of a label that both name"
        ),
    )


def _secret_conflict(policy: PolicyView, other: PolicyView) -> Conflict | None:
    name = policy.spec.secret_name(policy.name)
    if name != other.spec.secret_name(other.name):
        return None
    return Conflict(
        other=other.name,
        field="spec.mtls.secret.name",
        message=f"spec.mtls.secret.name: policy {other.name} already writes its certificate to {name}; choose another name",
    )


def labels_of(pod: KubeObject) -> Mapping[str, str]:
    """Return a pod's labels."""
    return pod["metadata"].get("labels") or {}


def _same_ground(first: LabelSelector, second: LabelSelector) -> bool:
    """Whether two selectors speak of one label, or one of them asks for no label to be present."""
    return bool(_keys(first) & _keys(second)) or not _wanted(first) or not _wanted(second)


def _keys(selector: LabelSelector) -> set[str]:
    return set(selector.match_labels) | {requirement.key for requirement in selector.match_expressions}


def _wanted(selector: LabelSelector) -> set[str]:
    """Return the labels a pod must have, with whatever value."""
    present = {item.key for item in selector.match_expressions if item.operator in {"In", "Exists"}}
    return set(selector.match_labels) | present


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_PODS_SHOWN])
    return shown + (f" and {len(names) - _PODS_SHOWN} more" if len(names) > _PODS_SHOWN else "")

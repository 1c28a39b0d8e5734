"""Label selectors with exactly the meaning Kubernetes gives them.

Every part of bartizan that asks "is this pod of that policy" asks here, so that network, admission and certificates can never
disagree about who a pod is. Source: `k8s.io/apimachinery/pkg/apis/meta/v1` LabelSelector and `pkg/labels` Requirement.
"""

from collections.abc import Iterable, Mapping

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import LabelSelector, Requirement
from bartizan.core.model import PolicyView


def matches(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Whether a pod with `labels` is selected; an empty selector selects every pod."""
    return all(labels.get(key) == value for key, value in selector.match_labels.items()) and all(
        _holds(requirement, labels) for requirement in selector.match_expressions
    )


def _holds(requirement: Requirement, labels: Mapping[str, str]) -> bool:
    """Whether one expression holds. NotIn and DoesNotExist hold for a pod that lacks the label."""
    value = labels.get(requirement.key)
    match requirement.operator:
        case "In":
            return value is not None and value in requirement.values
        case "NotIn":
            return value is None or value not in requirement.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None


def covering(policies: Iterable[PolicyView], namespace: str, labels: Mapping[str, str]) -> tuple[PolicyView, ...]:
    """Return the policies of `namespace` that select a pod with `labels`, by name."""
    found = (
        policy
        for policy in policies
        if policy.namespace == namespace and matches(policy.spec.workload.selector, labels)
    )
    return tuple(sorted(found, key=lambda policy: policy.name))


def to_kube(selector: LabelSelector) -> KubeObject:
    """Return the selector as it stands in a Kubernetes object, the same for every spelling of the same requirements."""
    result: KubeObject = {}
    if selector.match_labels:
        result["matchLabels"] = dict(sorted(selector.match_labels.items()))
    expressions = sorted({(r.key, r.operator, tuple(sorted(set(r.values)))) for r in selector.match_expressions})
    if expressions:
        result["matchExpressions"] = [
            {"key": key, "operator": operator} | ({"values": list(values)} if values else {})
            for key, operator, values in expressions
        ]
    return result


def is_empty(selector: LabelSelector) -> bool:
    """Whether the selector names no label at all, so that it would select every pod."""
    return not selector.match_labels and not selector.match_expressions


def overlap(first: LabelSelector, second: LabelSelector) -> bool:
    """Whether one pod could satisfy both selectors.

    Exact, because requirements on different labels never meet: it is enough that each label can be absent or can have a
    value. A label without an `In` always can, since finitely many values are excluded.
    """
    ours, theirs = first.match_labels, second.match_labels
    for key, value in ours.items():
        if theirs.get(key, value) != value:
            return False  # what tells nearly all services of a namespace apart
    requirements = [
        *(_as_requirements(first)),
        *(_as_requirements(second)),
    ]
    keys = {requirement.key for requirement in requirements}
    return all(_satisfiable([r for r in requirements if r.key == key]) for key in keys)


def _as_requirements(selector: LabelSelector) -> tuple[Requirement, ...]:
    exact = tuple(Requirement(key=key, operator="In", values=(value,)) for key, value in selector.match_labels.items())
    return exact + selector.match_expressions


def _satisfiable(requirements: list[Requirement]) -> bool:
    """Whether some state of one label (absent, or a value) meets all `requirements`, which are about that label only."""
    operators = {requirement.operator for requirement in requirements}
    if not operators & {"In", "Exists"}:
        return True
    if "DoesNotExist" in operators:
        return False
    allowed = [set(requirement.values) for requirement in requirements if requirement.operator == "In"]
    if not allowed:
        return True
    excluded = {
        value for requirement in requirements if requirement.operator == "NotIn" for value in requirement.values
    }
    return bool(set.intersection(*allowed) - excluded)


def describe(selector: LabelSelector) -> str:
    """Return the selector as `kubectl get -l` takes it: `app=web,tier in (a, b),!canary`."""
    words = [f"{key}={value}" for key, value in sorted(selector.match_labels.items())]
    for requirement in sorted(selector.match_expressions, key=lambda r: (r.key, r.operator, r.values)):
        values = f"({', '.join(sorted(set(requirement.values)))})"
        words.append(
            {
                "In": f"{requirement.key} in {values}",
                "NotIn": f"{requirement.key} notin {values}",
                "Exists": requirement.key,
                "DoesNotExist": f"!{requirement.key}",
            }[requirement.operator]
        )
    return ",".join(words)

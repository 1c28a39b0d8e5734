"""Which selectors a policy had before and still needs: make before break, without remembering anything but what is observed.

When a policy's selector changes, pods that only the old one selects go on running until they are replaced. Their NetworkPolicy,
as bartizan wrote it, still names the old selector; as long as such pods run and no other policy has taken them over, the old
selector counts beside the new one, as a subject and as a peer of others. Afterwards it is gone by itself.
"""

from collections.abc import Iterable, Mapping

from bartizan.api.names import KubeObject, network_policy_name
from bartizan.api.v1alpha1 import LabelSelector
from bartizan.core.emit import intact
from bartizan.core.model import PolicyView, WorkloadShape
from bartizan.core.ownership import belongs
from bartizan.core.select import covering, is_empty, matches, to_kube


def former_selectors(
    policy: PolicyView,
    *,
    observed: Iterable[KubeObject],
    shapes: Iterable[WorkloadShape],
    policies: Iterable[PolicyView],
) -> tuple[LabelSelector, ...]:
    """Return the selectors, sorted, that `policy` had before and that running pods still need.

    Args:
        policy: the policy as it is now.
        observed: NetworkPolicies of bartizan's in its namespace, its own among them.
        shapes: pods and templates of its namespace.
        policies: policies, its own among them; those of other namespaces don't count.
    """
    written = list(observed)
    own = policy.spec.workload.selector
    found: dict[str, LabelSelector] = {}
    for item in written:
        if not belongs(item, policy.uid) or item["spec"]["podSelector"] == to_kube(own) or not intact(item):
            continue
        selector = LabelSelector.model_validate(item["spec"]["podSelector"])
        if not is_empty(selector):
            found[repr(item["spec"]["podSelector"])] = selector
    if not found:
        return ()
    subjects = {item["metadata"]["name"]: item["spec"]["podSelector"] for item in written}
    rest = [other for other in policies if other.namespace == policy.namespace and other.key != policy.key]
    left = [
        labels
        for shape in shapes
        if shape.running and not matches(own, labels := dict(shape.labels)) and not _taken(labels, rest, subjects)
    ]
    return tuple(selector for _, selector in sorted(found.items()) if any(matches(selector, labels) for labels in left))


def _taken(labels: Mapping[str, str], rest: Iterable[PolicyView], subjects: Mapping[str, KubeObject]) -> bool:
    """Whether another policy has the pod, and its NetworkPolicy is already written for it."""
    namespace = next((policy.namespace for policy in rest), "")
    return any(
        subjects.get(network_policy_name(other.name)) == to_kube(other.spec.workload.selector)
        for other in covering(rest, namespace, labels)
    )

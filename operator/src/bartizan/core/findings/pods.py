"""What the gate would say of the pods that an object in a file makes.

Every check of the registry is asked about the pod as it would be admitted, a template's as if its pod were created now: that is
where it would be refused. A check that joins the registry judges files from then on.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Final

from bartizan.api.kinds import POLICY
from bartizan.api.names import API_VERSION, KubeObject
from bartizan.core.checks.check import Check, Scope
from bartizan.core.checks.registry import ALL
from bartizan.core.checks.view import view_of
from bartizan.core.findings.admitted import admitted
from bartizan.core.findings.catalogue import pss, severity
from bartizan.core.findings.finding import Finding, of_violation
from bartizan.core.findings.pod_shape import pod_shape_findings
from bartizan.core.index import bucket_key

_IN_ORDER: Final[tuple[Check, ...]] = tuple(check for scope in Scope for check in ALL if check.scope is scope)
_UNCOVERED: Final = "C-01"


def pod_findings(item: KubeObject, index: KubeObject, *, left_out: Collection[str] = ()) -> Iterator[Finding]:
    """Yield what is wrong with a Pod or workload, in the order in which the gate would tell it.

    Args:
        item: any object of which `pod_trail` knows a pod.
        index: the `spec` of the PolicyIndex of its namespace.
        left_out: checks that are not asked.
    """
    if unreadable := pod_shape_findings(item):
        yield from unreadable
        return
    view = view_of(admitted(item, index), index)
    for check in _IN_ORDER:
        if check.info.id in left_out:
            continue
        for violation in check.find(view):
            name = check.info.id
            found = of_violation(violation, item, severity=severity(name), pss=pss(name))
            yield found if name != _UNCOVERED else _with_policy(found, item, view.labels, view.account)


def _with_policy(found: Finding, item: KubeObject, labels: Mapping[str, str], account: str) -> Finding:
    """Return the finding with the least policy that would cover the pod; without labels there is none."""
    key = bucket_key(labels)
    if key is None:
        return found
    name = str(item["metadata"].get("name") or labels[key])
    meta = {"name": name} | ({"namespace": found.namespace} if found.namespace else {})
    lines = [
        f"apiVersion: {API_VERSION}",
        f"kind: {POLICY.kind}",
        f"metadata: {_flow(meta)}",
        "spec:",
        "  workload:",
        f"    selector: {{matchLabels: {_flow({key: labels[key]})}}}",
        *([f"    serviceAccountName: {account}"] if account != name else []),
    ]
    return replace(found, snippet="\n".join(lines))


def _flow(mapping: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{key}: {json.dumps(value)}" for key, value in mapping.items()) + "}"

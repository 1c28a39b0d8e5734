"""P-02: no pod may share the node's network, process or IPC namespace.

In the node's network a pod has no NetworkPolicy and sees every pod's traffic; in its process namespace it reads other
workloads' memory and environment. Restricted fields: `hostNetwork`, `hostPID`, `hostIPC` of the pod. Allowed: unset, false.
Source: Pod Security Standards, level baseline.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.api.pod_security import Level
from bartizan.core.checks.check import Check, Scope
from bartizan.core.checks.finding import Info, Revision, Standard, Violation, finding
from bartizan.core.checks.view import View

INFO: Final = Info(
    id="P-02",
    title="host namespaces",
    rationale="In the node's network no NetworkPolicy holds; in its process namespace other workloads' memory is open.",
    fields=("spec.hostNetwork", "spec.hostPID", "spec.hostIPC"),
    fix="remove it",
    standard=Standard(
        name="hostNamespaces",
        level=Level.BASELINE,
        revisions=(Revision(minor=0, says="no pod shares the node's network, process or IPC namespace"),),
    ),
)
_ALLOWED: Final = "unset or false"
_FIELDS: Final = ("hostNetwork", "hostPID", "hostIPC")


def find(view: View) -> Iterable[Violation]:
    """Yield one violation for each host namespace the pod shares."""
    for field in _FIELDS:
        if view.spec.get(field):
            yield Violation(info=INFO, subject="pod", at=f"{view.at}spec", leaf=field, seen="true", allowed=_ALLOWED)


CHECK: Final = Check(
    info=INFO,
    scope=Scope.FLOOR,
    find=find,
    cel="["
    + ", ".join(f"'{field}'" for field in _FIELDS)
    + "].filter(n, v.spec[?n].orValue(false)).map(n, "
    + finding(INFO, subject="'pod'", at="v.at + 'spec'", leaf="n", seen="'true'", allowed=f"'{_ALLOWED}'")
    + ")",
)

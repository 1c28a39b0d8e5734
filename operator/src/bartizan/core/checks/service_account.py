"""C-06: a policy and its ServiceAccount belong to each other, in both directions.

The ServiceAccount is the workload's identity: in its certificate, in Vault, in the API server's RBAC. A pod of a policy must
run the account the policy names, and a pod that runs a policy's account must be one of that policy's pods; else anybody who may
create pods could borrow the identity. Restricted field: `serviceAccountName` (unset means `default`).
"""

from collections.abc import Iterable
from typing import Final

from bartizan.core.checks.check import Check, Scope
from bartizan.core.checks.finding import Info, Violation, finding
from bartizan.core.checks.view import View

INFO: Final = Info(
    id="C-06",
    title="ServiceAccount",
    rationale="The ServiceAccount is the workload's identity; whoever could run it without its policy would borrow it.",
    fields=("spec.serviceAccountName",),
    fix="set serviceAccountName and labels of the same policy",
)
_SEEN_CEL: Final = "'\"' + v.account + '\"'"
_OURS_CEL: Final = "v.covering.map(e, '\"' + e.account + '\" (policy ' + e.name + ')').sort().join(' or ')"
_THEIRS_CEL: Final = "'an account that no policy names, or the labels of policy ' + v.owners"


def find(view: View) -> Iterable[Violation]:
    """Yield a violation if the pod's account is not its policy's, or is another policy's."""
    if any(entry["account"] == view.account for entry in view.covering) or not (view.covering or view.owners):
        return
    ours = sorted(f'"{entry["account"]}" (policy {entry["name"]})' for entry in view.covering)
    allowed = " or ".join(ours) if ours else f"an account that no policy names, or the labels of policy {view.owners}"
    yield Violation(
        info=INFO,
        subject="pod",
        at=f"{view.at}spec",
        leaf="serviceAccountName",
        seen=f'"{view.account}"',
        allowed=allowed,
        mark=allowed,
    )


_ALLOWED_CEL: Final = f"(v.covering.size() > 0 ? {_OURS_CEL} : {_THEIRS_CEL})"

CHECK: Final = Check(
    info=INFO,
    scope=Scope.COVERAGE,
    find=find,
    cel="v.covering.exists(e, e.account == v.account) || (v.covering.size() == 0 && v.owners == '') ? [] : ["
    + finding(
        INFO,
        subject="'pod'",
        at="v.at + 'spec'",
        leaf="'serviceAccountName'",
        seen=_SEEN_CEL,
        allowed=_ALLOWED_CEL,
        mark=_ALLOWED_CEL,
    )
    + "]",
)

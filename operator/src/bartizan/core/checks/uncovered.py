"""C-01: a pod of a governed namespace must be selected by a policy.

What no policy selects has no declared posture: no edges, no identity, no checks. Restricted field: the pod's labels. Allowed:
labels that exactly one ServiceSecurityPolicy of the namespace selects. A pod that is already there may change its labels as
long as it does not lose its policy by it.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.core.checks.check import Check, Scope
from bartizan.core.checks.finding import Info, Violation, finding
from bartizan.core.checks.labels import LABELS_CEL, labels_text
from bartizan.core.checks.view import View

INFO: Final = Info(
    id="C-01",
    title="covered by no policy",
    rationale="What no policy selects has no declared posture: no edges, no identity, no checks.",
    fields=("metadata.labels",),
    fix="give the pod the labels of its policy, or write a ServiceSecurityPolicy that selects it",
)
_ALLOWED: Final = "labels that exactly one ServiceSecurityPolicy of the namespace selects"


def find(view: View) -> Iterable[Violation]:
    """Yield a violation if no policy selects the pod."""
    if not view.covering:
        yield Violation(
            info=INFO,
            subject="pod",
            at=f"{view.at}metadata",
            leaf="labels",
            seen=labels_text(view.labels),
            allowed=_ALLOWED,
            mark="",
        )


CHECK: Final = Check(
    info=INFO,
    scope=Scope.COVERAGE,
    find=find,
    cel="v.covering.size() > 0 ? [] : ["
    + finding(
        INFO,
        subject="'pod'",
        at="v.at + 'metadata'",
        leaf="'labels'",
        seen=LABELS_CEL,
        allowed=f"'{_ALLOWED}'",
        mark="''",
    )
    + "]",
)

"""C-04: a pod must not be selected by several policies.

Two policies would add up their edges and contradict each other's identity, and nobody could say which of them a pod obeys.
Restricted field: the pod's labels. Allowed: labels that exactly one ServiceSecurityPolicy of the namespace selects.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.core.checks.check import Check, Scope
from bartizan.core.checks.finding import Info, Violation, finding
from bartizan.core.checks.labels import LABELS_CEL, labels_text
from bartizan.core.checks.view import View

INFO: Final = Info(
    id="C-04",
    title="covered by several",
    rationale="Two policies add up their edges and contradict each other's identity; nobody could say which one holds.",
    fields=("metadata.labels",),
    fix="narrow the policies' selectors so that one is left",
)
_ALLOWED: Final = "labels that only one of these policies selects: "
_NAMES_CEL: Final = "v.covering.map(e, e.name).sort().join(', ')"


def find(view: View) -> Iterable[Violation]:
    """Yield a violation if more than one policy selects the pod."""
    if len(view.covering) > 1:
        names = ", ".join(entry["name"] for entry in view.covering)
        yield Violation(
            info=INFO,
            subject="pod",
            at=f"{view.at}metadata",
            leaf="labels",
            seen=labels_text(view.labels),
            allowed=_ALLOWED + names,
            mark=names,
        )


CHECK: Final = Check(
    info=INFO,
    scope=Scope.COVERAGE,
    find=find,
    cel="v.covering.size() < 2 ? [] : ["
    + finding(
        INFO,
        subject="'pod'",
        at="v.at + 'metadata'",
        leaf="'labels'",
        seen=LABELS_CEL,
        allowed=f"'{_ALLOWED}' + {_NAMES_CEL}",
        mark=_NAMES_CEL,
    )
    + "]",
)

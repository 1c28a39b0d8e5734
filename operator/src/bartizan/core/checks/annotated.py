"""A finding about one of the pod's annotations, once for Python and once for CEL: every check says alike where it stands."""

from bartizan.core.checks.finding import Info, Violation, finding
from bartizan.core.checks.view import View


def annotation_violation(
    info: Info, view: View, key: str, *, seen: str | None, allowed: str, mark: str | None = None
) -> Violation:
    """Return the violation of the pod's annotation `key`."""
    leaf = f'annotations["{key}"]'
    return Violation(
        info=info, subject="pod", at=f"{view.at}metadata", leaf=leaf, seen=seen, allowed=allowed, mark=mark
    )


def annotation_finding(info: Info, *, seen: str | None, allowed: str, mark: str | None = None) -> str:
    """Return the CEL twin for the annotation that the variable `k` names; `seen`, `allowed` and `mark` are CEL expressions."""
    leaf = "'annotations[\"' + k + '\"]'"
    return finding(info, subject="'pod'", at="v.at + 'metadata'", leaf=leaf, seen=seen, allowed=allowed, mark=mark)

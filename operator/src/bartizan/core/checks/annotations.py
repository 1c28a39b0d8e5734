"""J-01: a new pod must carry the annotations by which its policy's secrets are injected.

bartizan writes them when they are missing and never overrides what is set. A pod with another role or path would read other
secrets than its policy declares, and a pod without them would start without any; both are refused. Restricted fields: the
annotations of the policy's index entry. Allowed: exactly the policy's values.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.core.checks.check import Check, Scope
from bartizan.core.checks.finding import Info, Violation, finding, short, short_cel
from bartizan.core.checks.view import View

INFO: Final = Info(
    id="J-01",
    title="injected annotations",
    rationale="With another role or path the pod would read other secrets than its policy declares; without, none.",
    fields=("metadata.annotations[vault.hashicorp.com/*]",),
    fix="leave it unset: bartizan writes it when the pod is created",
)


def find(view: View) -> Iterable[Violation]:
    """Yield one violation for each annotation that is missing or different."""
    if len(view.covering) != 1:
        return
    for key, wanted in sorted((view.covering[0].get("annotations") or {}).items()):
        seen = view.annotations.get(key)
        if seen != wanted:
            yield Violation(
                info=INFO,
                subject="pod",
                at=f"{view.at}metadata",
                leaf=f'annotations["{key}"]',
                seen=None if seen is None else short(seen),
                allowed=short(wanted),
                mark="",
            )


def _told(seen: str | None) -> str:
    return finding(
        INFO,
        subject="'pod'",
        at="v.at + 'metadata'",
        leaf="'annotations[\"' + k + '\"]'",
        seen=seen,
        allowed=short_cel("e.annotations[k]"),
        mark="''",
    )


CHECK: Final = Check(
    info=INFO,
    scope=Scope.INJECTION,
    find=find,
    cel="v.covering.size() != 1 ? [] : v.covering.filter(e, has(e.annotations)).map(e, e.annotations.map(k, k).sort()"
    ".filter(k, !(k in v.annotations) || v.annotations[k] != e.annotations[k]).map(k, k in v.annotations ? "
    + _told(short_cel("v.annotations[k]"))
    + " : "
    + _told(None)
    + ")).flatten()",
)

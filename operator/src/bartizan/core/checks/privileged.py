"""P-01: no container may be privileged.

A privileged container holds every capability and every device of the node; whoever gets into it owns the node and all pods on
it. Restricted field: `securityContext.privileged` of every container, init container and ephemeral container. Allowed: unset,
false. Source: Pod Security Standards, level baseline.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.api.pod_security import Level
from bartizan.core.checks.check import Check, Scope
from bartizan.core.checks.finding import Info, Revision, Standard, Violation, finding
from bartizan.core.checks.view import View

INFO: Final = Info(
    id="P-01",
    title="privileged",
    rationale="A privileged container holds every capability and device of the node; whoever enters it owns the node.",
    fields=("spec.{containers,initContainers,ephemeralContainers}[*].securityContext.privileged",),
    fix="remove it",
    standard=Standard(
        name="privileged",
        level=Level.BASELINE,
        revisions=(Revision(minor=0, says="no container is privileged"),),
    ),
)
_ALLOWED: Final = "unset or false"


def find(view: View) -> Iterable[Violation]:
    """Yield one violation for each privileged container."""
    for container in view.containers:
        if (container.item.get("securityContext") or {}).get("privileged"):
            yield Violation(
                info=INFO,
                subject=container.subject,
                at=container.at,
                leaf="securityContext.privileged",
                seen="true",
                allowed=_ALLOWED,
            )


CHECK: Final = Check(
    info=INFO,
    scope=Scope.FLOOR,
    find=find,
    cel="v.containers.filter(c, c.item.?securityContext.?privileged.orValue(false)).map(c, "
    + finding(
        INFO,
        subject="c.subject",
        at="c.at",
        leaf="'securityContext.privileged'",
        seen="'true'",
        allowed=f"'{_ALLOWED}'",
    )
    + ")",
)

"""P-11: no pod may run as a process of a Windows host.

A HostProcess container runs on the node itself, with the rights of the account it names: the privileged container of Windows.
Restricted field: `windowsOptions.hostProcess` in the securityContext of the pod and of every container. Allowed: unset, false.
Source: Pod Security Standards, level baseline.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.api.pod_security import Level
from bartizan.core.checks.finding import Info, Revision, Standard, Violation, finding
from bartizan.core.checks.standard import standard_check
from bartizan.core.checks.view import View

_LEAF: Final = "securityContext.windowsOptions.hostProcess"
INFO: Final = Info(
    id="P-11",
    title="HostProcess",
    rationale="A HostProcess container runs on the Windows node itself: it is the privileged container of Windows.",
    fields=(f"spec.{_LEAF}", f"spec.{{containers,initContainers,ephemeralContainers}}[*].{_LEAF}"),
    fix="remove it",
    standard=Standard(
        name="windowsHostProcess",
        level=Level.BASELINE,
        revisions=(Revision(minor=0, says="neither pod nor container is a HostProcess"),),
    ),
)
_ALLOWED: Final = "unset or false"


def find(view: View) -> Iterable[Violation]:
    """Yield one violation for the pod and for each container that asks for it."""
    for holder in view.holders:
        if (holder.security.get("windowsOptions") or {}).get("hostProcess"):
            yield Violation(info=INFO, subject=holder.subject, at=holder.at, leaf=_LEAF, seen="true", allowed=_ALLOWED)


CHECK: Final = standard_check(
    INFO,
    find=find,
    cel="v.holders.filter(h, h.security.?windowsOptions.?hostProcess.orValue(false)).map(h, "
    + finding(INFO, subject="h.subject", at="h.at", leaf=f"'{_LEAF}'", seen="'true'", allowed=f"'{_ALLOWED}'")
    + ")",
)

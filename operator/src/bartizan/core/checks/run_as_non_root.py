"""P-24: a container must not run as root.

Root in a container is root of the node for every hole in the kernel or in the runtime. Restricted field: `runAsNonRoot` in the
securityContext of the pod and of every container. Allowed: true, in each container or in the pod for all that leave it unset;
from v1.35 on anything in a pod with `hostUsers: false`, where root is nobody on the node. Source: Pod Security Standards, level
restricted.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.api.pod_security import Level
from bartizan.core.checks.finding import Info, Revision, Standard, Violation, finding
from bartizan.core.checks.standard import USER_NAMESPACES, choice_cel, standard_check
from bartizan.core.checks.view import View

_LEAF: Final = "securityContext.runAsNonRoot"
INFO: Final = Info(
    id="P-24",
    title="run as non-root",
    rationale="Root in a container is root of the node for every hole in the kernel or in the runtime.",
    fields=(f"spec.{_LEAF}", f"spec.{{containers,initContainers,ephemeralContainers}}[*].{_LEAF}"),
    fix="set it to true in the pod's securityContext",
    standard=Standard(
        name="runAsNonRoot",
        level=Level.RESTRICTED,
        revisions=(
            Revision(minor=0, says="true in every container, or in the pod for those that leave it unset"),
            Revision(minor=USER_NAMESPACES, says="not asked of pods with `hostUsers: false`"),
        ),
    ),
)
_ALLOWED: Final = "true"


def find(view: View) -> Iterable[Violation]:
    """Yield one violation for each explicit false, and for each container that neither it nor its pod keeps from root."""
    if view.own_users and view.version >= USER_NAMESPACES:
        return
    unset = view.holders[0].security.get("runAsNonRoot") is None
    for number, holder in enumerate(view.holders):
        seen = holder.security.get("runAsNonRoot")
        if seen is False or (seen is None and unset and number > 0):
            yield Violation(
                info=INFO,
                subject=holder.subject,
                at=holder.at,
                leaf=_LEAF,
                seen=None if seen is None else "false",
                allowed=_ALLOWED,
            )


def _found(holders: str, condition: str) -> str:
    told = finding(
        INFO,
        subject="h.subject",
        at="h.at",
        leaf=f"'{_LEAF}'",
        seen="'false'",
        present="has(h.security.runAsNonRoot)",
        allowed=f"'{_ALLOWED}'",
    )
    return f"{holders}.filter(h, {condition}).map(h, {told})"


# With the pod's own value set, what a container leaves unset is the pod's.
_UNSET: Final = "!has(v.holders[0].security.runAsNonRoot)"

CHECK: Final = standard_check(
    INFO,
    find=find,
    cel=choice_cel(
        f"v.ownUsers && v.version >= {USER_NAMESPACES}",
        "[]",
        choice_cel(
            _UNSET,
            _found("v.containers", "!h.security.?runAsNonRoot.orValue(false)"),
            _found("v.holders", "!h.security.?runAsNonRoot.orValue(true)"),
        ),
    ),
)

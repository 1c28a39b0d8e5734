"""P-25: no container may ask for user 0.

`runAsNonRoot` refuses root when the container starts; this refuses the wish. Restricted field: `runAsUser` in the
securityContext of the pod and of every container. Allowed: unset, any but 0; from v1.35 on anything in a pod with `hostUsers:
false`. Source: Pod Security Standards, level restricted, from v1.23 on.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.api.pod_security import Level
from bartizan.core.checks.finding import Info, Revision, Standard, Violation, finding
from bartizan.core.checks.standard import USER_NAMESPACES, choice_cel, standard_check
from bartizan.core.checks.view import View

_LEAF: Final = "securityContext.runAsUser"
INFO: Final = Info(
    id="P-25",
    title="run as user 0",
    rationale="User 0 in a container is root of the node for every hole in the kernel or in the runtime.",
    fields=(f"spec.{_LEAF}", f"spec.{{containers,initContainers,ephemeralContainers}}[*].{_LEAF}"),
    fix="set another number, or remove it if the image names a user",
    standard=Standard(
        name="runAsUser",
        level=Level.RESTRICTED,
        revisions=(
            Revision(minor=23, says="neither pod nor container asks for user 0"),
            Revision(minor=USER_NAMESPACES, says="not asked of pods with `hostUsers: false`"),
        ),
    ),
)
_ALLOWED: Final = "unset or a number above 0"


def find(view: View) -> Iterable[Violation]:
    """Yield one violation for the pod and for each container that asks for user 0."""
    if view.own_users and view.version >= USER_NAMESPACES:
        return
    for holder in view.holders:
        if holder.security.get("runAsUser") == 0:
            yield Violation(info=INFO, subject=holder.subject, at=holder.at, leaf=_LEAF, seen="0", allowed=_ALLOWED)


CHECK: Final = standard_check(
    INFO,
    find=find,
    cel=choice_cel(
        f"v.ownUsers && v.version >= {USER_NAMESPACES}",
        "[]",
        "v.holders.filter(h, h.security.?runAsUser.orValue(1) == 0).map(h, "
        + finding(INFO, subject="h.subject", at="h.at", leaf=f"'{_LEAF}'", seen="'0'", allowed=f"'{_ALLOWED}'")
        + ")",
    ),
)

"""P-20: a container must give up gaining privileges later.

Without `allowPrivilegeEscalation: false` a program with the set-user-ID bit makes an ordinary user root again (the kernel's
no_new_privs is what stops it). Restricted field: `securityContext.allowPrivilegeEscalation` of every container. Allowed: false;
from v1.25 on pods of Windows are spared it. Source: Pod Security Standards, level restricted.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.api.pod_security import Level
from bartizan.core.checks.finding import Info, Revision, Standard, Violation, finding
from bartizan.core.checks.standard import WINDOWS_EXEMPT, choice_cel, standard_check
from bartizan.core.checks.view import View

_LEAF: Final = "securityContext.allowPrivilegeEscalation"
INFO: Final = Info(
    id="P-20",
    title="privilege escalation",
    rationale="A program with the set-user-ID bit would make an ordinary user root again.",
    fields=(f"spec.{{containers,initContainers,ephemeralContainers}}[*].{_LEAF}",),
    fix="set it to false in each container",
    standard=Standard(
        name="allowPrivilegeEscalation",
        level=Level.RESTRICTED,
        revisions=(
            Revision(minor=8, says="every container sets it to false"),
            Revision(minor=WINDOWS_EXEMPT, says="not asked of pods whose `os.name` is windows"),
        ),
    ),
)
_ALLOWED: Final = "false"


def find(view: View) -> Iterable[Violation]:
    """Yield one violation for each container that may gain privileges."""
    if view.windows and view.version >= WINDOWS_EXEMPT:
        return
    for container in view.containers:
        seen = container.security.get("allowPrivilegeEscalation")
        if seen is not False:
            yield Violation(
                info=INFO,
                subject=container.subject,
                at=container.at,
                leaf=_LEAF,
                seen=None if seen is None else "true",
                allowed=_ALLOWED,
            )


CHECK: Final = standard_check(
    INFO,
    find=find,
    cel=choice_cel(
        f"v.windows && v.version >= {WINDOWS_EXEMPT}",
        "[]",
        "v.containers.filter(c, c.security.?allowPrivilegeEscalation.orValue(true)).map(c, "
        + finding(
            INFO,
            subject="c.subject",
            at="c.at",
            leaf=f"'{_LEAF}'",
            seen="'true'",
            present="has(c.security.allowPrivilegeEscalation)",
            allowed=f"'{_ALLOWED}'",
        )
        + ")",
    ),
)

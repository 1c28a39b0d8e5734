"""P-05: no container may add capabilities beyond those that container runtimes give by themselves.

A capability is a part of root's power: with SYS_ADMIN, SYS_PTRACE or NET_ADMIN a process leaves its container. Restricted
field: `securityContext.capabilities.add` of every container. Allowed: unset, and the runtimes' default set without NET_RAW,
which lets a pod answer in another's name. Source: Pod Security Standards, level baseline.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.api.pod_security import Level
from bartizan.core.checks.finding import Info, Revision, Standard, Violation, finding, listed, listed_cel
from bartizan.core.checks.standard import standard_check
from bartizan.core.checks.view import View

CAPABILITIES_RESTRICTED_SINCE: Final = 22
"""From this minor version on P-21 says of restricted pods what they may add."""
_DEFAULT_SET: Final = (
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
)
INFO: Final = Info(
    id="P-05",
    title="added capabilities",
    rationale="A capability is a part of root's power: with SYS_ADMIN or SYS_PTRACE a process leaves its container.",
    fields=("spec.{containers,initContainers,ephemeralContainers}[*].securityContext.capabilities.add",),
    fix="remove the others",
    standard=Standard(
        name="capabilities_baseline",
        level=Level.BASELINE,
        revisions=(Revision(minor=0, says=f"a container may add {', '.join(_DEFAULT_SET)}"),),
        replaced_since=CAPABILITIES_RESTRICTED_SINCE,
        replaced_by="P-21",
    ),
)
_LEAF: Final = "securityContext.capabilities.add"
_ALLOWED: Final = f"unset, or of {', '.join(_DEFAULT_SET)}"


def find(view: View) -> Iterable[Violation]:
    """Yield one violation for each container that adds other capabilities."""
    for container in view.containers:
        added = (container.security.get("capabilities") or {}).get("add") or ()
        beyond = [name for name in added if name not in _DEFAULT_SET]
        if beyond:
            yield Violation(
                info=INFO,
                subject=container.subject,
                at=container.at,
                leaf=_LEAF,
                seen=listed(beyond),
                allowed=_ALLOWED,
            )


_BEYOND: Final = f"!(a in {list(_DEFAULT_SET)})"

CHECK: Final = standard_check(
    INFO,
    find=find,
    cel=f"v.containers.filter(c, c.security.?capabilities.?add.orValue([]).exists(a, {_BEYOND})).map(c, "
    + finding(
        INFO,
        subject="c.subject",
        at="c.at",
        leaf=f"'{_LEAF}'",
        seen=listed_cel(f"c.security.capabilities.add.filter(a, {_BEYOND})"),
        allowed=f"'{_ALLOWED}'",
    )
    + ")",
)

"""P-21: a container must drop all capabilities, and may take back only NET_BIND_SERVICE.

The runtime's default set is meant for software that starts as root; a service that runs as a user needs none of it, except to
listen below port 1024. Restricted fields: `securityContext.capabilities.drop` and `add` of every container. Allowed: `ALL`
dropped, in capitals as the kernel's lists have it; from v1.25 on pods of Windows are spared it. Source: Pod Security Standards,
level restricted.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.api.pod_security import Level
from bartizan.core.checks.capabilities_baseline import CAPABILITIES_RESTRICTED_SINCE
from bartizan.core.checks.finding import Info, Revision, Standard, Violation, finding, listed, listed_cel
from bartizan.core.checks.standard import WINDOWS_EXEMPT, choice_cel, standard_check
from bartizan.core.checks.view import View

_ALL: Final = "ALL"
_MAY_ADD: Final = "NET_BIND_SERVICE"
_DROP: Final = "securityContext.capabilities.drop"
_ADD: Final = "securityContext.capabilities.add"
INFO: Final = Info(
    id="P-21",
    title="capabilities",
    rationale="The default capabilities are for software that starts as root; a service that runs as a user needs none.",
    fields=tuple(f"spec.{{containers,initContainers,ephemeralContainers}}[*].{leaf}" for leaf in (_DROP, _ADD)),
    fix=f"drop {_ALL} in each container, and add {_MAY_ADD} where it listens below port 1024",
    standard=Standard(
        name="capabilities_restricted",
        level=Level.RESTRICTED,
        revisions=(
            Revision(
                minor=CAPABILITIES_RESTRICTED_SINCE, says=f"every container drops {_ALL} and adds at most {_MAY_ADD}"
            ),
            Revision(minor=WINDOWS_EXEMPT, says="not asked of pods whose `os.name` is windows"),
        ),
    ),
)
_ALLOWED_DROP: Final = f"a list with {_ALL}"
_ALLOWED_ADD: Final = f"unset or {_MAY_ADD}"


def find(view: View) -> Iterable[Violation]:
    """Yield the violations of what each container drops, then of what each adds."""
    if view.windows and view.version >= WINDOWS_EXEMPT:
        return
    sets = [(container, container.security.get("capabilities") or {}) for container in view.containers]
    for container, held in sets:
        dropped = held.get("drop") or ()
        if _ALL not in dropped:
            # The API server drops an empty list, so it is told like one that is missing.
            seen = listed(dropped) if dropped else None
            yield Violation(
                info=INFO, subject=container.subject, at=container.at, leaf=_DROP, seen=seen, allowed=_ALLOWED_DROP
            )
    for container, held in sets:
        added = [name for name in held.get("add") or () if name != _MAY_ADD]
        if added:
            yield Violation(
                info=INFO,
                subject=container.subject,
                at=container.at,
                leaf=_ADD,
                seen=listed(added),
                allowed=_ALLOWED_ADD,
            )


_DROP_CEL: Final = (
    f"v.containers.filter(c, !('{_ALL}' in c.security.?capabilities.?drop.orValue([]))).map(c, "
    + finding(
        INFO,
        subject="c.subject",
        at="c.at",
        leaf=f"'{_DROP}'",
        seen=listed_cel("c.security.capabilities.drop"),
        present="c.security.?capabilities.?drop.orValue([]).size() > 0",
        allowed=f"'{_ALLOWED_DROP}'",
    )
    + ")"
)
_ADD_CEL: Final = (
    f"v.containers.filter(c, c.security.?capabilities.?add.orValue([]).exists(a, a != '{_MAY_ADD}')).map(c, "
    + finding(
        INFO,
        subject="c.subject",
        at="c.at",
        leaf=f"'{_ADD}'",
        seen=listed_cel(f"c.security.capabilities.add.filter(a, a != '{_MAY_ADD}')"),
        allowed=f"'{_ALLOWED_ADD}'",
    )
    + ")"
)

CHECK: Final = standard_check(
    INFO,
    find=find,
    cel=choice_cel(f"v.windows && v.version >= {WINDOWS_EXEMPT}", "[]", f"{_DROP_CEL} + {_ADD_CEL}"),
)

"""P-06: a container must leave /proc masked, unless its pod has a user namespace of its own.

Restricted field: `securityContext.procMount` of every container. Allowed: unset, `Default`; any value in a pod with
`hostUsers: false` from v1.35 on, because what is root there is nobody on the node. Source: Pod Security Standards, level
baseline.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.api.pod_security import Level
from bartizan.core.checks.finding import Info, Revision, Standard, Violation
from bartizan.core.checks.proc_mount import FIELDS, unmasked, unmasked_cel
from bartizan.core.checks.standard import USER_NAMESPACES, standard_check
from bartizan.core.checks.view import View

INFO: Final = Info(
    id="P-06",
    title="unmasked /proc",
    rationale="Unmasked, /proc shows and changes what belongs to the node.",
    fields=FIELDS,
    fix="remove it",
    standard=Standard(
        name="procMount",
        level=Level.BASELINE,
        revisions=(
            Revision(minor=0, says="no container unmasks /proc"),
            Revision(minor=USER_NAMESPACES, says="a pod with `hostUsers: false` may"),
        ),
        replaced_since=USER_NAMESPACES,
        replaced_by="P-22",
    ),
)


def find(view: View) -> Iterable[Violation]:
    """Yield one violation for each container that unmasks /proc and is not in a user namespace that excuses it."""
    if not (view.own_users and view.version >= USER_NAMESPACES):
        yield from unmasked(INFO, view)


CHECK: Final = standard_check(
    INFO, find=find, cel=f"(v.ownUsers && v.version >= {USER_NAMESPACES} ? [] : {unmasked_cel(INFO)})"
)

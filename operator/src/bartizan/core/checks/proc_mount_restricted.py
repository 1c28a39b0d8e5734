"""P-22: a container must leave /proc masked, also in a user namespace.

Restricted field: `securityContext.procMount` of every container. Allowed: unset, `Default`. Before v1.35 P-06 says so of every
pod; since then only of those that share the node's users. Source: Pod Security Standards, level restricted.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.api.pod_security import Level
from bartizan.core.checks.finding import Info, Revision, Standard, Violation
from bartizan.core.checks.proc_mount import FIELDS, unmasked, unmasked_cel
from bartizan.core.checks.standard import USER_NAMESPACES, standard_check
from bartizan.core.checks.view import View

INFO: Final = Info(
    id="P-22",
    title="unmasked /proc",
    rationale="Unmasked, /proc shows and changes what belongs to the node; a user namespace keeps some of it back, not all.",
    fields=FIELDS,
    fix="remove it",
    standard=Standard(
        name="procMount_restricted",
        level=Level.RESTRICTED,
        revisions=(Revision(minor=USER_NAMESPACES, says="no container unmasks /proc, whatever its pod's `hostUsers`"),),
    ),
)


def find(view: View) -> Iterable[Violation]:
    """Yield one violation for each container that unmasks /proc."""
    yield from unmasked(INFO, view)


CHECK: Final = standard_check(INFO, find=find, cel=unmasked_cel(INFO))

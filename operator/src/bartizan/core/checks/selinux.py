"""P-07: no pod may choose its SELinux type beyond those made for containers, nor an SELinux user or role.

The type is what confines a container on hosts with SELinux; `spc_t` and the like confine nothing. Restricted fields: `type`,
`user` and `role` of `securityContext.seLinuxOptions`, of the pod and of every container. Allowed: unset, and the types that
container-selinux makes for containers. Source: Pod Security Standards, level baseline.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.api.pod_security import Level
from bartizan.core.checks.finding import Info, Revision, Standard, Violation, finding, short, short_cel
from bartizan.core.checks.standard import Versioned, allowed_at, by_version_cel, is_allowed_cel, standard_check
from bartizan.core.checks.view import View

_TYPES: Final = (
    Versioned(minor=0, values=("container_t", "container_init_t", "container_kvm_t")),
    Versioned(minor=31, values=("container_engine_t",)),
)
INFO: Final = Info(
    id="P-07",
    title="SELinux options",
    rationale="The SELinux type is what confines a container on hosts that have it; another type may confine nothing.",
    fields=(
        "spec.securityContext.seLinuxOptions.{type,user,role}",
        "spec.{containers,initContainers,ephemeralContainers}[*].securityContext.seLinuxOptions.{type,user,role}",
    ),
    fix="remove it",
    standard=Standard(
        name="seLinuxOptions",
        level=Level.BASELINE,
        revisions=(
            Revision(minor=0, says=f"the type is unset or of {', '.join(_TYPES[0].values)}; user and role are unset"),
            Revision(minor=31, says="the type may be container_engine_t too"),
        ),
    ),
)
_OPTIONS: Final = ("type", "user", "role")
_UNSET: Final = "unset"


def find(view: View) -> Iterable[Violation]:
    """Yield one violation for each SELinux option that is not the pod's to choose."""
    for holder in view.holders:
        options = holder.security.get("seLinuxOptions") or {}
        for option in _OPTIONS:
            seen = options.get(option)
            types = allowed_at(_TYPES, view.version) if option == "type" else ()
            if seen and seen not in types:
                yield Violation(
                    info=INFO,
                    subject=holder.subject,
                    at=holder.at,
                    leaf=f"securityContext.seLinuxOptions.{option}",
                    seen=short(seen),
                    allowed=_allowed(types),
                )


def _allowed(types: tuple[str, ...]) -> str:
    return f"{_UNSET}, or of {', '.join(types)}" if types else _UNSET


_SEEN: Final = "h.security.seLinuxOptions[n]"
_CHOSEN: Final = (
    f"h.security.seLinuxOptions[?n].orValue('') != '' && !(n == 'type' && ({is_allowed_cel(_TYPES, _SEEN)}))"
)

CHECK: Final = standard_check(
    INFO,
    find=find,
    cel=f"v.holders.filter(h, has(h.security.seLinuxOptions)).map(h, {list(_OPTIONS)}.filter(n, {_CHOSEN}).map(n, "
    + finding(
        INFO,
        subject="h.subject",
        at="h.at",
        leaf="'securityContext.seLinuxOptions.' + n",
        seen=short_cel(_SEEN),
        allowed=f"(n == 'type' ? {by_version_cel(_TYPES, _allowed)} : '{_UNSET}')",
    )
    + ")).flatten()",
)

"""P-10: no pod may set kernel parameters but those that stay its own.

Most parameters belong to the whole node, and some switch protections off. Restricted field: `securityContext.sysctls[*].name`
of the pod. Allowed: the parameters that Kubernetes calls safe: they live in the pod's own namespaces and harm no neighbour;
each version may add some. Source: Pod Security Standards, level baseline.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.api.pod_security import Level
from bartizan.core.checks.finding import Info, Revision, Standard, Violation, finding, listed, listed_cel
from bartizan.core.checks.standard import Versioned, allowed_at, by_version_cel, is_allowed_cel, standard_check
from bartizan.core.checks.view import View

_SAFE: Final = (
    Versioned(
        minor=0,
        values=(
            "kernel.shm_rmid_forced",
            "net.ipv4.ip_local_port_range",
            "net.ipv4.ip_unprivileged_port_start",
            "net.ipv4.ping_group_range",
            "net.ipv4.tcp_syncookies",
        ),
    ),
    Versioned(minor=27, values=("net.ipv4.ip_local_reserved_ports",)),
    Versioned(
        minor=29,
        values=(
            "net.ipv4.tcp_fin_timeout",
            "net.ipv4.tcp_keepalive_intvl",
            "net.ipv4.tcp_keepalive_probes",
            "net.ipv4.tcp_keepalive_time",
        ),
    ),
    Versioned(minor=32, values=("net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem")),
    Versioned(minor=37, values=("net.ipv4.tcp_notsent_lowat", "net.ipv4.tcp_slow_start_after_idle")),
)
INFO: Final = Info(
    id="P-10",
    title="sysctls",
    rationale="Most kernel parameters belong to the whole node, and some switch its protections off.",
    fields=("spec.securityContext.sysctls[*].name",),
    fix="remove the others",
    standard=Standard(
        name="sysctls",
        level=Level.BASELINE,
        revisions=tuple(
            Revision(minor=step.minor, says=f"{'also ' if step.minor else ''}{', '.join(step.values)}")
            for step in _SAFE
        ),
    ),
)
_LEAF: Final = "securityContext.sysctls[*].name"


def find(view: View) -> Iterable[Violation]:
    """Yield a violation if the pod sets kernel parameters that are not safe."""
    safe = allowed_at(_SAFE, view.version)
    pod = view.holders[0]
    names = [item.get("name", "") for item in pod.security.get("sysctls") or ()]
    unsafe = [name for name in names if name not in safe]
    if unsafe:
        yield Violation(
            info=INFO, subject=pod.subject, at=pod.at, leaf=_LEAF, seen=listed(unsafe), allowed=_allowed(safe)
        )


def _allowed(safe: tuple[str, ...]) -> str:
    return f"of {', '.join(safe)}"


_UNSAFE: Final = f"!({is_allowed_cel(_SAFE, 's.name')})"
_OF_POD: Final = "h.security.?sysctls.orValue([])"

CHECK: Final = standard_check(
    INFO,
    find=find,
    cel=f"[v.holders[0]].filter(h, {_OF_POD}.exists(s, {_UNSAFE})).map(h, "
    + finding(
        INFO,
        subject="h.subject",
        at="h.at",
        leaf=f"'{_LEAF}'",
        seen=listed_cel(f"h.security.sysctls.filter(s, {_UNSAFE}).map(s, s.name)"),
        allowed=by_version_cel(_SAFE, _allowed),
    )
    + ")",
)

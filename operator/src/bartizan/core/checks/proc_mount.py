"""What P-06 and P-22 share: a container must leave /proc masked as its runtime masks it.

Unmasked, /proc shows and changes what belongs to the node: kernel memory, the triggers of sysrq, other settings of the kernel.
The two checks differ only in whom they hold to it.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.core.checks.finding import Info, Violation, finding, short, short_cel
from bartizan.core.checks.view import View

FIELDS: Final = ("spec.{containers,initContainers,ephemeralContainers}[*].securityContext.procMount",)
_LEAF: Final = "securityContext.procMount"
_DEFAULT: Final = "Default"
_ALLOWED: Final = 'unset or "Default"'


def unmasked(info: Info, view: View) -> Iterable[Violation]:
    """Yield one violation for each container that asks for another /proc than the default."""
    for container in view.containers:
        seen = container.security.get("procMount", _DEFAULT)
        if seen != _DEFAULT:
            yield Violation(
                info=info,
                subject=container.subject,
                at=container.at,
                leaf=_LEAF,
                seen=short(seen),
                allowed=_ALLOWED,
            )


def unmasked_cel(info: Info) -> str:
    """Return the CEL twin of `unmasked`."""
    return (
        f"v.containers.filter(c, c.security.?procMount.orValue('{_DEFAULT}') != '{_DEFAULT}').map(c, "
        + finding(
            info,
            subject="c.subject",
            at="c.at",
            leaf=f"'{_LEAF}'",
            seen=short_cel("c.security.procMount"),
            allowed=f"'{_ALLOWED}'",
        )
        + ")"
    )

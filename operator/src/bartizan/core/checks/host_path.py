"""P-03: no pod may mount a directory of the node.

A hostPath volume reaches past every other boundary: the container runtime's socket, the kubelet's credentials, other pods'
Secrets. Restricted field: `hostPath` of every volume, mounted or not. Allowed: unset. Source: Pod Security Standards, level
baseline.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.api.pod_security import Level
from bartizan.core.checks.check import Check, Scope
from bartizan.core.checks.finding import Info, Revision, Standard, Violation, finding, named, short, short_cel
from bartizan.core.checks.view import View

INFO: Final = Info(
    id="P-03",
    title="hostPath",
    rationale="A directory of the node holds other pods' Secrets, the kubelet's credentials and the runtime's socket.",
    fields=("spec.volumes[*].hostPath",),
    fix="use an emptyDir, a PersistentVolumeClaim or a projected volume",
    standard=Standard(
        name="hostPathVolumes",
        level=Level.BASELINE,
        revisions=(Revision(minor=0, says="no volume is a hostPath"),),
    ),
)
_ALLOWED: Final = "unset"


def find(view: View) -> Iterable[Violation]:
    """Yield one violation for each hostPath volume."""
    for position, volume in enumerate(view.spec.get("volumes") or ()):
        source = volume.get("hostPath")
        if source is not None:
            yield Violation(
                info=INFO,
                subject=f'volume "{volume.get("name", "")}"',
                at=f"{view.at}spec.volumes[{position}]",
                leaf="hostPath.path",
                seen=short(source.get("path", "")),
                allowed=_ALLOWED,
            )


CHECK: Final = Check(
    info=INFO,
    scope=Scope.FLOOR,
    find=find,
    cel="v.volumes.filter(d, has(d.item.hostPath)).map(d, "
    + finding(
        INFO,
        subject=named("volume", "d.item.name"),
        at="d.at",
        leaf="'hostPath.path'",
        seen=short_cel("d.item.hostPath.path"),
        allowed=f"'{_ALLOWED}'",
    )
    + ")",
)

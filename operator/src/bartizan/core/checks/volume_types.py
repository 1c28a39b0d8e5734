"""P-23: a pod may mount only volumes that carry what was meant for it.

Volumes such as `nfs`, `iscsi` or `gitRepo` have the node reach for storage, or run programs, with the node's own rights; what a
pod needs of such storage comes through a PersistentVolumeClaim, which somebody else vouches for. Restricted field: the source
of every volume. A volume without source is an emptyDir, as the API server makes it one. Source: Pod Security Standards, level
restricted.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.api.pod_security import Level
from bartizan.core.checks.finding import Info, Revision, Standard, Violation, finding, named
from bartizan.core.checks.standard import standard_check
from bartizan.core.checks.view import View

_KINDS: Final = (
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
)
INFO: Final = Info(
    id="P-23",
    title="volume type",
    rationale="Other volumes have the node reach for storage with its own rights, at a place that the pod chooses.",
    fields=("spec.volumes[*]",),
    fix="use a PersistentVolumeClaim",
    standard=Standard(
        name="restrictedVolumes",
        level=Level.RESTRICTED,
        revisions=(Revision(minor=0, says=f"every volume is one of {', '.join(_KINDS)}"),),
    ),
)
_NAMED: Final = frozenset((*_KINDS, "name"))
_SEEN: Final = "{...}"
_ALLOWED: Final = f"one of {', '.join(_KINDS)}"


def find(view: View) -> Iterable[Violation]:
    """Yield one violation for each volume of another type."""
    for position, volume in enumerate(view.spec.get("volumes") or ()):
        for kind in sorted(key for key in volume if key not in _NAMED):
            yield Violation(
                info=INFO,
                subject=f'volume "{volume.get("name", "")}"',
                at=f"{view.at}spec.volumes[{position}]",
                leaf=kind,
                seen=_SEEN,
                allowed=_ALLOWED,
            )


_OTHER: Final = f"!(k in {['name', *_KINDS]})"

CHECK: Final = standard_check(
    INFO,
    find=find,
    cel=f"v.volumes.filter(d, d.item.exists(k, {_OTHER})).map(d, d.item.filter(k, {_OTHER}).sort().map(k, "
    + finding(
        INFO,
        subject=named("volume", "d.item.name"),
        at="d.at",
        leaf="k",
        seen=f"'{_SEEN}'",
        allowed=f"'{_ALLOWED}'",
    )
    + ")).flatten()",
)

"""J-02: a new pod must have its workload identity mounted where every service finds it.

The certificate, its key and the trust bundle lie in one Secret per policy. A pod without the volume could not prove who it is;
one with another Secret under the reserved name would pass for somebody else. Restricted fields: the volume `bartizan-identity`
and a read-only mount of it in every container and init container. Ephemeral containers are added later, by people, and may go
without.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.api.names import IDENTITY_MOUNT_PATH, IDENTITY_VOLUME, KubeObject
from bartizan.core.checks.check import Check, Scope
from bartizan.core.checks.finding import Info, Violation, finding
from bartizan.core.checks.view import View

INFO: Final = Info(
    id="J-02",
    title="workload identity",
    rationale="Without the volume the pod cannot prove who it is; with another Secret it would pass for somebody else.",
    fields=(f"spec.volumes[{IDENTITY_VOLUME}]", "spec.{containers,initContainers}[*].volumeMounts"),
    fix=f"leave volume and mounts named {IDENTITY_VOLUME} out: bartizan adds them when the pod is created",
)
_VOLUME_LEAF: Final = f"volumes[name={IDENTITY_VOLUME}].secret.secretName"
_MOUNT_LEAF: Final = f"volumeMounts[name={IDENTITY_VOLUME}]"
_MOUNT_ALLOWED: Final = f"a read-only mount at {IDENTITY_MOUNT_PATH}"


def find(view: View) -> Iterable[Violation]:
    """Yield a violation for a wrong or missing volume and for each container without the mount."""
    secret = view.covering[0].get("identity", "") if len(view.covering) == 1 else ""
    if not secret:
        return
    if not any(_is_identity(volume, secret) for volume in view.spec.get("volumes") or ()):
        yield Violation(
            info=INFO,
            subject="pod",
            at=f"{view.at}spec",
            leaf=_VOLUME_LEAF,
            seen=None,
            allowed=f'"{secret}"',
        )
    for container in view.containers:
        mounts = container.item.get("volumeMounts") or ()
        if not container.ephemeral and not any(_is_mount(mount) for mount in mounts):
            yield Violation(
                info=INFO,
                subject=container.subject,
                at=container.at,
                leaf=_MOUNT_LEAF,
                seen=None,
                allowed=_MOUNT_ALLOWED,
            )


def _is_identity(volume: KubeObject, secret: str) -> bool:
    source = volume.get("secret") or {}
    return (
        volume.get("name") == IDENTITY_VOLUME
        and source.get("secretName") == secret
        and not source.get("optional")
        and not source.get("items")
    )


def _is_mount(mount: KubeObject) -> bool:
    return (
        mount.get("name") == IDENTITY_VOLUME
        and mount.get("mountPath") == IDENTITY_MOUNT_PATH
        and bool(mount.get("readOnly"))
        and not mount.get("subPath")
        and not mount.get("subPathExpr")
    )


_VOLUME_CEL: Final = (
    f"d.item.name == '{IDENTITY_VOLUME}' && d.item.?secret.?secretName.orValue('') == e.identity"
    " && !d.item.?secret.?optional.orValue(false) && !has(d.item.secret.items)"
)
_MOUNT_CEL: Final = (
    f"m.name == '{IDENTITY_VOLUME}' && m.mountPath == '{IDENTITY_MOUNT_PATH}' && m.?readOnly.orValue(false)"
    " && !has(m.subPath) && !has(m.subPathExpr)"
)

CHECK: Final = Check(
    info=INFO,
    scope=Scope.INJECTION,
    find=find,
    cel="v.covering.size() != 1 ? [] : v.covering.filter(e, has(e.identity)).map(e, "
    f"(v.volumes.exists(d, {_VOLUME_CEL}) ? [] : ["
    + finding(
        INFO,
        subject="'pod'",
        at="v.at + 'spec'",
        leaf=f"'{_VOLUME_LEAF}'",
        allowed="'\"' + e.identity + '\"'",
    )
    + f"]) + v.containers.filter(c, !c.ephemeral && !c.item.?volumeMounts.orValue([]).exists(m, {_MOUNT_CEL})).map(c, "
    + finding(INFO, subject="c.subject", at="c.at", leaf=f"'{_MOUNT_LEAF}'", allowed=f"'{_MOUNT_ALLOWED}'")
    + ")).flatten()",
)

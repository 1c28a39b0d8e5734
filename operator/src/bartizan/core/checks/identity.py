"""J-02: a new pod must have its workload identity mounted where every service finds it.

The certificate, its key and the trust bundle lie in one Secret per policy, or are made for each pod on its node. A pod without
the volume could not prove who it is; one with another Secret under the reserved name would pass for somebody else. Restricted
fields: the volume `bartizan-identity` and a read-only mount of it in every container and init container. Ephemeral containers
are added later, by people, and may go without.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.api.names import IDENTITY_MOUNT_PATH, IDENTITY_VOLUME, KubeObject
from bartizan.core.checks.check import Check, Scope
from bartizan.core.checks.finding import Info, Violation, finding
from bartizan.core.checks.view import View
from bartizan.core.injection.volume import IS_PROJECTED_CEL, is_projected

INFO: Final = Info(
    id="J-02",
    title="workload identity",
    rationale="Without the volume the pod cannot prove who it is; with another Secret it would pass for somebody else.",
    fields=(f"spec.volumes[{IDENTITY_VOLUME}]", "spec.{containers,initContainers}[*].volumeMounts"),
    fix=f"leave volume and mounts named {IDENTITY_VOLUME} out: bartizan adds them when the pod is created",
)
_SECRET_LEAF: Final = f"volumes[name={IDENTITY_VOLUME}].secret.secretName"
_PROJECTED_LEAF: Final = f"volumes[name={IDENTITY_VOLUME}].projected.sources"
_PROJECTED_ALLOWED: Final = "a podCertificate and a clusterTrustBundle of "
_MOUNT_LEAF: Final = f"volumeMounts[name={IDENTITY_VOLUME}]"
_MOUNT_ALLOWED: Final = f"a read-only mount at {IDENTITY_MOUNT_PATH}"


def find(view: View) -> Iterable[Violation]:
    """Yield a violation for a wrong or missing volume and for each container without the mount."""
    entry = view.covering[0] if len(view.covering) == 1 else {}
    demand, secret = entry.get("podCertificate"), entry.get("identity")
    if not demand and not secret:
        return
    if not any(_is_identity(volume, entry) for volume in view.spec.get("volumes") or ()):
        yield Violation(
            info=INFO,
            subject="pod",
            at=f"{view.at}spec",
            leaf=_PROJECTED_LEAF if demand else _SECRET_LEAF,
            seen=None,
            allowed=f"{_PROJECTED_ALLOWED}{demand['signer']}" if demand else f'"{secret}"',
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


def _is_identity(volume: KubeObject, entry: KubeObject) -> bool:
    if volume.get("name") != IDENTITY_VOLUME:
        return False
    if "podCertificate" in entry:
        return is_projected(volume, entry)
    source = volume.get("secret") or {}
    return source.get("secretName") == entry["identity"] and not source.get("optional") and not source.get("items")


def _is_mount(mount: KubeObject) -> bool:
    return (
        mount.get("name") == IDENTITY_VOLUME
        and mount.get("mountPath") == IDENTITY_MOUNT_PATH
        and bool(mount.get("readOnly"))
        and not mount.get("subPath")
        and not mount.get("subPathExpr")
    )


_SHARED_CEL: Final = (
    "d.item.?secret.?secretName.orValue('') == e.identity"
    " && !d.item.?secret.?optional.orValue(false) && !has(d.item.secret.items)"
)
_VOLUME_CEL: Final = (
    f"d.item.name == '{IDENTITY_VOLUME}' && (has(e.podCertificate) ? {IS_PROJECTED_CEL} : {_SHARED_CEL})"
)
_MOUNT_CEL: Final = (
    f"m.name == '{IDENTITY_VOLUME}' && m.mountPath == '{IDENTITY_MOUNT_PATH}' && m.?readOnly.orValue(false)"
    " && !has(m.subPath) && !has(m.subPathExpr)"
)

CHECK: Final = Check(
    info=INFO,
    scope=Scope.INJECTION,
    find=find,
    cel="v.covering.size() != 1 ? [] : v.covering.filter(e, has(e.identity) || has(e.podCertificate)).map(e, "
    f"(v.volumes.exists(d, {_VOLUME_CEL}) ? [] : ["
    + finding(
        INFO,
        subject="'pod'",
        at="v.at + 'spec'",
        leaf=f"(has(e.podCertificate) ? '{_PROJECTED_LEAF}' : '{_SECRET_LEAF}')",
        allowed=f"(has(e.podCertificate) ? '{_PROJECTED_ALLOWED}' + e.podCertificate.signer : '\"' + e.identity + '\"')",
    )
    + f"]) + v.containers.filter(c, !c.ephemeral && !c.item.?volumeMounts.orValue([]).exists(m, {_MOUNT_CEL})).map(c, "
    + finding(INFO, subject="c.subject", at="c.at", leaf=f"'{_MOUNT_LEAF}'", allowed=f"'{_MOUNT_ALLOWED}'")
    + ")).flatten()",
)

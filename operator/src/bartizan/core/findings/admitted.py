"""A pod as the gate would meet it: with what the API server fills in, and with what bartizan's own mutation adds.

Whoever judged the file as written would miss the host ports that the node's network brings, take a volume without a source for
something else than the emptyDir it becomes, and demand of the author what bartizan adds by itself.
"""

from collections.abc import Callable
from typing import Any, Final

from bartizan.api.names import IDENTITY_MOUNT_PATH, IDENTITY_VOLUME, KubeObject
from bartizan.core.checks.view import covering
from bartizan.core.findings.workloads import pod_trail
from bartizan.core.injection.volume import identity_volume

_CONTAINERS: Final = ("containers", "initContainers")


def admitted(item: KubeObject, index: KubeObject) -> KubeObject:
    """Return a Pod or workload whose pod is as it is when the gate judges it; `item` itself is left as it is.

    `index` is the `spec` of the namespace's PolicyIndex. Positions in lists stay the same: what is added is added at the end.
    """
    return _changed(item, pod_trail(item) or (), lambda pod: _injected(_defaulted(pod), index))


def _changed(item: KubeObject, trail: tuple[str, ...], change: Callable[[KubeObject], KubeObject]) -> KubeObject:
    if not trail:
        return change(item)
    return {**item, trail[0]: _changed(item[trail[0]], trail[1:], change)}


def _defaulted(pod: KubeObject) -> KubeObject:
    """Return the pod with the API's defaults that decide about security (k8s.io/kubernetes pkg/apis/core/v1, defaults.go)."""
    spec = dict(pod["spec"])
    if spec.get("serviceAccount") and not spec.get("serviceAccountName"):
        spec["serviceAccountName"] = spec["serviceAccount"]
    if spec.get("volumes"):
        spec["volumes"] = [
            volume
            if any(part is not None for key, part in volume.items() if key != "name")
            else {**volume, "emptyDir": {}}
            for volume in spec["volumes"]
        ]
    if spec.get("hostNetwork"):
        for field in _CONTAINERS:
            if spec.get(field):
                spec[field] = [_on_the_host(container) for container in spec[field]]
    return {**pod, "spec": spec}


def _on_the_host(container: KubeObject) -> KubeObject:
    if not container.get("ports"):
        return container
    ports = [
        port if port.get("hostPort") else {**port, "hostPort": port.get("containerPort", 0)}
        for port in container["ports"]
    ]
    return {**container, "ports": ports}


def _injected(pod: KubeObject, index: KubeObject) -> KubeObject:
    """Return the pod as `bartizan-inject` leaves it; one that not exactly one policy selects is left alone."""
    meta: KubeObject = pod.get("metadata") or {}
    entries = covering(index, meta.get("labels") or {})
    if len(entries) != 1:
        return pod
    entry = entries[0]
    if entry.get("annotations"):
        meta = {**meta, "annotations": {**entry["annotations"], **(meta.get("annotations") or {})}}
    spec = pod["spec"]
    if volume := identity_volume(entry):
        spec = _with_identity(spec, volume)
    return {**pod, "metadata": meta, "spec": spec}


def _with_identity(spec: KubeObject, identity: KubeObject) -> KubeObject:
    volumes: list[Any] = spec.get("volumes") or []
    changed = dict(spec)
    if not any(volume.get("name") == IDENTITY_VOLUME for volume in volumes):
        changed["volumes"] = [*volumes, identity]
    for field in _CONTAINERS:
        if spec.get(field):
            changed[field] = [_mounted(container) for container in spec[field]]
    return changed


def _mounted(container: KubeObject) -> KubeObject:
    mounts: list[Any] = container.get("volumeMounts") or []
    if any(mount.get("name") == IDENTITY_VOLUME or mount.get("mountPath") == IDENTITY_MOUNT_PATH for mount in mounts):
        return container
    mount = {"name": IDENTITY_VOLUME, "mountPath": IDENTITY_MOUNT_PATH, "readOnly": True}
    return {**container, "volumeMounts": [*mounts, mount]}

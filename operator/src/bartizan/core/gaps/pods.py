"""Pods as far as gaps are about them: who they are, what opens on their node, and which mesh carries their traffic.

A cluster has many pods and few kinds of pods. A pod is slimmed before it is kept (images, arguments and environment go: they
are most of it, and the environment may hold secrets), and pods that are alike in all that matters are one shape.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bartizan.api.kinds import POD
from bartizan.api.names import KubeObject
from bartizan.core.injection.mounts import credentials
from bartizan.core.pods import controller_of, has_finished

_AMBIENT_ANNOTATION: Final = "ambient.istio.io/redirection"
"""Set to `enabled` by istio-cni on a pod whose traffic ztunnel carries."""
_AMBIENT_LABEL: Final = "istio.io/dataplane-mode"
_SIDECAR_ANNOTATION: Final = "sidecar.istio.io/status"
_LINKERD_ANNOTATION: Final = "linkerd.io/proxy-version"
_TELLING: Final = frozenset({_AMBIENT_ANNOTATION, _SIDECAR_ANNOTATION, _LINKERD_ANNOTATION})
_PROXIES: Final = frozenset({"istio-proxy", "linkerd-proxy"})
_PORT_FIELDS: Final = ("name", "containerPort", "protocol", "hostPort")
_KEPT: Final = ("name", "namespace", "uid", "resourceVersion", "labels", "deletionTimestamp")


class Mesh(StrEnum):
    """Whose proxies carry a pod's traffic."""

    NONE = ""
    AMBIENT = "Istio ambient"
    SIDECAR = "Istio sidecars"
    LINKERD = "Linkerd"


@dataclass(frozen=True, slots=True, kw_only=True)
class PodShape:
    """Pods that are alike."""

    namespace: str
    origin: str
    """What a person would change, as `Kind namespace/name`: what controls the pods, or the pod itself."""
    labels: tuple[tuple[str, str], ...] = ()
    """Sorted."""
    named_ports: tuple[tuple[str, int, str], ...] = ()
    """Name, number and protocol of named container ports, sorted."""
    host_ports: tuple[str, ...] = ()
    """Ports of the node that lead to the pod, such as `8443/TCP`, sorted."""
    host_network: bool = False
    mesh: Mesh = Mesh.NONE


def slim_pod(pod: KubeObject) -> KubeObject:
    """Return the pod with no more than what `read_pod`, the ports' names and restarts need; still a pod."""
    meta, spec = pod["metadata"], pod.get("spec") or {}
    kept = {key: meta[key] for key in _KEPT if key in meta}
    told = {key: value for key, value in (meta.get("annotations") or {}).items() if key in _TELLING}
    owner = controller_of(pod)
    return {
        "apiVersion": pod["apiVersion"],
        "kind": pod["kind"],
        "metadata": {
            **kept,
            **({"annotations": told} if told else {}),
            **({"ownerReferences": [owner]} if owner else {}),
        },
        "spec": {
            **credentials(pod),
            **({"hostNetwork": True} if spec.get("hostNetwork") else {}),
            **{field: found for field in ("initContainers", "containers") if (found := _slim(spec.get(field) or ()))},
        },
        "status": _slim_status(pod.get("status") or {}),
    }


def _slim_status(status: KubeObject) -> KubeObject:
    """Return the phase, whether it is ready and since when its containers run: what `core.served.pods` reads."""
    conditions = [one for one in status.get("conditions") or () if one.get("type") == "Ready"]
    began = [
        ((one.get("state") or {}).get("running") or {}).get("startedAt")
        for one in status.get("containerStatuses") or ()
    ]
    return {
        "phase": status.get("phase", ""),
        **({"conditions": [{"type": "Ready", "status": conditions[0].get("status")}]} if conditions else {}),
        **(
            {"containerStatuses": [{"state": {"running": {"startedAt": one}}} for one in began if one]}
            if any(began)
            else {}
        ),
    }


def slim(item: KubeObject) -> KubeObject:
    """Return an object as the controller keeps it: pods slimmed, everything else as it is."""
    return slim_pod(item) if item["kind"] == POD.kind and item["apiVersion"] == POD.api_version else item


def read_pod(pod: KubeObject) -> PodShape | None:
    """Return the shape of a pod, slimmed or not; None for one that has finished."""
    meta, spec = pod["metadata"], pod.get("spec") or {}
    if has_finished(pod):
        return None
    ports = list(_ports(pod))
    host_network = bool(spec.get("hostNetwork"))
    return PodShape(
        namespace=meta.get("namespace", ""),
        origin=_origin(pod),
        labels=tuple(sorted((meta.get("labels") or {}).items())),
        named_ports=tuple(sorted((p["name"], p["containerPort"], _protocol(p)) for p in ports if p.get("name"))),
        # On the node's own network every port is one of the node, and the API server fills the field in.
        host_ports=tuple(
            sorted({f"{p['hostPort']}/{_protocol(p)}" for p in ports if p.get("hostPort") and not host_network})
        ),
        host_network=host_network,
        mesh=_mesh(pod),
    )


def _slim(containers: Iterable[KubeObject]) -> list[KubeObject]:
    return [
        {
            "name": container["name"],
            "ports": [{key: port[key] for key in _PORT_FIELDS if key in port} for port in container.get("ports") or ()],
        }
        for container in containers
        if container.get("ports") or container["name"] in _PROXIES
    ]


def _containers(pod: KubeObject) -> Iterator[KubeObject]:
    spec = pod.get("spec") or {}
    for field in ("initContainers", "containers"):
        yield from spec.get(field) or ()


def _ports(pod: KubeObject) -> Iterator[KubeObject]:
    for container in _containers(pod):
        yield from container.get("ports") or ()


def _protocol(port: KubeObject) -> str:
    protocol: str = port.get("protocol") or "TCP"
    return protocol


def _origin(pod: KubeObject) -> str:
    meta, owner = pod["metadata"], controller_of(pod)
    kind, name = (owner["kind"], owner["name"]) if owner else (POD.kind, meta["name"])
    revision = (meta.get("labels") or {}).get("pod-template-hash")
    if kind == "ReplicaSet" and revision:
        kind, name = "Deployment", name.removesuffix(f"-{revision}")
    return f"{kind} {meta.get('namespace', '')}/{name}"


def _mesh(pod: KubeObject) -> Mesh:
    meta = pod["metadata"]
    told, labels = meta.get("annotations") or {}, meta.get("labels") or {}
    names = {container["name"] for container in _containers(pod)}
    if told.get(_AMBIENT_ANNOTATION) == "enabled" or labels.get(_AMBIENT_LABEL) == "ambient":
        return Mesh.AMBIENT
    if "istio-proxy" in names or _SIDECAR_ANNOTATION in told:
        return Mesh.SIDECAR
    if "linkerd-proxy" in names or _LINKERD_ANNOTATION in told:
        return Mesh.LINKERD
    return Mesh.NONE

"""Pods and pod templates as shapes: the labels and port names that policies are about, and nothing else of them.

A template tells a port's number before the first pod has it; a pod tells that an old number is still in use. Everything else
in them (images, environment, arguments) is dropped on the way in.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from bartizan.api.kinds import CRON_JOB, DAEMON_SET, DEPLOYMENT, JOB, POD, STATEFUL_SET, Kind
from bartizan.api.names import KubeObject
from bartizan.core.model import NamedPort, WorkloadShape
from bartizan.core.pods import controller_of, has_finished

TEMPLATES: Final[tuple[Kind, ...]] = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET, JOB, CRON_JOB)
"""What makes pods from templates."""
_PROTOCOLS: Final = frozenset({"TCP", "UDP", "SCTP"})


def lean_workload(item: KubeObject) -> KubeObject:
    """Return the few fields of a pod or workload that `read_shape` reads."""
    meta = item["metadata"]
    kept = {key: meta[key] for key in ("name", "namespace", "uid", "resourceVersion") if key in meta}
    if item["kind"] != POD.kind:
        return {**_typed(item), "metadata": kept, "template": _lean_pod(_template(item))}
    owner = controller_of(item)
    owners = [{key: owner[key] for key in ("kind", "name", "controller")}] if owner else []
    pod = _lean_pod(item)
    return {
        **_typed(item),
        "metadata": {**kept, "labels": pod["labels"], "ownerReferences": owners},
        "template": pod,
        "status": {"phase": (item.get("status") or {}).get("phase", "")},
    }


def read_shape(item: KubeObject) -> WorkloadShape | None:
    """Return the shape of what `lean_workload` returned; None for a pod that has finished."""
    meta, template = item["metadata"], item["template"]
    pod = item["kind"] == POD.kind
    if pod and has_finished(item):
        return None
    owner = controller_of(item) or {"kind": item["kind"], "name": meta["name"]}
    return WorkloadShape(
        namespace=meta.get("namespace", ""),
        labels=tuple(sorted(template["labels"].items())),
        ports=frozenset(NamedPort(*port) for port in template["ports"]),
        origin=f"{owner['kind']} {owner['name']}",
        running=pod,
    )


def read_shapes(items: Iterable[KubeObject]) -> Mapping[str, tuple[WorkloadShape, ...]]:
    """Return the shapes among whole objects by namespace, sorted; other kinds are passed over."""
    known = {(kind.api_version, kind.kind) for kind in (*TEMPLATES, POD)}
    found: dict[str, set[WorkloadShape]] = {}
    for item in items:
        if (item.get("apiVersion"), item.get("kind")) in known and (shape := read_shape(lean_workload(item))):
            found.setdefault(shape.namespace, set()).add(shape)
    return {namespace: in_order(shapes) for namespace, shapes in found.items()}


def in_order(shapes: Iterable[WorkloadShape]) -> tuple[WorkloadShape, ...]:
    """Return shapes in an order that depends on nothing but themselves."""
    return tuple(sorted(shapes, key=lambda s: (s.origin, s.running, s.labels, sorted(map(repr, s.ports)))))


def _typed(item: KubeObject) -> KubeObject:
    return {"apiVersion": item["apiVersion"], "kind": item["kind"]}


def _template(item: KubeObject) -> KubeObject:
    spec = item.get("spec") or {}
    if item["kind"] == CRON_JOB.kind:
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    return dict(spec.get("template") or {})


def _lean_pod(pod: Mapping[str, Any]) -> KubeObject:
    spec = pod.get("spec") or {}
    containers = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    return {"labels": dict((pod.get("metadata") or {}).get("labels") or {}), "ports": sorted(_ports(containers))}


def _ports(containers: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, int, str]]:
    for container in containers:
        for port in container.get("ports") or ():
            protocol = port.get("protocol") or "TCP"
            if port.get("name") and isinstance(port.get("containerPort"), int) and protocol in _PROTOCOLS:
                yield port["name"], port["containerPort"], protocol

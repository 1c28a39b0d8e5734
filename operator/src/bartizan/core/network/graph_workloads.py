"""Which pods there are, as far as files or a cluster tell: running pods, and the pods that templates describe.

A Deployment in a file and its forty pods in a cluster are the same end of an edge, so replicas fall together under the name of
what controls them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from bartizan.api.names import KubeObject
from bartizan.core.checks.view import template_of
from bartizan.core.pods import controller_of, has_finished

_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "v1": ("Pod", "ReplicationController"),
    "apps/v1": ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"),
    "batch/v1": ("Job", "CronJob"),
}
_OF_ONE_REPLICA: Final = frozenset(
    {
        "pod-template-hash",
        "controller-revision-hash",
        "pod-template-generation",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
        "controller-uid",
        "batch.kubernetes.io/controller-uid",
    }
)
"""Labels that controllers put on pods to tell replicas and revisions apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Pods that are replicas of each other."""

    namespace: str
    kind: str
    name: str
    labels: Mapping[str, str]
    named_ports: Mapping[str, tuple[int, str]]
    ip: str = ""
    """The address of one of them; empty where none runs."""
    host_network: bool = False

    @property
    def title(self) -> str:
        """Kind and name, such as `Deployment/orders`."""
        return f"{self.kind}/{self.name}"


def is_workload(item: KubeObject) -> bool:
    """Whether the object is a pod or makes pods."""
    return item.get("kind") in _GROUPS.get(str(item.get("apiVersion")), ())


def read_workloads(items: Iterable[KubeObject]) -> tuple[Workload, ...]:
    """Return the workloads among `items`, sorted; what another of the items controls, or has ended, falls out."""
    known = [item for item in items if is_workload(item)]
    names = {(_namespace(item), item["kind"], item["metadata"]["name"]) for item in known}
    found: dict[tuple[str, str, str, str], Workload] = {}
    for item in known:
        controller = controller_of(item)
        owner = (controller["kind"], controller["name"]) if controller else None
        if (owner and (_namespace(item), *owner) in names) or (item["kind"] == "Pod" and has_finished(item)):
            continue
        one = _workload(item, owner)
        found.setdefault((one.namespace, one.kind, one.name, repr(sorted(one.labels.items()))), one)
    return tuple(found[key] for key in sorted(found))


def _workload(item: KubeObject, owner: tuple[str, str] | None) -> Workload:
    pod = template_of(item)
    spec: KubeObject = pod.get("spec") or {}
    labels: Mapping[str, str] = (pod.get("metadata") or {}).get("labels") or {}
    kind, name = owner or (item["kind"], item["metadata"]["name"])
    if kind == "ReplicaSet" and (revision := labels.get("pod-template-hash")):
        kind, name = "Deployment", name.removesuffix(f"-{revision}")
    if kind == "Job":
        # A CronJob names its Jobs after the minute they were due.
        name = re.sub(r"-\d{8}$", "", name)
    return Workload(
        namespace=_namespace(item),
        kind=kind,
        name=name,
        labels=lasting_labels(labels),
        named_ports=dict(_ports(spec)),
        ip=(item.get("status") or {}).get("podIP") or "",
        host_network=bool(spec.get("hostNetwork")),
    )


def lasting_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """Return the labels that a pod has in common with its replicas."""
    return {key: value for key, value in labels.items() if key not in _OF_ONE_REPLICA}


def _ports(spec: KubeObject) -> Iterable[tuple[str, tuple[int, str]]]:
    for container in (*(spec.get("containers") or ()), *(spec.get("initContainers") or ())):
        for port in container.get("ports") or ():
            if port.get("name"):
                yield port["name"], (port["containerPort"], port.get("protocol") or "TCP")


def _namespace(item: KubeObject) -> str:
    namespace: str = item["metadata"].get("namespace", "")
    return namespace

"""Which objects are pods or make pods, and where in them the pod stands: by group and kind, whatever version wrote them."""

from collections.abc import Mapping
from typing import Final

from bartizan.api.names import KubeObject

_TEMPLATE: Final = ("spec", "template")
_TRAILS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("", "Pod"): (),
    ("", "PodTemplate"): ("template",),
    ("", "ReplicationController"): _TEMPLATE,
    ("apps", "Deployment"): _TEMPLATE,
    ("apps", "ReplicaSet"): _TEMPLATE,
    ("apps", "StatefulSet"): _TEMPLATE,
    ("apps", "DaemonSet"): _TEMPLATE,
    # Served until Kubernetes 1.15, and still in many repositories.
    ("extensions", "Deployment"): _TEMPLATE,
    ("extensions", "ReplicaSet"): _TEMPLATE,
    ("extensions", "DaemonSet"): _TEMPLATE,
    ("batch", "Job"): _TEMPLATE,
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
}


def pod_trail(item: KubeObject) -> tuple[str, ...] | None:
    """Return the keys that lead to the pod in an object; None if it is no pod and makes none."""
    group = item["apiVersion"].rpartition("/")[0]
    return _TRAILS.get((group, item["kind"]))

"""Every kind of workload around the same pod template, as the API server takes it."""

from typing import Any


def around(kind: str, template: dict[str, Any], name: str = "w") -> dict[str, Any]:
    """Return a workload of a kind whose pods are made from `template`; a job's pods never start again."""
    meta = {"name": name}
    labels = template["metadata"]["labels"]
    if kind in {"Job", "CronJob"}:
        template = {**template, "spec": {**template["spec"], "restartPolicy": "Never"}}
    if kind == "PodTemplate":
        return {"apiVersion": "v1", "kind": kind, "metadata": meta, "template": template}
    if kind == "CronJob":
        spec = {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": template}}}
        return {"apiVersion": "batch/v1", "kind": kind, "metadata": meta, "spec": spec}
    if kind == "Job":
        return {"apiVersion": "batch/v1", "kind": kind, "metadata": meta, "spec": {"template": template}}
    if kind == "ReplicationController":
        spec = {"replicas": 0, "selector": labels, "template": template}
        return {"apiVersion": "v1", "kind": kind, "metadata": meta, "spec": spec}
    more = {"serviceName": "w"} if kind == "StatefulSet" else {}
    spec = {"selector": {"matchLabels": labels}, "template": template, **more}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": meta, "spec": spec}

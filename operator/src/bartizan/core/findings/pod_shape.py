"""Whether a pod in a file has the form that checks rely on.

The API server decodes a pod before anybody judges it, and refuses `privileged: "yes"` there. A file has met nobody: a check
that read it would pass over what it does not expect, or fail. So the fields that decide about security are looked at first, and
a pod that cannot be decoded is said to be so instead of judged.
"""

import json
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

from bartizan.api.names import KubeObject
from bartizan.core.findings.catalogue import SCHEMA, severity
from bartizan.core.findings.finding import Finding, Steps, about, path_of
from bartizan.core.findings.workloads import pod_trail

Shape: TypeAlias = Any
"""A type, `[shape]` for a list, `{key: shape}` for a mapping, `{"*": shape}` for one with any keys."""

_TEXTS: Final = {"*": str}
_SECURITY: Final = {
    "privileged": bool,
    "allowPrivilegeEscalation": bool,
    "readOnlyRootFilesystem": bool,
    "runAsNonRoot": bool,
    "runAsUser": int,
    "runAsGroup": int,
    "fsGroup": int,
    "supplementalGroups": [int],
    "procMount": str,
    "capabilities": {"add": [str], "drop": [str]},
    "seLinuxOptions": {"type": str, "user": str, "role": str, "level": str},
    "seccompProfile": {"type": str, "localhostProfile": str},
    "appArmorProfile": {"type": str, "localhostProfile": str},
    "windowsOptions": {"hostProcess": bool},
    "sysctls": [{"name": str}],
}
_HANDLER: Final = {"httpGet": {"host": str}, "tcpSocket": {"host": str}, "exec": {"command": [str]}}
_SECRET: Final = {"name": str}
_CONTAINER: Final = {
    "name": str,
    "image": str,
    "securityContext": _SECURITY,
    "ports": [{"name": str, "containerPort": int, "hostPort": int, "protocol": str, "hostIP": str}],
    "env": [{"name": str, "value": str, "valueFrom": {"secretKeyRef": _SECRET, "configMapKeyRef": _SECRET}}],
    "envFrom": [{"secretRef": _SECRET, "configMapRef": _SECRET}],
    "volumeMounts": [{"name": str, "mountPath": str, "readOnly": bool, "subPath": str, "subPathExpr": str}],
    "livenessProbe": _HANDLER,
    "readinessProbe": _HANDLER,
    "startupProbe": _HANDLER,
    "lifecycle": {"postStart": _HANDLER, "preStop": _HANDLER},
    "command": [str],
    "args": [str],
}
_VOLUME: Final = {
    "name": str,
    "hostPath": {"path": str},
    "secret": {"secretName": str, "optional": bool, "items": [{}]},
    "projected": {
        "sources": [
            {
                "secret": _SECRET,
                "serviceAccountToken": {},
                "configMap": _SECRET,
                "podCertificate": {
                    "signerName": str,
                    "keyType": str,
                    "maxExpirationSeconds": int,
                    "userAnnotations": _TEXTS,
                    **dict.fromkeys(("keyPath", "certificateChainPath", "credentialBundlePath"), str),
                },
                "clusterTrustBundle": {
                    "signerName": str,
                    "name": str,
                    "path": str,
                    "optional": bool,
                    "labelSelector": {"matchLabels": _TEXTS},
                },
            }
        ]
    },
    "*": {},
}
_POD: Final[KubeObject] = {
    "metadata": {"name": str, "namespace": str, "labels": _TEXTS, "annotations": _TEXTS},
    "spec": {
        "hostNetwork": bool,
        "hostPID": bool,
        "hostIPC": bool,
        "hostUsers": bool,
        "shareProcessNamespace": bool,
        "automountServiceAccountToken": bool,
        "serviceAccountName": str,
        "serviceAccount": str,
        "os": {"name": str},
        "securityContext": _SECURITY,
        "containers": [_CONTAINER],
        "initContainers": [_CONTAINER],
        "ephemeralContainers": [_CONTAINER],
        "volumes": [_VOLUME],
    },
}
_WORDS: Final = {bool: "true or false", int: "a whole number", str: "text (in quotes)"}
_SHOWN: Final = 60


def pod_shape_findings(item: KubeObject) -> tuple[Finding, ...]:
    """Return a finding for everything that keeps the pod in a Pod or workload from being decoded."""
    trail: Steps = ()
    pod: Any = item
    for step in pod_trail(item) or ():
        if not isinstance(pod, dict):
            return (_finding(item, trail, pod, "a mapping"),)
        trail, pod = (*trail, step), pod.get(step)
    if not isinstance(pod, dict):
        return (_finding(item, trail, pod, "a mapping"),)
    spec = pod.get("spec")
    if not isinstance(spec, dict):
        return (_finding(item, (*trail, "spec"), spec, "a mapping"),)
    if not spec.get("containers"):
        return (_finding(item, (*trail, "spec", "containers"), spec.get("containers"), "a list of containers"),)
    wrong = [*_wrong(pod, _POD, trail), *_nameless(item)]
    return tuple(_finding(item, at, seen, wanted) for at, seen, wanted in wrong)


def _nameless(item: KubeObject) -> Iterator[tuple[Steps, Any, str]]:
    meta = item.get("metadata")
    if not isinstance(meta, dict):
        yield ("metadata",), meta, "a mapping"
        return
    for key in ("name", "generateName", "namespace"):
        if meta.get(key) is not None and not isinstance(meta[key], str):
            yield ("metadata", key), meta[key], _WORDS[str]
    if not (meta.get("name") or meta.get("generateName")):
        yield ("metadata", "name"), None, "a name"


def _wrong(value: Any, shape: Shape, trail: Steps) -> Iterator[tuple[Steps, Any, str]]:
    """Yield path, value and what was wanted for everything that has another form; null is as good as absent."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            yield trail, value, "a mapping"
            return
        rest = shape.get("*")
        for key, part in value.items():
            inner = shape.get(key, rest)
            if inner is not None and part is not None:
                if type(inner) is type and type(part) is inner:
                    continue
                yield from _wrong(part, inner, (*trail, key))
    elif isinstance(shape, list):
        if not isinstance(value, list):
            yield trail, value, "a list"
            return
        for position, part in enumerate(value):
            yield from _wrong(part, shape[0], (*trail, position))
    elif type(value) is not shape:
        yield trail, value, _WORDS[shape]


def _finding(item: KubeObject, trail: Steps, seen: Any, wanted: str) -> Finding:
    path = path_of(trail)
    text = "missing" if seen is None else json.dumps(seen, ensure_ascii=False, default=str)
    text = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
    return about(
        item,
        SCHEMA,
        severity=severity(SCHEMA.id),
        path=path,
        message=f"{path} is {text}; it must be {wanted}, so the API server refuses the object",
        fix=f"write {wanted}",
        value=None if seen is None else text,
    )

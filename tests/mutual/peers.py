"""Two services that know each other by certificate only, as manifests: policies, accounts and one pod each."""

import json
from pathlib import Path
from typing import Any

NAMESPACE = "mutual"
PROGRAM = (Path(__file__).parent / "program.py").read_text()
HARDENED_POD = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
HARDENED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def spiffe(account: str, namespace: str = NAMESPACE, domain: str = "cluster.local") -> str:
    """Return the identity of a service."""
    return f"spiffe://{domain}/ns/{namespace}/sa/{account}"


def peers(image: str, *, namespace: str = NAMESPACE, **mtls: Any) -> list[dict[str, Any]]:
    """Return everything: `server` answers, `caller` calls; `mtls` are fields of both policies' certificates."""
    host = f"server.{namespace}.svc.cluster.local"
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": {"bartizan.dev/enforcement": "enforce"}}},
        *_service("server", namespace, mtls, {"ports": [{"name": "mtls", "port": 9443}], "ingress": [{"from": {"service": "caller"}}]}),
        *_service("caller", namespace, mtls, {"egress": [{"to": {"service": "server"}}]}),
        {
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": "server", "namespace": namespace},
            "spec": {"selector": {"app": "server"}, "ports": [{"port": 9443}]},
        },
        pod("server", image, ["serve", spiffe("caller", namespace)], namespace=namespace),
        pod("caller", image, ["call", spiffe("server", namespace), host], namespace=namespace),
    ]  # fmt: skip


def pod(name: str, image: str, words: list[str], *, namespace: str = NAMESPACE, **spec: Any) -> dict[str, Any]:
    """Return a pod that runs the program; `spec` adds to it."""
    container = {
        "name": "app", "image": image, "imagePullPolicy": "IfNotPresent", "securityContext": HARDENED,
        "command": ["/usr/bin/python3", "-u", "-c", PROGRAM, *words],
    }  # fmt: skip
    return {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {
            "serviceAccountName": name, "automountServiceAccountToken": False, "terminationGracePeriodSeconds": 1,
            "securityContext": HARDENED_POD, "containers": [container], **spec,
        },
    }  # fmt: skip


def lines(text: str) -> list[dict[str, Any]]:
    """Return what a caller has printed."""
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def _service(name: str, namespace: str, mtls: dict[str, Any], network: dict[str, Any]) -> list[dict[str, Any]]:
    meta = {"name": name, "namespace": namespace}
    spec = {"workload": {"selector": {"matchLabels": {"app": name}}}, "network": network, "mtls": mtls}
    return [
        {"apiVersion": "bartizan.dev/v1alpha1", "kind": "ServiceSecurityPolicy", "metadata": meta, "spec": spec},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
    ]

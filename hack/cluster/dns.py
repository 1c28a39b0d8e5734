"""Cluster DNS as ordinary pods, because policies that allow DNS must be tried against the real thing.

Names outside the cluster get NXDOMAIN at once: there is no resolver to forward to, and a timeout would look like
a policy that blocks.
"""

from __future__ import annotations

from typing import Any

import yaml

from cluster.layout import DNS_SERVICE_IP

_LABELS = {"k8s-app": "kube-dns"}
_COREFILE = """\
cluster.local:53 in-addr.arpa:53 ip6.arpa:53 {
    errors
    health
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {
        pods insecure
        ttl 5
    }
    cache 5
    reload
    loadbalance
}
.:53 {
    errors
    template ANY ANY . {
        rcode NXDOMAIN
    }
}
"""


def manifests(image: str) -> str:
    """Render CoreDNS (Deployment, Service, RBAC, Corefile) and the enforcer's read access, as one YAML stream."""
    objects = [
        _meta("v1", "ServiceAccount", "coredns", "kube-system"),
        _meta("v1", "ConfigMap", "coredns", "kube-system") | {"data": {"Corefile": _COREFILE}},
        *_reader(
            "system:coredns",
            {"kind": "ServiceAccount", "name": "coredns", "namespace": "kube-system"},
            [("", ["endpoints", "services", "pods", "namespaces"]), ("discovery.k8s.io", ["endpointslices"])],
        ),
        *_reader(
            "bartizan:network-policy-enforcer",
            {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "bartizan:network-policy-enforcer"},
            [("", ["pods", "namespaces", "nodes"]), ("networking.k8s.io", ["networkpolicies"])],
        ),
        _service(),
        _deployment(image),
    ]
    return str(yaml.safe_dump_all(objects, sort_keys=False))


def _meta(version: str, kind: str, name: str, namespace: str | None = None) -> dict[str, Any]:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": version, "kind": kind, "metadata": metadata}


def _reader(name: str, subject: dict[str, str], access: list[tuple[str, list[str]]]) -> list[dict[str, Any]]:
    rbac = "rbac.authorization.k8s.io"
    rules = [{"apiGroups": [group], "resources": kinds, "verbs": ["list", "watch"]} for group, kinds in access]
    return [
        _meta(f"{rbac}/v1", "ClusterRole", name) | {"rules": rules},
        _meta(f"{rbac}/v1", "ClusterRoleBinding", name)
        | {"roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": name}, "subjects": [subject]},
    ]


def _service() -> dict[str, Any]:
    service = _meta("v1", "Service", "kube-dns", "kube-system")
    service["metadata"]["labels"] = _LABELS
    ports = [
        {"name": "dns", "port": 53, "targetPort": 53, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "targetPort": 53, "protocol": "TCP"},
    ]
    service["spec"] = {"selector": _LABELS, "clusterIP": DNS_SERVICE_IP, "ports": ports}
    return service


def _deployment(image: str) -> dict[str, Any]:
    container = {
        "name": "coredns",
        "image": image,
        "imagePullPolicy": "Never",
        "args": ["-conf", "/etc/coredns/Corefile"],
        "ports": [
            {"name": "dns", "containerPort": 53, "protocol": "UDP"},
            {"name": "dns-tcp", "containerPort": 53, "protocol": "TCP"},
        ],
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": True}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
        "livenessProbe": {"httpGet": {"path": "/health", "port": 8080}, "periodSeconds": 10, "failureThreshold": 6},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "runAsNonRoot": True,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }
    pod = {
        "serviceAccountName": "coredns",
        "dnsPolicy": "Default",
        "priorityClassName": "system-cluster-critical",
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
    }
    deployment = _meta("apps/v1", "Deployment", "coredns", "kube-system")
    deployment["spec"] = {
        "replicas": 1,
        "selector": {"matchLabels": _LABELS},
        "template": {"metadata": {"labels": _LABELS}, "spec": pod},
    }
    return deployment

"""The objects of an application under test: policies of its edges, and pods that probe each other."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from packets.boutique import Edge, Service

PART = {"app.kubernetes.io/part-of": "packets"}
LABEL = "app.kubernetes.io/part-of=packets"
STEADY, SWEEP = 0.4, 8.0
"""Seconds between two attempts at what is (or becomes, or was) allowed, and at what never is."""


def policies(services: Iterable[Service], edges: frozenset[Edge]) -> list[dict[str, Any]]:
    """One policy for each service that declares exactly its edges, on both sides."""
    return [_policy(service, edges) for service in services]


def _policy(service: Service, edges: frozenset[Edge]) -> dict[str, Any]:
    names = {port: f"{port[1].lower()}-{port[0]}" for port in service.ports}
    ingress = [
        {"from": {"service": edge.source.partition("/")[2]}, "ports": [names[edge.port, edge.protocol]]}
        for edge in sorted(edges, key=str)
        if edge.target == str(service)
    ]
    egress = [
        {"to": {"service": edge.target.partition("/")[2]}, "ports": [{"port": edge.port, "protocol": edge.protocol}]}
        for edge in sorted(edges, key=str)
        if edge.source == str(service)
    ]
    ports = [{"name": name, "port": number, "protocol": protocol} for (number, protocol), name in names.items()]
    return {
        "apiVersion": "bartizan.dev/v1alpha1",
        "kind": "ServiceSecurityPolicy",
        "metadata": {"name": service.name, "namespace": service.namespace},
        "spec": {
            "workload": {"selector": {"matchLabels": {"app": service.name}}},
            "network": {"ports": ports, "ingress": ingress, "egress": egress},
        },
    }


def accounts(services: Iterable[Service]) -> list[dict[str, Any]]:
    """The services' accounts."""
    return [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": service.name, "namespace": service.namespace},
            "automountServiceAccountToken": False,
        }
        for service in services
    ]


def settings(services: tuple[Service, ...], ways: frozenset[Edge], steady: frozenset[Edge]) -> list[dict[str, Any]]:
    """A ConfigMap in each namespace with the prober and what each of its services listens on and calls."""
    program = (Path(__file__).parent / "prober.py").read_text(encoding="utf-8")
    found: dict[str, dict[str, str]] = {}
    for service in services:
        mine = sorted((way for way in ways if way.source == str(service)), key=str)
        targets = [
            {
                "to": way.target,
                "host": f"{way.target.partition('/')[2]}-prober.{way.target.partition('/')[0]}.svc.cluster.local.",
                "port": way.port,
                "protocol": way.protocol,
                "steady": way in steady,
                "every": STEADY if way in steady else SWEEP,
            }
            for way in mine
        ]
        config = {"name": str(service), "ports": service.listens, "targets": targets}
        found.setdefault(service.namespace, {"prober.py": program})[f"{service.name}.json"] = json.dumps(config)
    return [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "prober", "namespace": namespace, "labels": PART},
            "data": data,
        }
        for namespace, data in found.items()
    ]


def pods(services: Iterable[Service], image: str) -> list[dict[str, Any]]:
    """A Service and a Deployment of one prober for each service."""
    return [item for service in services for item in (_service(service), _deployment(service, image))]


def _service(service: Service) -> dict[str, Any]:
    ports = [
        {"name": f"{protocol.lower()}-{port}", "port": port, "protocol": protocol}
        for port in service.listens
        for protocol in ("TCP", "UDP")
    ]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"{service.name}-prober", "namespace": service.namespace, "labels": PART},
        "spec": {"selector": {"prober": service.name}, "ports": ports},
    }


def _deployment(service: Service, image: str) -> dict[str, Any]:
    labels = {"app": service.name, "prober": service.name}
    container = {
        "name": "prober",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/usr/bin/python3", "/prober/prober.py"],
        "env": [{"name": "PROBER_CONFIG", "value": f"/prober/{service.name}.json"}],
        "readinessProbe": {"tcpSocket": {"port": service.listens[0]}, "periodSeconds": 1, "timeoutSeconds": 3},
        "volumeMounts": [{"name": "prober", "mountPath": "/prober", "readOnly": True}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    spec = {
        "serviceAccountName": service.name,
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 30,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "prober", "configMap": {"name": "prober"}}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": f"{service.name}-prober", "namespace": service.namespace, "labels": PART},
        "spec": {
            "replicas": 1,
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels | PART}, "spec": spec},
        },
    }

"""Pods and workloads made by chance from a seed: mostly near the edge of what the checks look at."""

import random

from bartizan.core.checks.check import Scope
from bartizan.core.checks.registry import ALL
from workload_kinds import around

LEVELLED = frozenset(
    check.info.id for check in ALL if check.info.standard is not None and check.scope is Scope.COVERAGE
)
"""Checks that these pods seldom meet: the Pod Security Standards have pods of their own (`hardening`)."""
ACCOUNTS = ("orders", "web", "team", "cards", "default")
LABELS = (
    {"app": "orders"},
    {"app": "cards"},
    {"app": "web"},
    {"app": "web", "track": "canary"},
    {"app": "web", "track": "stable"},
    {"team": "a"},
    {"team": "b", "old": "yes"},
    {"team": "c"},
    {"team": "a", "app": "orders"},
    {"app": "nobody", "zone": "z", "tier": "t"},
    {},
)
ANNOTATIONS = (
    {},
    {},
    {"note": "x"},
    {"vault.hashicorp.com/role": "orders"},
    {"vault.hashicorp.com/role": "admin", "note": "long " * 40},
    {"vault.hashicorp.com/agent-inject": "false", "vault.hashicorp.com/role": "ü" * 100},
    {"vault.hashicorp.com/agent-inject-status": "injected"},
    {"vault.hashicorp.com/agent-inject-status": "update", "vault.hashicorp.com/agent-image": "x" * 100},
    {"vault.hashicorp.com/agent-inject-secret-root": "secret/root", "vault.hashicorp.com.evil/x": "y"},
)
SECRETS = ("orders-tls", "web-tls", "web-canary-tls", "cards-tls", "password", "s" * 200)
CERTIFICATE = {
    "signerName": "bartizan.dev/default",
    "keyType": "ECDSAP256",
    "maxExpirationSeconds": 86400,
    "keyPath": "tls.key",
    "certificateChainPath": "tls.crt",
    "credentialBundlePath": "tls-combined.pem",
    "userAnnotations": {"bartizan.dev/policy": "cards"},
}
BUNDLE = {
    "signerName": "bartizan.dev/default",
    "labelSelector": {"matchLabels": {"bartizan.dev/stage": "live"}},
    "path": "ca.crt",
}
CERTIFICATES = (
    {},
    {"signerName": "example.com/other"},
    {"keyType": "ED25519"},
    {"maxExpirationSeconds": 3600},
    {"keyPath": "key.pem"},
    {"userAnnotations": {"bartizan.dev/policy": "orders"}},
    {"userAnnotations": {"bartizan.dev/policy": "cards", "example.com/more": "x"}},
)
BUNDLES = (
    {},
    {"signerName": "example.com/other"},
    {"path": "roots.pem"},
    {"optional": True},
    {"labelSelector": {"matchLabels": {"bartizan.dev/stage": "next"}}},
    {
        "labelSelector": {
            "matchExpressions": [{"key": "a", "operator": "Exists"}],
            "matchLabels": {"bartizan.dev/stage": "live"},
        }
    },
)
KINDS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "CronJob", "ReplicationController", "PodTemplate")
IDENTITY = {"name": "bartizan-identity", "mountPath": "/var/run/secrets/bartizan.dev/tls", "readOnly": True}


def a_pod(chance: random.Random) -> dict:
    """A pod that the API server takes as valid, good or bad."""
    labels = chance.choice(LABELS)
    fitting = "orders" if labels == {"app": "orders"} else labels.get("app", "team")
    account = fitting if fitting in ACCOUNTS and chance.random() < 0.7 else chance.choice(ACCOUNTS)
    volumes = _volumes(chance)
    spec = {
        "serviceAccountName": account,
        "containers": [_container(chance, f"c{i}", volumes) for i in range(chance.randint(1, 3))],
        **(
            {"initContainers": [_container(chance, f"i{i}", volumes) for i in range(chance.randint(1, 2))]}
            if chance.random() < 0.4
            else {}
        ),
        **({"volumes": volumes} if volumes else {}),
        **{field: True for field in ("hostNetwork", "hostPID", "hostIPC") if chance.random() < 0.1},
    }
    if chance.random() < 0.2:
        spec[chance.choice([field for field in ("containers", "initContainers") if field in spec])][0]["name"] = (
            chance.choice(("vault-agent", "vault-agent-init"))
        )
    if spec.get("hostPID"):
        spec.pop("shareProcessNamespace", None)
    meta = {"name": "p", "labels": dict(labels), "annotations": dict(chance.choice(ANNOTATIONS))}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def with_debug(chance: random.Random, pod: dict) -> dict:
    """The pod with an ephemeral container."""
    debug = _container(chance, "debug", [])
    return {**pod, "spec": {**pod["spec"], "ephemeralContainers": [debug]}}


def a_workload(chance: random.Random, kind: str) -> dict:
    """A workload of a kind with a template by chance."""
    pod = a_pod(chance)
    labels = pod["metadata"]["labels"] or {"any": "label"}
    template = {"metadata": {"labels": labels, "annotations": pod["metadata"]["annotations"]}, "spec": pod["spec"]}
    return around(kind, template)


def _container(chance: random.Random, name: str, volumes: list) -> dict:
    item = {"name": name, "image": "registry.example/app:1", **_environment(chance)}
    roll = chance.random()
    if roll < 0.15:
        item["securityContext"] = {"privileged": True}
    elif roll < 0.3:
        item["securityContext"] = {"privileged": False, "runAsNonRoot": True}
    elif roll < 0.35:
        item["securityContext"] = {}
    if volumes and chance.random() < 0.5:
        volume = chance.choice([one for one in volumes if "secret" in one or "projected" in one] or volumes)
        part = chance.choice(({}, {}, {"subPath": "tls.crt"}, {"subPathExpr": "$(A)/" + "x" * 90}))
        item["volumeMounts"] = [{"name": volume["name"], "mountPath": "/mnt", **part}]
    if any(volume["name"] == "bartizan-identity" for volume in volumes) and chance.random() < 0.5:
        item["volumeMounts"] = [
            chance.choice(
                (
                    IDENTITY,
                    {**IDENTITY, "readOnly": False},
                    {**IDENTITY, "subPath": "tls.crt"},
                    {**IDENTITY, "mountPath": "/x"},
                )
            )
        ]
    return item


def _volumes(chance: random.Random) -> list:
    found = []
    for i in range(chance.randint(0, 3)):
        path = chance.choice(("/", "/var/run/docker.sock", "/" + "ä" * 120))
        source = chance.choice(
            ({"emptyDir": {}}, {"emptyDir": {}}, {"hostPath": {"path": path, "type": ""}}, {"configMap": {"name": "c"}})
        )
        found.append({"name": f"v{i}", **(source if chance.random() < 0.9 else _secret_source(chance))})
    roll = chance.random()
    if roll < 0.1:
        found.append({"name": "bartizan-identity", "projected": {"sources": _own_certificate(chance)}})
    elif roll < 0.2:
        secret = chance.choice(("orders-tls", "web-tls"))
        optional = chance.choice(({}, {"optional": True}, {"items": [{"key": "tls.crt", "path": "tls.crt"}]}))
        found.append({"name": "bartizan-identity", "secret": {"secretName": secret, **optional}})
    return found


def _own_certificate(chance: random.Random) -> list:
    """The sources of a certificate of the pod's own, mostly as they should be."""
    spoilt = chance.random()
    certificate = {**CERTIFICATE, **(chance.choice(CERTIFICATES) if spoilt < 0.3 else {})}
    bundle = {**BUNDLE, **(chance.choice(BUNDLES) if 0.3 <= spoilt < 0.5 else {})}
    sources = [{"podCertificate": certificate}, {"clusterTrustBundle": bundle}]
    if 0.5 <= spoilt < 0.6:
        return chance.choice((sources[:1], sources[::-1], [*sources, {"configMap": {"name": "c"}}]))
    return sources


def _secret_source(chance: random.Random) -> dict:
    name = chance.choice(SECRETS)
    projected = {"sources": [{"configMap": {"name": "c"}}, {"secret": {"name": name}}]}
    return chance.choice(({"secret": {"secretName": name, "optional": True}}, {"projected": projected}))


def _environment(chance: random.Random) -> dict:
    if chance.random() < 0.95:
        return {}
    name = chance.choice(SECRETS)
    field = {"fieldRef": {"fieldPath": "metadata.name"}}
    key = {"secretKeyRef": {"name": name, "key": "tls.key"}}
    return {
        "env": [{"name": "A", "value": "x"}, {"name": "B", "valueFrom": chance.choice((field, key))}],
        "envFrom": [{"configMapRef": {"name": "c"}}, {"secretRef": {"name": chance.choice(SECRETS)}}],
    }

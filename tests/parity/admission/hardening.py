"""Pods made by chance from a seed, near the edges of the Pod Security Standards: hardened, and then spoilt in a few places."""

import copy
import random

from bartizan.testing.builders import HARDENED_CONTAINER, HARDENED_POD

DEMANDS = (
    ("restricted", 37),
    ("baseline", 37),
    ("restricted", 34),
    ("restricted", 24),
    ("baseline", 18),
    ("restricted", 9),
)
"""Levels and minor versions whose rules differ most."""
ARMOR = "container.apparmor.security.beta.kubernetes.io/"
SECCOMP = "seccomp.security.alpha.kubernetes.io/pod"
_CAPABILITIES = ("NET_BIND_SERVICE", "CHOWN", "KILL", "SYS_CHROOT", "NET_RAW", "SYS_ADMIN", "BPF", "net_bind_service")
_DROPS = (["ALL"], ["NET_RAW", "ALL"], ["all"], ["NET_RAW"], [])
_PROFILES = ("RuntimeDefault", "Localhost", "Unconfined")
_TYPES = ("container_t", "container_init_t", "container_engine_t", "spc_t", "")
_SYSCTLS = (
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_wmem",
    "net.ipv4.tcp_notsent_lowat",
    "kernel.msgmax",
    "vm.max_map_count",
)
_ANNOTATIONS = ("runtime/default", "localhost/x", "unconfined", "")
_HOSTS = ("10.0.0.1", "example.com", "", "h" * 90)
_VOLUMES = (
    {"emptyDir": {}},
    {"configMap": {"name": "c"}},
    {"secret": {"secretName": "s"}},
    {"persistentVolumeClaim": {"claimName": "c"}},
    {"projected": {"sources": []}},
    {"csi": {"driver": "d.example"}},
    {"image": {"reference": "registry.example/data:1"}},
    {"downwardAPI": {"items": []}},
    {"ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}}},
    {"hostPath": {"path": "/"}},
    {"nfs": {"server": "nfs.example", "path": "/"}},
    {"iscsi": {"targetPortal": "10.0.0.1:3260", "iqn": "iqn.2026-01.example:a", "lun": 0}},
    {"fc": {"targetWWNs": ["50060e801049cfd1"], "lun": 0}},
    {"cephfs": {"monitors": ["10.0.0.1:6789"]}},
    {"azureDisk": {"diskName": "d", "diskURI": "https://blob.example/d"}},
    {},
)  # fmt: skip


def a_hardened_pod(chance: random.Random) -> dict:
    """A pod that the API server mostly takes as valid; about a third of them fit the newest restricted rules."""
    if chance.random() < 0.05:
        return _windows(chance)
    spec = {"serviceAccountName": "fixture", **copy.deepcopy(HARDENED_POD)}
    spoil = chance.choice((0, 0.03, 0.1, 0.3))
    if chance.random() < 0.2:
        spec["hostUsers"] = chance.random() < 0.3
    _pod(chance, spec, spoil)
    spec["containers"] = [_container(chance, f"c{i}", spec, spoil) for i in range(chance.randint(1, 3))]
    if chance.random() < 0.4:
        spec["initContainers"] = [_container(chance, f"i{i}", spec, spoil) for i in range(chance.randint(1, 2))]
    if chance.random() < 0.4:
        spec["volumes"] = [{"name": f"v{i}", **_volume(chance, spoil)} for i in range(chance.randint(1, 3))]
    annotations = {"note": "x"} if chance.random() < 0.3 else {}
    if chance.random() < spoil:
        annotations[chance.choice((f"{ARMOR}c0", SECCOMP, f"container.{SECCOMP[:-3]}c0"))] = chance.choice(_ANNOTATIONS)
    return _named(spec, annotations)


def _named(spec: dict, annotations: dict) -> dict:
    meta = {"name": "p", "labels": {"app": "fixture"}, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def _windows(chance: random.Random) -> dict:
    security = chance.choice(({"runAsNonRoot": True}, {}, {"windowsOptions": {"hostProcess": True}}))
    spec = {
        "serviceAccountName": "fixture",
        "os": {"name": "windows"},
        "securityContext": security,
        "containers": [{"name": "c0", "image": "x"}],
        **({"hostNetwork": True} if "windowsOptions" in security else {}),
    }
    return _named(spec, {})


def _pod(chance: random.Random, spec: dict, spoil: float) -> None:
    security = spec["securityContext"]
    for field in ("hostNetwork", "hostPID", "hostIPC"):
        if spec.get("hostUsers", True) and chance.random() < spoil / 3:
            spec[field] = True
    if chance.random() < spoil:
        security["runAsNonRoot"] = chance.choice((True, False))
    if chance.random() < spoil:
        del security["runAsNonRoot"]
    if chance.random() < spoil:
        security["seccompProfile"] = _profile(chance)
    elif chance.random() < spoil:
        del security["seccompProfile"]
    _shared(chance, security, spoil)
    if chance.random() < spoil and not spec.get("hostNetwork") and not spec.get("hostIPC"):
        names = chance.sample(_SYSCTLS, chance.randint(1, 3))
        security["sysctls"] = [{"name": name, "value": "1"} for name in names]


def _shared(chance: random.Random, security: dict, spoil: float) -> None:
    """Spoil what a pod and a container may both set."""
    if chance.random() < spoil:
        security["runAsUser"] = chance.choice((0, 1000))
    if chance.random() < spoil:
        security["seLinuxOptions"] = {
            "type": chance.choice(_TYPES),
            **({"user": "u"} if chance.random() < 0.2 else {}),
            **({"role": "r", "level": "s0"} if chance.random() < 0.2 else {}),
        }
    if chance.random() < spoil:
        security["appArmorProfile"] = _profile(chance)
    if chance.random() < spoil / 3:
        security["windowsOptions"] = {"hostProcess": False}


def _profile(chance: random.Random) -> dict:
    kind = chance.choice(_PROFILES)
    return {"type": kind, **({"localhostProfile": "p"} if kind == "Localhost" else {})}


def _container(chance: random.Random, name: str, spec: dict, spoil: float) -> dict:
    security = copy.deepcopy(HARDENED_CONTAINER["securityContext"])
    if chance.random() < spoil:
        del security["allowPrivilegeEscalation"]
        if chance.random() < 0.3:
            security["privileged"] = chance.choice((True, False))
        elif chance.random() < 0.5:
            security["allowPrivilegeEscalation"] = True
    if chance.random() < spoil:
        security["capabilities"] = {"drop": chance.choice(_DROPS)}
    if chance.random() < spoil:
        security["capabilities"]["add"] = chance.sample(_CAPABILITIES, chance.randint(1, 3))
    if chance.random() < spoil:
        del security["capabilities"]
    if chance.random() < spoil:
        security["runAsNonRoot"] = chance.choice((True, True, False))
    if chance.random() < spoil:
        security["seccompProfile"] = _profile(chance)
    if chance.random() < (0.3 if spec.get("hostUsers") is False else 0):
        security["procMount"] = chance.choice(("Default", "Unmasked"))
    _shared(chance, security, spoil)
    item = {"name": name, "image": "registry.example/app:1", "securityContext": security}
    if chance.random() < spoil / 3:
        del item["securityContext"]
    if chance.random() < 0.3:
        host = {"hostPort": number} if (number := chance.choice((0, 8080, 9090))) and chance.random() < spoil else {}
        number = number or 80
        item["ports"] = [{"containerPort": number, **host}]
    if name.startswith("c"):
        item |= _calls(chance, spoil)
    return item


def _calls(chance: random.Random, spoil: float) -> dict:
    """Probes and hooks, few of them with a host."""

    def action() -> dict:
        kind = chance.choice(("httpGet", "tcpSocket"))
        host = {"host": chance.choice(_HOSTS)} if chance.random() < spoil else {}
        return {kind: {"port": 80, **host}}

    probes = ("livenessProbe", "readinessProbe", "startupProbe")
    found = {probe: action() for probe in probes if chance.random() < 0.3}
    if chance.random() < 0.2:
        found["lifecycle"] = {hook: action() for hook in ("postStart", "preStop") if chance.random() < 0.7}
    return found


def _volume(chance: random.Random, spoil: float) -> dict:
    return copy.deepcopy(chance.choice(_VOLUMES if chance.random() < spoil else _VOLUMES[:9]))

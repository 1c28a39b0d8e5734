"""The configuration files of a local cluster, rendered as pure functions so that each setting can carry its reason."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import yaml

from cluster.layout import DNS_SERVICE_IP, POD_CIDR, Layout

PAUSE_IMAGE = "bartizan.local/pause:3.10"


def _yaml(value: dict[str, Any]) -> str:
    return yaml.safe_dump(value, sort_keys=False)


def kubeconfig(layout: Layout, user: str, files: tuple[Path, Path, Path]) -> str:
    """Render a kubeconfig with the authority, certificate and key of `files` embedded, so it can be copied away."""
    authority, certificate, key = (base64.b64encode(path.read_bytes()).decode() for path in files)
    name = f"bartizan-{layout.name}"
    return _yaml(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {"name": name, "cluster": {"server": layout.api_url, "certificate-authority-data": authority}}
            ],
            "users": [{"name": user, "user": {"client-certificate-data": certificate, "client-key-data": key}}],
            "contexts": [{"name": name, "context": {"cluster": name, "user": user}}],
            "current-context": name,
        }
    )


def audit_policy() -> str:
    """Render the audit policy: who did what with which answer; the API server's talk with itself is left out.

    Of NetworkPolicies it keeps what was stored, so that a rollout can be judged write by write.
    """
    isolation = {
        "level": "RequestResponse",
        "verbs": ["create", "update", "patch", "delete"],
        "resources": [{"group": "networking.k8s.io", "resources": ["networkpolicies"]}],
        "omitManagedFields": True,
    }
    return _yaml(
        {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "rules": [{"level": "None", "users": ["system:apiserver"]}, isolation, {"level": "Metadata"}],
        }
    )


def kubelet(layout: Layout, gates: tuple[str, ...]) -> str:
    """Render the kubelet's configuration.

    Cgroup hierarchies, disk pressure and kernel settings of the machine are not ours: everything that would
    manage them is off.
    """
    zero = dict.fromkeys(
        ("memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available", "imagefs.inodesFree"), "0%"
    )
    settings: dict[str, Any] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": layout.cluster_ip,
        "healthzBindAddress": "127.0.0.1",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": layout.pki("ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{layout.containerd_socket}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": layout.cgroup,
        "cgroupsPerQOS": False,
        "enforceNodeAllocatable": [],
        "failCgroupV1": False,
        "failSwapOn": False,
        "localStorageCapacityIsolation": False,
        "makeIPTablesUtilChains": False,
        "evictionHard": zero,
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "serializeImagePulls": False,
        "syncFrequency": "5s",
        "nodeStatusUpdateFrequency": "5s",
        "clusterDNS": [DNS_SERVICE_IP],
        "clusterDomain": "cluster.local",
        "resolvConf": str(layout.run / "resolv.conf"),
        "podLogsDir": str(layout.run / "pod-logs"),
        "volumePluginDir": str(layout.run / "kubelet" / "volume-plugins"),
    }
    if gates:
        settings["featureGates"] = {name: value == "true" for name, value in (gate.split("=") for gate in gates)}
    return _yaml(settings)


def containerd(layout: Layout, cni_bin: Path) -> str:
    """Render containerd's configuration (version 3) with every folder below the run's own.

    Without `restrict_oom_score_adj` runc dies in containers that may not lower their own score. The loopback plugin
    would leave result files outside the run's folder that carry no name of ours; containerd's own does not.
    """
    state = layout.run / "containerd"
    text = f"""
        version = 3
        root = "{state / "root"}"
        state = "{state / "state"}"
        disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.internal.v1.tracing",
          "io.containerd.tracing.processor.v1.otlp", "io.containerd.snapshotter.v1.blockfile",
          "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.erofs",
          "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.btrfs"]
        [grpc]
          address = "{layout.containerd_socket}"
        [debug]
          level = "warn"
        [plugins."io.containerd.internal.v1.opt"]
          path = "{state / "opt"}"
        [plugins."io.containerd.cri.v1.images"]
          snapshotter = "overlayfs"
          [plugins."io.containerd.cri.v1.images".pinned_images]
            sandbox = "{PAUSE_IMAGE}"
        [plugins."io.containerd.cri.v1.runtime"]
          restrict_oom_score_adj = true
          netns_mounts_under_state_dir = true
          disable_apparmor = true
          [plugins."io.containerd.cri.v1.runtime".cni]
            bin_dirs = ["{cni_bin}"]
            conf_dir = "{layout.run / "cni"}"
            use_internal_loopback = true
          [plugins."io.containerd.cri.v1.runtime".containerd]
            default_runtime_name = "runc"
            [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
              runtime_type = "io.containerd.runc.v2"
              runtime_path = "{layout.program("containerd-shim-runc-v2")}"
              [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
                BinaryName = "{layout.program("runc")}"
                SystemdCgroup = false
    """
    return "\n".join(line.removeprefix("        ") for line in text.strip("\n").splitlines()) + "\n"


def cni(layout: Layout) -> str:
    """Render the CNI network list: one bridge, addresses from a file below the run's folder, host ports."""
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(layout.run / "ipam"),
            "ranges": [[{"subnet": POD_CIDR}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    network = {"cniVersion": "1.0.0", "name": layout.cni_network, "plugins": [bridge, portmap]}
    return json.dumps(network, indent=2) + "\n"

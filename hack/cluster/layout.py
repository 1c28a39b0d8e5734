"""Where everything of one local cluster is: one immutable value that every renderer of files and commands reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cluster.errors import ClusterError

SERVICE_CIDR = "10.96.0.0/16"
KUBERNETES_SERVICE_IP = "10.96.0.1"
DNS_SERVICE_IP = "10.96.0.10"
POD_CIDR = "10.244.0.0/24"
API_PORT = 6443
ETCD_URL = "http://127.0.0.1:2379"
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?")
_LONGEST_RUN_DIR = 60


@dataclass(frozen=True)
class Layout:
    """One cluster's names, addresses and folders; `index` is the free third byte of its subnet."""

    name: str
    lane: str
    index: int
    run: Path
    programs: Mapping[str, Path] = field(default_factory=dict)

    @property
    def netns(self) -> str:
        """The network namespace."""
        return f"bartizan-{self.name}"

    @property
    def host_link(self) -> str:
        """The host's end of the veth pair (15 characters at most)."""
        return f"bzh{self.index}"

    @property
    def cluster_link(self) -> str:
        """The cluster's end of the veth pair."""
        return f"bzc{self.index}"

    @property
    def host_ip(self) -> str:
        """The host as seen from the cluster."""
        return f"10.78.{self.index}.1"

    @property
    def cluster_ip(self) -> str:
        """The API server and the node as seen from the host."""
        return f"10.78.{self.index}.2"

    @property
    def api_url(self) -> str:
        """The API server's address."""
        return f"https://{self.cluster_ip}:{API_PORT}"

    @property
    def node_name(self) -> str:
        """The one node's name."""
        return f"{self.name}-node"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.run / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        """The API server's audit log, one JSON event a line."""
        return self.run / "audit.log"

    @property
    def containerd_socket(self) -> Path:
        """Where containerd listens."""
        return self.run / "containerd.sock"

    @property
    def cgroup(self) -> str:
        """The cgroup all containers of this cluster live below."""
        return f"/bartizan-{self.name}"

    @property
    def cni_network(self) -> str:
        """The CNI network's name, which also names its result cache."""
        return f"bartizan-{self.name}"

    def pki(self, file: str) -> str:
        """Return the path of a key or certificate."""
        return str(self.run / "pki" / file)

    def program(self, name: str) -> str:
        """Return the path of a compiled program."""
        return str(self.programs[name])


def check(name: str, run: Path) -> None:
    """Refuse names and folders that Linux would refuse later with a worse message.

    Raises:
        ClusterError: the name is not a short DNS label, or unix sockets below the folder would have too long a path.
    """
    if not _NAME.fullmatch(name):
        raise ClusterError(
            f"cluster name {name!r}: allowed are 1 to 30 lower-case letters, digits and inner hyphens, for example `dev`"
        )
    if len(str(run)) > _LONGEST_RUN_DIR:
        raise ClusterError(
            f"run folder {run} has {len(str(run))} characters; unix sockets below it allow {_LONGEST_RUN_DIR}: "
            "set BARTIZAN_CACHE to a shorter path"
        )

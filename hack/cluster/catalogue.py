"""What can be compiled and from which pinned module, as data, so that build order and cache keys can be tested.

Each folder of `modules/` is a Go module of its own: a version conflict in one cannot touch another, and its
programs are cached under a key made of its own go.mod, go.sum, sources and flags.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cluster import cache
from cluster.errors import ClusterError

MODULES = Path(__file__).parent / "modules"
LANES = ("1.37", "1.36")
DEFAULT_LANE = LANES[0]
VARIANTS = ("1.36-off", "1.36-half")
"""Lanes of the same programs with other feature gates, for tests of what a cluster lacks."""
_BASE_LDFLAGS = "-s -w"
_CONTAINERD = "github.com/containerd/containerd/v2"
_CNI = "github.com/containernetworking/plugins/plugins"


@dataclass(frozen=True)
class Program:
    """One program of a module; `tags` and `cgo` are the only build settings that differ between programs."""

    name: str
    module: str
    package: str
    cgo: bool = False
    tags: str = ""

    @property
    def folder(self) -> Path:
        """The Go module's folder in the repository."""
        return MODULES / self.module


def _kubernetes(name: str, lane: str, package: str = "cmd") -> Program:
    return Program(name, f"kubernetes-{lane.partition('-')[0]}", f"k8s.io/kubernetes/{package}/{name}")


def control_plane(lane: str) -> tuple[Program, ...]:
    """Return the programs of a cluster without nodes, slowest dependency first (later ones reuse its cache)."""
    return (
        Program("etcd", "etcd", "go.etcd.io/etcd/server/v3"),
        *(_kubernetes(n, lane) for n in ("kube-apiserver", "kube-controller-manager", "kube-scheduler")),
        _kubernetes("kubectl", DEFAULT_LANE),
    )


def node(lane: str) -> tuple[Program, ...]:
    """Return the further programs a node needs, with helm, which everybody who has a node uses next."""
    return (
        Program("helm", "helm", "helm.sh/helm/v4/cmd/helm"),
        _kubernetes("kubelet", lane),
        _kubernetes("kube-proxy", lane),
        *(Program(n, "containerd", f"{_CONTAINERD}/cmd/{n}") for n in CONTAINERD_PROGRAMS),
        Program("runc", "runc", "github.com/opencontainers/runc", cgo=True, tags="seccomp"),
        *(Program(path.split("/")[1], "cni", f"{_CNI}/{path}") for path in CNI_PLUGINS),
        Program(
            "kube-network-policies", "netpol", "sigs.k8s.io/kube-network-policies/cmd/kube-network-policies/standard"
        ),
        _kubernetes("agnhost", DEFAULT_LANE, "test/images"),
        Program("coredns", "coredns", "."),
    )


CONTAINERD_PROGRAMS = ("containerd", "containerd-shim-runc-v2", "ctr")
CNI_PLUGINS = ("main/bridge", "ipam/host-local", "meta/portmap")
JUDGES = tuple(Program(name, name, ".") for name in ("np-guard", "cyclonus", "certificates", "alerts"))
"""Engines that judge what bartizan writes; no cluster is started from them."""
ISSUERS = (
    Program("vault", "vault", "github.com/hashicorp/vault"),
    Program("cert-manager-ca", "cert-manager", "."),
)
"""Certificate authorities of others, which tests have sign for bartizan."""


def programs(lane: str, *, with_node: bool) -> tuple[Program, ...]:
    """Return everything a cluster of this shape is started from, in build order.

    Raises:
        ClusterError: the lane is unknown.
    """
    if lane not in {*LANES, *VARIANTS}:
        raise ClusterError(f"lane {lane!r} is unknown; the lanes are {', '.join(LANES)}: pass one with --lane")
    return control_plane(lane) + (node(lane) if with_node else ())


def find(name: str, lane: str = DEFAULT_LANE) -> Program:
    """Return the program called `name`.

    Raises:
        ClusterError: there is none; the message lists those there are.
    """
    known = {program.name: program for program in (*programs(lane, with_node=True), *JUDGES, *ISSUERS)}
    if name not in known:
        raise ClusterError(f"no program {name!r}; there are {', '.join(sorted(known))}")
    return known[name]


def version(module: str, path: str, text: str | None = None) -> str:
    """Return the version of the Go module `path` pinned in `module`'s go.mod (`text` for tests).

    Raises:
        ClusterError: go.mod does not require it.
    """
    text = (MODULES / module / "go.mod").read_text() if text is None else text
    match = re.search(rf"^(?:require\s+|\s+){re.escape(path)}\s+(v\S+)", text, re.MULTILINE)
    if match is None:
        raise ClusterError(f"{module}/go.mod does not require {path}: run `go get -tool {path}` in that folder")
    return match[1]


def ldflags(program: Program) -> str:
    """Return the linker flags: stripped, and the version programs report about themselves."""
    if program.module.startswith("kubernetes-"):
        pinned = version(program.module, "k8s.io/kubernetes")
        major, minor, _ = pinned.removeprefix("v").split(".", 2)
        base = "k8s.io/component-base/version"
        stamps = {"gitVersion": pinned, "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
        return " ".join([_BASE_LDFLAGS, *(f"-X {base}.{key}={value}" for key, value in stamps.items())])
    if program.module == "containerd":
        return f"{_BASE_LDFLAGS} -X {_CONTAINERD}/version.Version={version('containerd', _CONTAINERD)}"
    return _BASE_LDFLAGS


def build_command(program: Program, output: Path) -> list[str]:
    """Return the compiler's command line; two jobs at once, for machines of two cores."""
    tags = ["-tags", program.tags] if program.tags else []
    return ["go", "build", "-p", "2", "-trimpath", *tags, "-ldflags", ldflags(program), "-o", str(output),
            program.package]  # fmt: skip


def build_env(program: Program) -> dict[str, str]:
    """Return the environment a build differs in: no VCS stamp, module files read-only, cgo only where asked.

    One dependency of the NetworkPolicy enforcer and one of np-guard are versions the checksum database refuses to
    look up; go.sum still pins their content, and np-guard's own go.sum holds the same hash.
    """
    return {
        "CGO_ENABLED": "1" if program.cgo else "0",
        "GOFLAGS": "-buildvcs=false -mod=readonly",
        "GONOSUMDB": "github.com/vishvananda/netlink,github.com/np-guard/models",
    }


def key(program: Program, sources: Sequence[tuple[str, bytes]] | None = None) -> str:
    """Return the cache key of a program: its module's files and every flag that shapes the binary."""
    if sources is None:
        files = sorted(p for p in program.folder.iterdir() if p.name in {"go.mod", "go.sum"} or p.suffix == ".go")
        sources = [(p.name, p.read_bytes()) for p in files]
    flat = [part for pair in sources for part in pair]
    return cache.digest(*flat, ldflags(program), str(program.cgo), program.tags)


def binary(program: Program) -> Path:
    """Return where the compiled program is or will be."""
    return cache.root() / "bin" / f"{program.module}-{key(program)}" / program.name

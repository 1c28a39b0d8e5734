"""Reads files of pinned Go modules, fetched at a version with a known hash: what is theirs is never copied into ours."""

from __future__ import annotations

import json
from pathlib import Path

from cluster.catalogue import MODULES, version
from cluster.commands import run
from cluster.errors import ClusterError

BACK_ENDS = "back-ends"
CRDS = {
    "ciliumnetworkpolicies.cilium.io": (
        "github.com/cilium/cilium",
        "pkg/k8s/apis/cilium.io/client/crds/v2/ciliumnetworkpolicies.yaml",
    ),
    "clusternetworkpolicies.policy.networking.k8s.io": (
        "sigs.k8s.io/network-policy-api",
        "config/crd/standard/policy.networking.k8s.io_clusternetworkpolicies.yaml",
    ),
}
"""CustomResourceDefinitions that network plugins bring: their module and where they are in it."""
CERT_MANAGER = "cert-manager"
CERT_MANAGER_CRDS = {
    f"{plural}.cert-manager.io": (
        "github.com/cert-manager/cert-manager",
        f"deploy/crds/cert-manager.io_{plural}.yaml",
    )
    for plural in ("certificaterequests", "certificates", "clusterissuers", "issuers")
}
"""The same of cert-manager."""


def source(module: str, path: str) -> Path:
    """Return the folder with the sources of the Go module `path` as `module`'s go.mod pins it; go.sum is checked.

    Raises:
        ClusterError: it is not pinned there.
        CommandFailed: it could not be fetched, or has another hash than go.sum says.
    """
    pinned = f"{path}@{version(module, path)}"
    done = run(["go", "mod", "download", "-json", pinned], env={"GOFLAGS": "-mod=readonly"}, cwd=MODULES / module)
    return Path(json.loads(done.stdout)["Dir"])


def definition(name: str) -> Path:
    """Return the file that holds the CustomResourceDefinition `name`.

    Raises:
        ClusterError: it is none of `CRDS` and `CERT_MANAGER_CRDS`, or not where it is said to be.
    """
    known = {**CRDS, **CERT_MANAGER_CRDS}
    if name not in known:
        raise ClusterError(f"no definition {name!r} is known; there are {', '.join(sorted(known))}")
    module, place = known[name]
    file = source(BACK_ENDS if name in CRDS else CERT_MANAGER, module) / place
    if not file.exists():
        raise ClusterError(f"{module} has no {place} at its pinned version: correct cluster/sources.py")
    return file

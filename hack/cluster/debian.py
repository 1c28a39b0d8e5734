"""Finds what the machine lacks and installs it when it may, because a newcomer should not need a list of packages.

As root on a Debian-like machine missing packages are installed (package lists fetched once a run); anybody
else gets the one command to type.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from cluster import cache
from cluster.commands import run
from cluster.errors import MissingDependency
from cluster.progress import Reporter

GO_MINIMUM = (1, 26)


@dataclass(frozen=True)
class Package:
    """A Debian package and a file or program that proves it is there."""

    name: str
    program: str = ""
    files: tuple[str, ...] = ()

    def present(self, which: Callable[[str], str | None] = shutil.which) -> bool:
        """Tell whether the package's proof exists (a program on PATH or in sbin, or any of its files)."""
        if self.program:
            return which(self.program) is not None or Path("/usr/sbin", self.program).exists()
        return any(Path("/").glob(pattern.lstrip("/")) for pattern in self.files)


CONTROL_PLANE = (
    Package("iproute2", "ip"),
    Package("util-linux", "nsenter"),
    Package("openssl", "openssl"),
)
NODE = (
    *CONTROL_PLANE,
    Package("iptables", "iptables"),
    Package("mount", "mount"),
)
BUILD_C = (
    Package("gcc", "gcc"),
    Package("libc6-dev", files=("/usr/include/stdio.h",)),
    Package("pkg-config", "pkg-config"),
    Package("libseccomp-dev", files=("/usr/include/seccomp.h",)),
)
IMAGES = (Package("mmdebstrap", "mmdebstrap"),)


def missing(packages: Iterable[Package]) -> list[str]:
    """Return the names of the packages whose proof is absent."""
    return [package.name for package in packages if not package.present()]


def require(packages: Iterable[Package], report: Reporter) -> None:
    """Make the packages present.

    Raises:
        MissingDependency: some are absent and cannot be installed from here; the message holds the command.
    """
    absent = missing(packages)
    if not absent:
        return
    command = f"apt-get update && apt-get install -y --no-install-recommends {' '.join(absent)}"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise MissingDependency(f"missing Debian packages: {', '.join(absent)}. As root run: {command}")
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    with cache.locked("apt"), report.step(f"installing Debian packages {', '.join(absent)}"):
        run(["apt-get", "update", "-qq"], env=quiet)
        run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *absent], env=quiet)


def require_root() -> None:
    """Refuse to go on without root, which network namespaces need.

    Raises:
        MissingDependency: the user is not root.
    """
    if os.geteuid() != 0:
        raise MissingDependency(
            f"the local provider makes network namespaces and needs root, but the user id is {os.geteuid()}: "
            "run it as root, start Docker and install kind, or set KUBECONFIG to a cluster of yours"
        )


def go_version(said: str) -> tuple[int, int] | None:
    """Return (major, minor) from the output of `go version`, or None if it is not a release."""
    match = re.search(r"\bgo(\d+)\.(\d+)", said)
    return (int(match[1]), int(match[2])) if match else None


def require_go() -> None:
    """Refuse to build without a Go compiler that is new enough.

    Raises:
        MissingDependency: there is no Go, or it is too old.
    """
    wanted = f"Go {GO_MINIMUM[0]}.{GO_MINIMUM[1]} or newer"
    if shutil.which("go") is None:
        raise MissingDependency(
            f"no `go` on the PATH; {wanted} compiles the cluster's programs: install it from go.dev/dl"
        )
    said = run(["go", "version"]).stdout.strip()
    found = go_version(said)
    if found is None or found < GO_MINIMUM:
        raise MissingDependency(f"`go version` says {said!r}; {wanted} is needed: install it from go.dev/dl")

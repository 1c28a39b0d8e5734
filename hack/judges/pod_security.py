"""The fixtures of Kubernetes' own Pod Security Admission, read where Go keeps the module that the cluster's version pins.

The project generates them for every level and version: pods that its checks let through, and pods that exactly one check
refuses, whose name the file bears. They are never copied: always those of the pinned version.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from cluster import catalogue
from cluster.commands import run

MODULE = "k8s.io/pod-security-admission"
_PINNED_BY = f"kubernetes-{catalogue.DEFAULT_LANE}"
_REPLACED = re.compile(rf"^\s*{re.escape(MODULE)} => {re.escape(MODULE)} (v\S+)$", re.MULTILINE)
_Loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, kw_only=True)
class Fixture:
    """One file: a pod, and what Pod Security Admission says of it at a level and version."""

    level: str
    minor: int
    passes: bool
    check: str
    """The check whose fixture it is, in lower case and without its number, such as `hostports`."""
    path: Path

    @property
    def name(self) -> str:
        """Where it lies below the module's `test/testdata`."""
        return "/".join(self.path.parts[-4:])

    def pod(self) -> dict[str, Any]:
        """Return the pod, as written: nothing is filled in. Callers must not change it."""
        return _read(self.path.read_text())


def version() -> str:
    """Return the pinned version of the module: that of the Kubernetes which clusters run."""
    found = _REPLACED.search((catalogue.MODULES / _PINNED_BY / "go.mod").read_text())
    if found is None:
        raise ValueError(f"{_PINNED_BY}/go.mod does not replace {MODULE}: its list of staging modules is not whole")
    return found[1]


def fixtures() -> Iterator[Fixture]:
    """Yield every fixture, by level and version.

    Raises:
        CommandFailed: the module is not in Go's cache and cannot be downloaded.
    """
    found = run(["go", "mod", "download", "-json", f"{MODULE}@{version()}"], cwd=catalogue.MODULES / _PINNED_BY)
    data = Path(json.loads(found.stdout)["Dir"]) / "test" / "testdata"
    for path in sorted(data.glob("*/v1.*/*/*.yaml")):
        level, minor, outcome = path.parts[-4:-1]
        yield Fixture(
            level=level,
            minor=int(minor.removeprefix("v1.")),
            passes=outcome == "pass",
            check=path.stem.rstrip("0123456789"),
            path=path,
        )


@cache
def _read(text: str) -> dict[str, Any]:
    pod: dict[str, Any] = yaml.load(text, Loader=_Loader)  # noqa: S506 -- one of the two safe loaders
    return pod

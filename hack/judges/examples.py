"""np-guard's own examples, read where Go keeps the module that is pinned: never copied, always of the pinned version."""

from __future__ import annotations

import json
from pathlib import Path

from cluster import catalogue
from cluster.commands import run

MODULE = "github.com/np-guard/netpol-analyzer"


def version() -> str:
    """Return the pinned version of np-guard."""
    return catalogue.version("np-guard", MODULE)


def folders() -> dict[str, Path]:
    """Return the example folders by name.

    Raises:
        CommandFailed: the module is not in Go's cache and cannot be downloaded.
    """
    found = run(["go", "mod", "download", "-json", f"{MODULE}@{version()}"], cwd=catalogue.find("np-guard").folder)
    tests = Path(json.loads(found.stdout)["Dir"]) / "tests"
    return {path.name: path for path in sorted(tests.iterdir()) if path.is_dir()}

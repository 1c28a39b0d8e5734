"""The chart's cases, and what helm makes of one."""

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "bartizan"
CASES = {
    "default": [],
    **{path.stem.removesuffix("-values"): [str(path)] for path in sorted(CHART.glob("ci/*-values.yaml"))},
}


@dataclass(frozen=True)
class Rendered:
    """What helm made of the chart."""

    objects: list[dict[str, Any]]
    text: str

    def one(self, kind: str, name: str) -> dict[str, Any]:
        """Return an object that must be there exactly once."""
        found = [item for item in self.objects if item["kind"] == kind and item["metadata"]["name"] == name]
        assert len(found) == 1, f"{kind} {name}: {len(found)}"
        return found[0]

    def names(self, kind: str) -> list[str]:
        """Return the names of all objects of a kind, sorted."""
        return sorted(item["metadata"]["name"] for item in self.objects if item["kind"] == kind)

    def pods(self) -> dict[str, dict[str, Any]]:
        """Return the specs of all pods, by their owners' names."""
        return {
            item["metadata"]["name"]: item["spec"]["template"]["spec"]
            for item in self.objects
            if item["kind"] in {"Deployment", "Job"}
        }


def decoded(text: str) -> str:
    """Return what base64 says."""
    return base64.b64decode(text).decode()

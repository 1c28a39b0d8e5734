"""Who asked the API server for what, by its own audit log: the controller does not count for itself."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from bench.stage import ACCOUNT
from demo.install import NAMESPACE

_USER = f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
_WRITES = {"create", "update", "patch", "delete"}
_OWN_AFFAIRS = {"leases", "events"}


@dataclass(frozen=True)
class Calls:
    """The controller's finished requests."""

    writes: dict[str, Counter[str]]
    """For each resource (a subresource behind a slash), how often each object was written."""
    refused: int
    """Writes answered with an error."""
    asides: int
    """Writes of Leases and Events."""
    reads: int
    """Single reads, lists and starts of watches."""


def calls(log: Path, begin: int = 0) -> Calls:
    """Read the log from byte `begin` on."""
    writes: dict[str, Counter[str]] = {}
    refused = asides = reads = 0
    with log.open("rb") as file:
        file.seek(begin)
        for line in file:
            if _USER.encode() not in line:
                continue
            event = json.loads(line)
            if event["user"]["username"] != _USER or "objectRef" not in event:
                continue
            ref = event["objectRef"]
            if event["verb"] not in _WRITES:
                reads += 1
            elif ref["resource"] in _OWN_AFFAIRS:
                asides += 1
            elif event.get("responseStatus", {}).get("code", 500) >= 400:
                refused += 1
            else:
                resource = "/".join(part for part in (ref["resource"], ref.get("subresource")) if part)
                writes.setdefault(resource, Counter())[f"{ref.get('namespace', '')}/{ref.get('name', '')}"] += 1
    return Calls(writes, refused, asides, reads)


def size(log: Path) -> int:
    """Return where the log ends now."""
    return log.stat().st_size

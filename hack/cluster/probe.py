"""Waits for components by asking the API server as its administrator, and quotes the log of one that dies instead."""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from cluster import processes
from cluster.commands import tail
from cluster.errors import StartFailed
from cluster.layout import Layout
from cluster.state import Process

_POLL_SECONDS = 0.1


class Api:
    """A read-only view of the API server with the administrator's certificate."""

    def __init__(self, layout: Layout) -> None:
        context = ssl.create_default_context(cafile=layout.pki("ca.crt"))
        context.load_cert_chain(layout.pki("admin.crt"), layout.pki("admin.key"))
        self._base = layout.api_url
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    def text(self, path: str) -> str | None:
        """Return the body of a GET, or None if it was not answered with 200."""
        try:
            with self._opener.open(self._base + path, timeout=5) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, OSError):
            return None

    def object(self, path: str) -> dict[str, Any] | None:
        """Return the JSON object of a GET, or None if there is none."""
        body = self.text(path)
        return None if body is None else dict(json.loads(body))


def condition(obj: dict[str, Any] | None, kind: str) -> bool:
    """Tell whether a Kubernetes object's condition `kind` is True."""
    conditions = (obj or {}).get("status", {}).get("conditions", [])
    return any(c["type"] == kind and c["status"] == "True" for c in conditions)


def until(what: str, ready: Callable[[], bool], running: Iterable[Process], limit: timedelta) -> None:
    """Poll until `ready`, watching the processes it depends on.

    Raises:
        StartFailed: one of them died, or the time limit passed.
    """
    watched = list(running)
    deadline = time.monotonic() + limit.total_seconds()
    while not ready():
        for process in watched:
            if not processes.alive(process):
                processes.reap(process.pid)
                raise StartFailed(f"{process.role} died while waiting for {what}; its log ends:\n{_log(process)}")
        if time.monotonic() > deadline:
            logs = "\n".join(f"  {process.role}:\n{_log(process)}" for process in watched)
            raise StartFailed(f"{what}: not so after {limit.total_seconds():.0f} s; the logs end:\n{logs}")
        time.sleep(_POLL_SECONDS)


def _log(process: Process) -> str:
    path = Path(process.log)
    return tail(path.read_text(errors="replace")) if path.is_file() else "    (no log)"

"""What a cluster left on the machine, written down before it is made, so that any later run can take it away.

A process is known by its id *and* its start time: the id alone may belong to somebody else by now.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from cluster import cache

Phase = Literal["starting", "running", "stopping"]
Verdict = Literal["running", "busy", "stale"]
FILE = "state.json"
_ESSENTIAL = frozenset({"etcd", "kube-apiserver"})


@dataclass(frozen=True)
class Process:
    """A program of ours: its role, id, start time in clock ticks since boot, command line and log."""

    role: str
    pid: int
    started: int
    argv: tuple[str, ...] = ()
    log: str = ""


@dataclass(frozen=True)
class State:
    """One cluster as recorded; `owner` is the run that is starting or stopping it."""

    name: str
    provider: str
    lane: str
    node: bool
    phase: Phase
    owner: Process
    boot: str
    index: int = 0
    netns: str = ""
    host_link: str = ""
    cgroup: str = ""
    cni_network: str = ""
    kubeconfig: str = ""
    api_url: str = ""
    host_ip: str = ""
    audit_log: str = ""
    programs: dict[str, str] = field(default_factory=dict)
    processes: tuple[Process, ...] = ()

    def with_process(self, process: Process) -> State:
        """Return the state with this process recorded, in place of an earlier one of its role."""
        others = tuple(p for p in self.processes if p.role != process.role)
        return replace(self, processes=(*others, process))

    def process(self, role: str) -> Process | None:
        """Return the recorded process of this role."""
        return next((p for p in self.processes if p.role == role), None)


def to_json(state: State) -> str:
    """Render a state for its file."""
    return json.dumps(asdict(state), indent=2, sort_keys=True) + "\n"


def from_json(text: str) -> State:
    """Read a state back.

    Raises:
        ValueError: the file is not a state of this version.
    """
    raw: dict[str, Any] = json.loads(text)
    try:
        raw["owner"] = _process(raw["owner"])
        raw["processes"] = tuple(_process(p) for p in raw["processes"])
        return State(**raw)
    except (KeyError, TypeError) as error:
        raise ValueError(f"not a state file of this version: {error}") from error


def _process(raw: dict[str, Any]) -> Process:
    return Process(**{**raw, "argv": tuple(raw["argv"])})


def judge(state: State, alive: Callable[[Process], bool], boot: str) -> Verdict:
    """Tell whether a cluster runs, is being started or stopped by a living run, or is left over."""
    if state.boot != boot:
        return "stale"
    if state.phase != "running":
        return "busy" if alive(state.owner) else "stale"
    if state.provider != "local":
        return "running"
    essential = [p for p in state.processes if p.role in _ESSENTIAL]
    return "running" if len(essential) == len(_ESSENTIAL) and all(map(alive, essential)) else "stale"


def path(name: str) -> Path:
    """Return where the state of the cluster `name` is kept."""
    return cache.run_dir(name) / FILE


def save(state: State) -> None:
    """Write the state so that a reader sees the old or the new one, never half."""
    with cache.replacing(path(state.name)) as temporary:
        temporary.write_text(to_json(state))


def load(name: str) -> State | None:
    """Return the recorded state of a cluster, or None if there is none that can be read."""
    try:
        return from_json(path(name).read_text())
    except (OSError, ValueError):
        return None


def made(kubeconfig: Path) -> State | None:
    """Return the record of the cluster whose kubeconfig this is, or None if no cluster of this cache has it."""
    return next((s for n in names() if (s := load(n)) is not None and Path(s.kubeconfig) == kubeconfig), None)


def names() -> list[str]:
    """Return the name of every run folder, with a readable state or not."""
    folder = cache.root() / "run"
    return sorted(p.name for p in folder.iterdir() if p.is_dir()) if folder.is_dir() else []

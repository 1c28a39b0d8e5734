"""One folder outside the work tree for everything slow to make, so that a second run starts in seconds.

Layout below the root: `bin/<module>-<hash>/` compiled programs, `image/` layers and archives, `run/<name>/`
one folder per running cluster, `*.lock` file locks shared by every run on the machine.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


def root(env: Mapping[str, str] | None = None) -> Path:
    """Return `$BARTIZAN_CACHE`, else `$XDG_CACHE_HOME/bartizan`, else `~/.cache/bartizan` (not created)."""
    env = os.environ if env is None else env
    if chosen := env.get("BARTIZAN_CACHE"):
        return Path(chosen).expanduser().absolute()
    base = env.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "bartizan"


def run_dir(name: str) -> Path:
    """Return the folder of the cluster called `name`."""
    return root() / "run" / name


def digest(*parts: bytes | str) -> str:
    """Return the first 12 hex digits of a SHA-256 over the parts, each prefixed by its length."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(f"{len(data)}:".encode())
        total.update(data)
    return total.hexdigest()[:12]


@contextmanager
def locked(name: str, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold the machine-wide lock `name`; `on_wait` is called once if another run holds it."""
    path = root() / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if on_wait is not None:
                on_wait()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a temporary sibling of `target` that takes its place only if the block succeeds."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)

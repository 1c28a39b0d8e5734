"""Files laid out and swapped as the kubelet does it for a Secret: names that point through one symbolic link.

`tls.crt -> ..data/tls.crt`, and `..data` is replaced by one rename, so that whoever opens files sees the old ones or the new
ones; whoever opens two may see one of each, unless it follows `..data` itself first. (kubernetes pkg/volume/util/atomic_writer)
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path

DATA = "..data"
CERTIFICATE, KEY, BUNDLE, COMBINED = "tls.crt", "tls.key", "ca.crt", "tls-combined.pem"


class Volume:
    """One mounted Secret."""

    def __init__(self, folder: Path) -> None:
        """Mount nothing yet in `folder`."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def publish(self, content: Mapping[str, bytes]) -> None:
        """Replace all files at once; the ones before are gone right after, as the kubelet leaves none behind."""
        link = self.folder / DATA
        before = self.folder / link.readlink() if link.is_symlink() else None
        fresh = self.folder / f"..{time.time_ns()}"
        fresh.mkdir(mode=0o755)
        for name, text in content.items():
            (fresh / name).write_bytes(text)
        swap = self.folder / f"{DATA}_tmp"
        swap.symlink_to(fresh.name)
        swap.rename(link)
        for name in content:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(f"{DATA}/{name}")
        if before is not None:
            shutil.rmtree(before)


def generation(folder: Path) -> str:
    """Return what `..data` points to now; the empty text before the first publication."""
    try:
        return str((folder / DATA).readlink())
    except FileNotFoundError:
        return ""

"""Runs a page of the documentation, a section at a time, on a cluster: each block does what it says, and prints what follows it."""

import asyncio
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[3]
_FENCE = re.compile(r"^```(sh refused|sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def sections(page: str) -> dict[str, list[tuple[str, str]]]:
    """Return the blocks of a page by the heading they stand under; those before the first under an empty one."""
    parts = re.split(r"^## (.+)$", (ROOT / page).read_text(), flags=re.MULTILINE)
    titled = dict(zip(["", *parts[1::2]], parts[::2], strict=True))
    return {title: _FENCE.findall(text) for title, text in titled.items()}


async def holds(blocks: list[tuple[str, str]], folder: Path, environ: Mapping[str, str]) -> None:
    """Run blocks in `folder`.

    Raises:
        AssertionError: one fails that should not, or prints something else.
    """
    said = ""
    for kind, body in blocks:
        if kind == "text":
            for line in body.splitlines():
                wanted = r".*".join(re.escape(part.strip()) for part in line.split("…"))
                assert re.search(wanted.replace(r"\ ", r"\s+"), said), f"{line!r} is not in what was printed:\n{said}"
            continue
        done = await asyncio.to_thread(_run, body, folder, environ)
        said = done.stdout + done.stderr
        assert (done.returncode != 0) == (kind == "sh refused"), f"{body}\n{said}"


def _run(body: str, folder: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", body],
        cwd=folder,
        env=dict(environ),
        capture_output=True,
        text=True,
        check=False,
    )

"""The how-tos that need nothing but files, run offline as they stand."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = {"see-who-can-reach-whom": 5, "check-manifests": 6}
"""The pages, and how often each tells what to expect."""
FENCE = re.compile(r"^```(sh refused|sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("page", "told"), PAGES.items())
def test_every_command_of_the_page_does_what_it_says(tmp_path, page, told):
    """Each block succeeds or is refused as it says, and prints the lines that follow it."""
    (tmp_path / "bartizan").write_text(f'#!/bin/sh\nexec {sys.executable} -m bartizan "$@"\n')
    (tmp_path / "bartizan").chmod(0o755)
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done: subprocess.CompletedProcess[str] | None = None
    blocks = FENCE.findall((ROOT / f"docs/how-to/{page}.md").read_text())
    assert [kind for kind, _ in blocks].count("text") == told
    for kind, body in blocks:
        if kind == "text":
            assert done
            for line in body.splitlines():
                wanted = ".*".join(re.escape(part.strip()) for part in line.split("…"))
                assert re.search(wanted, done.stdout), f"{line!r} is not in what was printed:\n{done.stdout}"
            continue
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", body], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
        )
        assert (done.returncode != 0) == (kind == "sh refused"), f"{body}\n{done.stdout}{done.stderr}"

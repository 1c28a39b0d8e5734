"""Every command of the tutorial and the how-tos, run as it stands on the page.

A fence ```sh must succeed, a fence ```sh refused must fail; a ```text fence after it is what a reader is told to expect: each of
its lines, around the dots, must be in what was printed.
"""

import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
ELSEWHERE = {"use-your-own-issuer": ("test_issuers.py", "test_vault.py")}
"""Pages that need what this cluster has not (cert-manager, Vault): the tests in tests/integration/controller that run them."""
PAGES = [
    *sorted((ROOT / "docs").glob("tutorial/*.md")),
    *(page for page in sorted((ROOT / "docs").glob("how-to/*.md")) if page.stem not in ELSEWHERE),
]
FENCE = re.compile(r"^( *)```(sh refused|sh|text)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
pytestmark = pytest.mark.node


class Step(NamedTuple):
    """One block of commands and what a reader is told to expect."""

    script: str
    refused: bool
    expected: str


def steps(page: str) -> list[Step]:
    """Return the page's blocks in order, each with the text fence that follows it."""
    found: list[Step] = []
    for indent, kind, body in FENCE.findall(page):
        text = "\n".join(line.removeprefix(indent) for line in body.splitlines())
        if kind == "text":
            found[-1] = found[-1]._replace(expected=text)
        else:
            found.append(Step(text, kind == "sh refused", ""))
    return found


@pytest.fixture(scope="module")
def shell(shop, tmp_path_factory):
    """A reader's environment: kubectl, helm and bartizan on the PATH, the cluster in KUBECONFIG."""
    tools = tmp_path_factory.mktemp("bin")
    for name in ("kubectl", "helm"):
        (tools / name).symlink_to(shop.cluster._program(name))
    path = f"{tools}:{ROOT / '.venv/bin'}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "KUBECONFIG": str(shop.cluster.kubeconfig)}


@pytest.mark.parametrize("page", ELSEWHERE)
def test_a_page_left_out_here_is_run_elsewhere(page: str) -> None:
    """Each test that is named as running a page in this one's stead reads that page."""
    folder = ROOT / "tests/integration/controller"
    assert [name for name in ELSEWHERE[page] if f"how-to/{page}.md" not in (folder / name).read_text()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_the_page_does_what_it_says(shell, page: Path) -> None:
    """Each block of the page succeeds or is refused as it says, and prints what it says."""
    for step in steps(page.read_text()):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", step.script],
            cwd=ROOT,
            env=shell,
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout + done.stderr
        assert (done.returncode != 0) == step.refused, f"{step.script}\n{said}"
        for line in filter(None, step.expected.splitlines()):
            wanted = ".*".join(re.escape(part.strip()) for part in line.split("…"))
            assert re.search(wanted, said), f"{line!r} is not in what was printed:\n{said}"

"""Objects that a program makes: a chart by helm, a Kustomize folder by kustomize, or by the kubectl that has it built in.

The real programs are asked, because whoever re-implements them is wrong about the next release. They are found on the PATH and
never fetched; without them the folder is an error of its own and the rest is read.
"""

import re
import shutil
import subprocess
from collections.abc import Callable
from typing import Final

from bartizan.cli.manifests_folders import Source
from bartizan.errors import BartizanError

PATIENCE: Final = 120
"""Seconds after which a program is not waited for any longer: a remote base on a dead server never answers."""
_SOURCE: Final = re.compile(r"^# Source: [^/\n]+/(\S+)$", re.MULTILINE)
_LONGEST: Final = 400


class RenderingError(BartizanError):
    """A folder could not be rendered; the message says which program is missing or what it said."""


def render(source: Source) -> str:
    """Return the objects of a chart or Kustomize folder as YAML.

    Raises:
        RenderingError: no such program is on the PATH, it failed, or it took longer than `PATIENCE`.
    """
    command = _command(source)
    try:
        done = subprocess.run(  # noqa: S603 -- a list of words, no shell
            command, capture_output=True, check=False, timeout=PATIENCE, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        raise RenderingError(f"{source.rendered} did not answer within {PATIENCE} s") from None
    if done.returncode:
        said = " ".join(done.stderr.decode("utf-8", "replace").split()) or f"exit code {done.returncode}"
        raise RenderingError(f"{source.rendered} cannot render it: {said[:_LONGEST]}")
    return done.stdout.decode("utf-8", "replace")


def rendered_places(source: Source, text: str) -> Callable[[int], str]:
    """Return a function from a line of the rendered text to the file that it was made of."""
    if source.rendered == "kustomize":
        return lambda _line: source.path
    comments = [(text.count("\n", 0, match.start()) + 1, match[1]) for match in _SOURCE.finditer(text)]

    def place(line: int) -> str:
        name = next((name for at, name in reversed(comments) if at <= line), "")
        return f"{source.path.rstrip('/')}/{name}" if name else source.path

    return place


def _command(source: Source) -> list[str]:
    folder = source.path if source.path.startswith(("/", "./", "../")) else f"./{source.path}"
    if source.rendered == "helm":
        if (helm := shutil.which("helm")) is None:
            raise RenderingError("is a Helm chart, and helm is not on the PATH: install it, or give what it renders")
        return [helm, "template", "release", folder]
    if kustomize := shutil.which("kustomize"):
        return [kustomize, "build", folder]
    if kubectl := shutil.which("kubectl"):
        return [kubectl, "kustomize", folder]
    raise RenderingError(
        "is a Kustomize folder, and neither kustomize nor kubectl is on the PATH: install one, or give what it renders"
    )

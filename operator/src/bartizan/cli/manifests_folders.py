"""Which files a command line means: files as they are, folders walked, and folders that a program has to render.

A chart and a Kustomize folder hold no objects but what makes them, so they are one source each. A Kustomize folder that another
one builds on is not a source of its own: its objects would stand there twice, once unfinished.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

STDIN: Final = "-"
CHART: Final = "Chart.yaml"
KUSTOMIZATIONS: Final = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_SUFFIXES: Final = (".yaml", ".yml", ".json")
_LISTED: Final = re.compile(r"^\s*-\s+[\"']?([^\s\"'#:]+)[\"']?\s*(?:#.*)?$", re.MULTILINE)
"""An entry of a list in a kustomization; whether it is a folder is asked of the file system."""

Fault: TypeAlias = Callable[[str, str], None]
"""Takes a path that cannot be read, and why."""


@dataclass(frozen=True, slots=True)
class Source:
    """One thing to read."""

    path: str
    """As the user would write it; `-` is standard input."""
    rendered: Literal["", "helm", "kustomize"] = ""
    """The program that makes objects of the folder; empty for a file."""


def sources(paths: Iterable[str], fault: Fault, *, rendering: bool = False) -> Iterator[Source]:
    """Yield each file once, folders walked in order of names; a folder met again through a link is passed over.

    With `rendering` charts and Kustomize folders are sources of their own instead of folders of files.
    """
    seen: set[str] = set()
    found: list[Source] = []
    for path in paths:
        if path == STDIN:
            found.append(Source(path))
        elif os.path.isdir(path):  # noqa: PTH112 -- one spelling of paths, as given
            found += _walk(path, seen, fault, rendering=rendering, files=True)
        elif (real := os.path.realpath(path)) not in seen:
            seen.add(real)
            found.append(Source(path))
    built_on = {part for one in found if one.rendered == "kustomize" for part in _parts(one.path)}
    given = {os.path.realpath(path) for path in paths} if built_on else set()
    for one in found:
        real = os.path.realpath(one.path)
        if one.rendered != "kustomize" or real in given or real not in built_on:
            yield one


def _walk(folder: str, seen: set[str], fault: Fault, *, rendering: bool, files: bool) -> Iterator[Source]:
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 -- names only, in their order
    except OSError as error:
        fault(folder, f"cannot be read: {error.strerror}")
        return
    if rendering and CHART in names:
        yield Source(folder, "helm")
        return
    if rendering and not set(names).isdisjoint(KUSTOMIZATIONS):
        yield Source(folder, "kustomize")
        files = False
    for name in names:
        path = os.path.join(folder, name)  # noqa: PTH118 -- one spelling of paths, as given
        if name.startswith("."):
            continue
        if os.path.isdir(path):  # noqa: PTH112
            yield from _walk(path, seen, fault, rendering=rendering, files=files)
        elif files and name.lower().endswith(_SUFFIXES) and (target := os.path.realpath(path)) not in seen:
            seen.add(target)
            yield Source(path)


def _parts(folder: str) -> Iterator[str]:
    """Yield the folders that a Kustomize folder builds on."""
    for name in KUSTOMIZATIONS:
        try:
            text = (Path(folder) / name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        for entry in _LISTED.findall(text):
            part = os.path.join(folder, entry)  # noqa: PTH118
            if os.path.isdir(part):  # noqa: PTH112
                yield os.path.realpath(part)

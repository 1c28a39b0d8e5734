"""Kubernetes objects from files, folders and standard input, each with the place it came from.

One unreadable file must not hide what is wrong in the others, so problems are collected next to what could be read and the
verb decides. What is no Kubernetes object (a chart's values, somebody's CI settings) is passed over.
"""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bartizan.api.names import KubeObject
from bartizan.cli.manifests_yaml import Document, SyntaxProblemError, documents
from bartizan.errors import BartizanError

STDIN: Final = "-"
MAX_BYTES: Final = 64 * 1024 * 1024
"""The largest file that is read; a cluster's whole `kubectl get -o yaml` of 10,000 pods stays below."""
_SUFFIXES: Final = (".yaml", ".yml", ".json")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands; line and column are counted from 1, and 0 where there is none."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join([self.file, *(str(part) for part in (self.line, self.column) if part)])


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object and where it begins."""

    item: KubeObject
    place: Place

    @property
    def title(self) -> str:
        """Kind, namespace and name, as far as it has them."""
        meta = self.item.get("metadata")
        meta = meta if isinstance(meta, dict) else {}
        name = "/".join(str(part) for part in (meta.get("namespace"), meta.get("name")) if part)
        return f"{self.item['kind']} {name}".rstrip()


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """Something that cannot be read."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"


@dataclass(frozen=True, slots=True)
class Manifests:
    """What was found, in the order of files and within them, and what could not be read."""

    found: tuple[Manifest, ...] = ()
    problems: tuple[Problem, ...] = ()


class ManifestError(BartizanError):
    """Files that cannot be used; the message names each with its position."""

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> "ManifestError":
        """Return the error that says the first problem, and how many more there are."""
        more = f"; and {len(problems) - 1} more" if len(problems) > 1 else ""
        return cls(f"{problems[0]}{more}")


def load(paths: Iterable[str]) -> Manifests:
    """Return the objects in files and folders; `-` is standard input. Never raises for what they hold."""
    found: list[Manifest] = []
    problems: list[Problem] = []
    for source in _sources(paths, problems):
        text = ""
        try:
            text = _read(source)
            found += _objects(text, source)
        except SyntaxProblemError as error:
            hint = "; it looks like a template: render it first, as with helm template" if "{{" in text else ""
            problems.append(Problem(Place(source, error.line, error.column), f"{error}{hint}"))
        except OSError as error:
            problems.append(Problem(Place(source), f"cannot be read: {error.strerror}"))
    return Manifests(tuple(found), tuple(problems))


def _sources(paths: Iterable[str], problems: list[Problem]) -> Iterator[str]:
    """Yield each file once, folders walked in order of names; a folder met again through a link is passed over."""
    seen: set[str] = set()
    for path in paths:
        if path == STDIN:
            yield path
        elif os.path.isdir(path):  # noqa: PTH112 -- one spelling of paths, as given
            yield from _walk(path, seen, problems)
        elif (real := os.path.realpath(path)) not in seen:
            seen.add(real)
            yield path


def _walk(folder: str, seen: set[str], problems: list[Problem]) -> Iterator[str]:
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 -- names only, in their order
    except OSError as error:
        problems.append(Problem(Place(folder), f"cannot be read: {error.strerror}"))
        return
    for name in names:
        path = os.path.join(folder, name)  # noqa: PTH118 -- one spelling of paths, as given
        if name.startswith("."):
            continue
        if os.path.isdir(path):  # noqa: PTH112
            yield from _walk(path, seen, problems)
        elif name.lower().endswith(_SUFFIXES) and (target := os.path.realpath(path)) not in seen:
            seen.add(target)
            yield path


def _read(source: str) -> str:
    if source == STDIN:
        data = sys.stdin.buffer.read(MAX_BYTES + 1)
    else:
        path = Path(source)
        if path.exists() and not path.is_file():
            raise SyntaxProblemError(0, 0, "is neither a file nor a folder")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise SyntaxProblemError(0, 0, f"is larger than {MAX_BYTES // 1024 // 1024} MiB: split it")
    if (at := data.find(b"\0")) >= 0:
        raise SyntaxProblemError(data.count(b"\n", 0, at) + 1, 0, "is binary: it holds a NUL byte")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SyntaxProblemError(line, 0, f"is not UTF-8: byte {data[error.start]:#04x}") from None


def _objects(text: str, source: str) -> Iterator[Manifest]:
    for document in _documents(text, source):
        yield from _expanded(document.value, document, source)


def _documents(text: str, source: str) -> Iterator[Document]:
    """Read JSON where it is JSON, which is many times faster, and YAML otherwise."""
    if source.lower().endswith(".json"):
        yield from _json(text)
    elif text.lstrip()[:1] in {"{", "["}:
        try:
            yield from list(_json(text))
        except SyntaxProblemError:
            yield from documents(text)
    else:
        yield from documents(text)


def _json(text: str) -> Iterator[Document]:
    decoder = json.JSONDecoder(object_pairs_hook=_without_repeats)
    at = 0
    while (at := _skip_space(text, at)) < len(text):
        line = text.count("\n", 0, at) + 1
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise SyntaxProblemError(error.lineno, error.colno, f"not JSON: {error.msg}") from None
        except RecursionError:
            raise SyntaxProblemError(line, 1, "collections lie too deep in each other") from None
        except _RepeatedKeyError as error:
            raise SyntaxProblemError(line, 1, f"key {error} stands twice in one object") from None
        yield Document(value, line)


def _skip_space(text: str, at: int) -> int:
    while at < len(text) and text[at].isspace():
        at += 1
    return at


class _RepeatedKeyError(ValueError):
    """A JSON object has a key twice."""


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        raise _RepeatedKeyError(repr(next(name for name in names if names.count(name) > 1)))
    return result


def _expanded(value: Any, document: Document, source: str) -> Iterator[Manifest]:
    """Yield the object, or the objects of a List; what is no Kubernetes object yields nothing."""
    if not isinstance(value, dict) or not all(isinstance(value.get(key), str) for key in ("apiVersion", "kind")):
        return
    items = value.get("items")
    if not (value["kind"].endswith("List") and isinstance(items, list)):
        yield Manifest(value, Place(source, document.line))
        return
    common = {"apiVersion": value["apiVersion"], "kind": value["kind"].removesuffix("List")}
    for position, item in enumerate(items):
        line = document.items[position] if position < len(document.items) else document.line
        whole = {**(common if common["kind"] else {}), **item} if isinstance(item, dict) else item
        yield from _expanded(whole, Document(whole, line), source)

"""Kubernetes objects from files, folders and standard input, each with the place it came from.

One unreadable file must not hide what is wrong in the others, so problems are collected next to what could be read and the
verb decides. What is no Kubernetes object (a chart's values, somebody's CI settings) is passed over. Files are read one after
another: whoever looks at ten thousand need not hold them all.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from bartizan.api.names import GROUP, KubeObject
from bartizan.cli.manifests_folders import STDIN, Source, sources
from bartizan.cli.manifests_json import json_documents
from bartizan.cli.manifests_marks import Marks, locate, no_marks, position, split
from bartizan.cli.manifests_rendered import RenderingError, render, rendered_places
from bartizan.cli.manifests_yaml import Document, SyntaxProblemError, documents
from bartizan.errors import BartizanError

MAX_BYTES: Final = 64 * 1024 * 1024
"""The largest file that is read; a cluster's whole `kubectl get -o yaml` of 10,000 pods stays below."""
_SHOWN: Final = 40


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
    marks: Marks = field(default_factory=no_marks, compare=False)
    """Where its fields stand in the file; empty if nobody asked, or if a program rendered it."""
    unit: str = ""
    """The folder it was rendered from; empty for what stands in a file."""

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
    problems: list[Problem] = []
    found: list[Manifest] = []
    for source in sources(paths, lambda place, said: problems.append(Problem(Place(place), said))):
        found += read(source, problems.append)
    return Manifests(tuple(found), tuple(problems))


def read(
    source: Source, fault: Callable[[Problem], None], *, marks: bool = False, texts: dict[str, str] | None = None
) -> Iterator[Manifest]:
    """Yield the objects of one source; what cannot be read is handed to `fault`.

    `marks` asks for the places of fields in JSON too, which costs as much as reading it. YAML always has them. What came by
    standard input cannot be read again: it is put into `texts`, if somebody will want to show it.
    """
    text = ""
    try:
        if source.rendered:
            yield from _rendered(source)
        else:
            text = text_of(source.path)
            if texts is not None and source.path == STDIN:
                texts[STDIN] = text
            yield from _objects(text, source.path, marks=marks)
    except SyntaxProblemError as error:
        hint = "; it looks like a template: render it first, as with helm template" if "{{" in text else ""
        fault(Problem(Place(source.path, error.line, error.column), f"{error}{hint}"))
    except RenderingError as error:
        fault(Problem(Place(source.path), str(error)))
    except OSError as error:
        fault(Problem(Place(source.path), f"cannot be read: {error.strerror}"))


def _rendered(source: Source) -> Iterator[Manifest]:
    text = render(source)
    places = rendered_places(source, text)
    try:
        for document in documents(text):
            for one in _expanded(document.value, document, source.path):
                yield Manifest(one.item, Place(places(one.place.line)), unit=source.path)
    except SyntaxProblemError as error:
        raise RenderingError(f"{source.rendered} gives what cannot be read, at line {error.line}: {error}") from None


def text_of(source: str) -> str:
    """Return what a file or standard input (`-`) holds.

    Raises:
        OSError: it cannot be opened.
        SyntaxProblemError: it is too large, binary, or not UTF-8.
    """
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


def _objects(text: str, source: str, *, marks: bool) -> Iterator[Manifest]:
    for document in _documents(text, source, marks=marks):
        yield from _expanded(document.value, document, source)


def _documents(text: str, source: str, *, marks: bool) -> Iterator[Document]:
    """Read JSON where it is JSON, which is many times faster, and YAML otherwise."""
    if source.lower().endswith(".json"):
        yield from json_documents(text, marks=marks)
    elif text.lstrip()[:1] in {"{", "["}:
        try:
            yield from list(json_documents(text, marks=marks))
        except SyntaxProblemError:
            yield from documents(text)
    else:
        yield from documents(text)


def _expanded(value: Any, document: Document, source: str) -> Iterator[Manifest]:
    """Yield the object, or the objects of a List; what is no Kubernetes object yields nothing.

    Raises:
        SyntaxProblemError: it is one, and holds what JSON cannot say, or it is a List of something else than objects.
    """
    if not isinstance(value, dict) or not all(isinstance(value.get(key), str) for key in ("apiVersion", "kind")):
        return
    if document.unfit:
        raise document.unfit
    _expect_objects(value, document)
    items = value.get("items")
    if not (value["kind"].endswith("List") and isinstance(items, list)):
        yield Manifest(value, Place(source, document.line), document.marks)
        return
    common = {"apiVersion": value["apiVersion"], "kind": value["kind"].removesuffix("List")}
    marks = document.marks
    known = next((within for key, _, _, within in split(value, marks) if key == "items"), marks) if marks else marks
    for item, line, within in _items(items, known, document.line):
        whole = _of_list(item, common)
        yield from _expanded(whole, Document(whole, line, within), source)


def _expect_objects(value: KubeObject, document: Document) -> None:
    """Refuse what the API server takes for a List and cannot read: in its own groups kinds that end so have `items`.

    Source: Kubernetes API conventions, "Types (Kinds)". An operator's own kind may be called so and be something else.
    """
    group, items = value["apiVersion"].rpartition("/")[0], value.get("items")
    reserved = "." not in group or group.endswith(".k8s.io") or group == GROUP
    if not reserved or not value["kind"].endswith("List") or items is None:
        return
    if not isinstance(items, list):
        raise _unlike(
            document, ("items",), f"items of the {value['kind']} is {_shown(items)}; allowed: a list of objects"
        )
    for number, item in enumerate(items):
        if not isinstance(item, dict):
            said = f"items[{number}] of the {value['kind']} is {_shown(item)}; allowed: an object"
            raise _unlike(document, ("items", number), said)


def _unlike(document: Document, steps: tuple[str | int, ...], said: str) -> SyntaxProblemError:
    line, column = locate(document.value, document.marks, steps) or (document.line, 0)
    return SyntaxProblemError(line, column, said)


def _shown(seen: Any) -> str:
    text = json.dumps(seen, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _items(items: list[Any], marks: Marks, line: int) -> Iterator[tuple[Any, int, Marks]]:
    """Yield each item of a List with the line on which it begins and the marks within it."""
    if not marks:
        yield from ((item, line, marks) for item in items)
        return
    for _, item, at, within in split(items, marks):
        yield item, position(at)[0], within


def _of_list(item: Any, common: KubeObject) -> Any:
    """Return an item of a typed List with the kind that the List has: the API server leaves it out of the items."""
    if not isinstance(item, dict) or not common["kind"]:
        return item
    # At the end, so that the marks, which are counted from the start, stay true.
    return {**item, **{key: value for key, value in common.items() if key not in item}}

"""YAML as `kubectl` reads it, with the line of every object, and nothing that a hostile file could make expensive.

The parser's events are put together here instead of by PyYAML's constructor, which reads dates and base-60 numbers that
Kubernetes keeps as text, lets a later key overwrite an earlier one, and follows aliases without counting. Scalars follow
go-yaml v2, which `kubectl` uses through `sigs.k8s.io/yaml`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from bartizan.errors import BartizanError

MAX_ALIASED: Final = 100_000
"""How many values the aliases of a file may stand for together; go-yaml grows wary at 400,000."""
MAX_DEPTH: Final = 200
"""How deep collections may lie within each other; a CustomResourceDefinition stays below 80."""
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_STANDARD: Final = "tag:yaml.org,2002:"
_CONSTANTS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "true", "True", "TRUE"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9_]*|0[0-7_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|0b[01_]+)")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


class SyntaxProblemError(BartizanError):
    """A text is not what it should be at `line` and `column`, both counted from 1."""

    def __init__(self, line: int, column: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Document:
    """One document: its value, and the lines on which it and its `items` begin."""

    value: Any
    line: int
    items: tuple[int, ...] = ()


@dataclass(slots=True)
class _Open:
    """A collection that is being read."""

    value: Any
    line: int
    anchor: str | None
    size: int = 1
    key: Any = None
    keyed: bool = False
    merges: list[Any] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    """Where the entries of a list begin."""


def documents(text: str) -> Iterator[Document]:
    """Yield the documents of a YAML text.

    Raises:
        SyntaxProblemError: the text is not YAML, repeats a key, or its aliases or depth go beyond the bounds.
    """
    try:
        yield from _Reader().read(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise SyntaxProblemError(
            line, column, f"not YAML: {error.problem or error.context}{_tab(text, line)}"
        ) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SyntaxProblemError(line, 1, f"not YAML: {error.reason}") from None


def _tab(text: str, line: int) -> str:
    lines = text.splitlines()
    indent = lines[line - 1][: len(lines[line - 1]) - len(lines[line - 1].lstrip())] if line <= len(lines) else ""
    return "; indent with spaces, not with a tab" if "\t" in indent else ""


class _Reader:
    """Puts events together; the stack is its own, so that depth costs no recursion."""

    def __init__(self) -> None:
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._aliased = 0
        self._root: Any = None
        self._items: tuple[int, ...] = ()

    def read(self, text: str) -> Iterator[Document]:
        """Yield documents."""
        line = 1
        for event in yaml.parse(text, Loader=_LOADER):
            if isinstance(event, yaml.ScalarEvent):
                self._put(_scalar(event), 1, event)
            elif isinstance(event, yaml.MappingStartEvent):
                self._begin({}, event)
            elif isinstance(event, yaml.SequenceStartEvent):
                self._begin([], event)
            elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
                self._end(event)
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event)
            elif isinstance(event, yaml.DocumentStartEvent):
                self._root, self._items, self._anchors = None, (), {}
                line = 0
            elif isinstance(event, yaml.DocumentEndEvent):
                yield Document(self._root, line, self._items)
            if not line and not isinstance(event, yaml.DocumentStartEvent):
                line = _line(event)

    def _begin(self, value: Any, event: Any) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise _problem(event, f"collections lie deeper than {MAX_DEPTH} in each other")
        if self._stack and isinstance(self._stack[-1].value, dict) and not self._stack[-1].keyed:
            raise _problem(event, "a key must be text; quote what begins with { or [")
        if event.anchor:
            self._anchors.pop(event.anchor, None)
        self._stack.append(_Open(value, event.start_mark.line + 1, event.anchor))

    def _end(self, event: Any) -> None:
        done = self._stack.pop()
        for merged in done.merges:
            for key, value in merged.items():
                done.value.setdefault(key, value)
        if done.anchor:
            self._anchors[done.anchor] = (done.value, done.size)
        if len(self._stack) == 1 and self._stack[0].key == "items" and isinstance(done.value, list):
            self._items = tuple(done.lines)
        self._put(done.value, done.size, event, line=done.line)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            raise _problem(event, f"alias *{event.anchor} has no anchor before it, or lies within it")
        value, size = self._anchors[event.anchor]
        self._aliased += size
        if self._aliased > MAX_ALIASED:
            raise _problem(event, f"aliases stand for more than {MAX_ALIASED} values")
        self._put(value, size, event)

    def _put(self, value: Any, size: int, event: Any, *, line: int = 0) -> None:
        """Add a value to the collection that is open."""
        if not self._stack:
            self._root = value
            return
        anchor = getattr(event, "anchor", None)
        if anchor and isinstance(event, yaml.ScalarEvent):
            self._anchors[anchor] = (value, 1)
        top = self._stack[-1]
        top.size += size
        if isinstance(top.value, list):
            top.value.append(value)
            if len(self._stack) == 2:
                top.lines.append(line or event.start_mark.line + 1)
        elif not top.keyed:
            top.key, top.keyed = _key(value, event), True
        else:
            top.keyed = False
            _assign(top, value, event)


def _line(event: Any) -> int:
    line: int = event.start_mark.line
    return line + 1


def _assign(top: _Open, value: Any, event: Any) -> None:
    if top.key is _MERGE:
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, dict) for part in parts):
            raise _problem(event, "<< takes a mapping or a list of mappings")
        top.merges += parts
        return
    if top.key in top.value:
        raise _problem(event, f"key {top.key!r} stands here twice")
    top.value[top.key] = value


_MERGE: Final = object()


def _key(value: Any, event: Any) -> Any:
    """Return a mapping's key as JSON has it: text."""
    if isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]:
        return _MERGE
    if isinstance(value, dict | list):
        raise _problem(event, "a key must be text")
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else "null" if value is None else str(value)


def _scalar(event: Any) -> Any:
    """Return what a scalar means: quoted or tagged as text it is text, plain it is what go-yaml takes it for."""
    text: str = event.value
    tag = event.tag
    if tag is not None and tag != "!":
        return _plain(text) if tag.startswith(_STANDARD) and not tag.endswith((":str", ":binary")) else text
    return _plain(text) if event.implicit[0] and tag is None else text


def _plain(text: str) -> Any:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text[0] not in "0123456789+-.":
        return text
    if _INTEGER.fullmatch(text):
        return _integer(text.replace("_", ""))
    return float(text) if _FLOAT.fullmatch(text) else text


def _integer(text: str) -> int:
    digits = text.lstrip("+-")
    octal = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
    return int(text, 8) if octal else int(text, 0)


def _problem(event: Any, text: str) -> SyntaxProblemError:
    return SyntaxProblemError(event.start_mark.line + 1, event.start_mark.column + 1, text)

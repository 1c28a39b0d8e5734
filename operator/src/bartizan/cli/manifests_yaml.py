"""YAML as `kubectl` reads it, with the line of every object, and nothing that a hostile file could make expensive.

The parser's events are put together here instead of by PyYAML's constructor, which reads dates and base-60 numbers that
Kubernetes keeps as text, lets a later key overwrite an earlier one, and follows aliases without counting. Scalars follow
go-yaml v2, which `kubectl` uses through `sigs.k8s.io/yaml`.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from bartizan.cli.manifests_marks import COLUMN_BITS, WIDEST, Marks, count, no_marks, split
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
}
_UNFIT: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
"""Numbers in YAML that are none in JSON."""
NO_NUMBER: Final = "is no number that JSON has; write a finite one, or quote it where text is meant"
_KEYS: Final[dict[str, str]] = {}
"""Plain keys that have been read, by their text: the same few hundred words make up all manifests."""
_MOST_KEYS: Final = 10_000
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9_]*|0[0-7_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|0b[01_]+)")
_MOST_BITS: Final = 1023
"""Of an integer that every float can reach."""
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


class SyntaxProblemError(BartizanError):
    """A text is not what it should be at `line` and `column`, both counted from 1."""

    def __init__(self, line: int, column: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Document:
    """One document: its value, the line on which it begins, and where everything in it stands."""

    value: Any
    line: int
    marks: Marks
    unfit: SyntaxProblemError | None = None
    """The first thing in it that JSON cannot say, and so no API server takes."""


@dataclass(slots=True)
class _Open:
    """A collection that is being read."""

    value: Any
    anchor: str | None
    begin: int
    """How many marks there were before its own."""
    is_mapping: bool
    size: int = 1
    key: Any = None
    keyed: bool = False
    merges: list[tuple[Any, Marks]] = field(default_factory=list)


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
        self._anchors: dict[str, tuple[Any, int, Marks]] = {}
        self._aliased = 0
        self._root: Any = None
        self._marks = no_marks()
        self._unfit: SyntaxProblemError | None = None

    def read(self, text: str) -> Iterator[Document]:
        """Yield documents."""
        line = 1
        take = _LOADER(text).get_event
        while (kind := type(event := take())) is not yaml.StreamEndEvent:
            if kind is yaml.ScalarEvent:
                self._scalar(event)
            elif kind is yaml.MappingStartEvent:
                self._begin({}, event)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self._end(event)
            elif kind is yaml.SequenceStartEvent:
                self._begin([], event)
            elif kind is yaml.AliasEvent:
                self._alias(event)
            elif kind is yaml.DocumentStartEvent:
                self._root, self._marks, self._anchors, self._unfit = None, no_marks(), {}, None
                line = 0
                continue
            elif kind is yaml.DocumentEndEvent:
                yield Document(self._root, line, self._marks, self._unfit)
            if not line:
                line = event.start_mark.line + 1

    def _scalar(self, event: Any) -> None:
        """Add a scalar; most of them are keys that have been seen before, which are not looked at twice."""
        if self._stack and not (top := self._stack[-1]).keyed and top.is_mapping and not event.anchor:
            text = event.value
            key = _KEYS.get(text) if event.implicit[0] else None
            if key is None:
                key = _key(_scalar(event), event)
                if event.implicit[0] and key is not _MERGE and len(_KEYS) < _MOST_KEYS:
                    _KEYS[text] = key
            top.key, top.keyed = key, True
            top.size += 1
            self._mark(event)
        else:
            value = _scalar(event)
            if type(value) is float and not math.isfinite(value) and not self._unfit:
                self._unfit = _problem(event, f"cannot be read: {event.value} {NO_NUMBER}")
            self._put(value, 1, event)

    def _begin(self, value: Any, event: Any) -> None:
        stack = self._stack
        if stack:
            if len(stack) >= MAX_DEPTH:
                raise _problem(event, f"collections lie deeper than {MAX_DEPTH} in each other")
            if not stack[-1].is_mapping:
                self._mark(event)
            elif not stack[-1].keyed:
                raise _problem(event, "a key must be text; quote what begins with { or [")
        if event.anchor:
            self._anchors.pop(event.anchor, None)
        stack.append(_Open(value, event.anchor, len(self._marks), type(value) is dict))

    def _mark(self, event: Any) -> None:
        at = event.start_mark
        column = at.column + 1
        self._marks.append((at.line + 1) << COLUMN_BITS | min(column, WIDEST))

    def _end(self, event: Any) -> None:
        done = self._stack.pop()
        for merged, marks in done.merges:
            for key, value, at, within in split(merged, marks):
                if key not in done.value:
                    done.value[key] = value
                    self._marks.append(at)
                    self._marks.extend(within)
        if done.anchor:
            self._anchors[done.anchor] = (done.value, done.size, self._marks[done.begin :])
        self._put(done.value, done.size, event)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self._anchors:
            raise _problem(event, f"alias *{event.anchor} has no anchor before it, or lies within it")
        value, size, marks = self._anchors[event.anchor]
        self._aliased += size
        if self._aliased > MAX_ALIASED:
            raise _problem(event, f"aliases stand for more than {MAX_ALIASED} values")
        if self._stack and not self._stack[-1].is_mapping:
            self._mark(event)
        self._marks.extend(marks)
        self._put(value, size, event)

    def _put(self, value: Any, size: int, event: Any) -> None:
        """Add a value to the collection that is open."""
        scalar = type(event) is yaml.ScalarEvent
        if scalar and event.anchor:
            self._anchors[event.anchor] = (value, 1, no_marks())
        if not self._stack:
            self._root = value
            return
        top = self._stack[-1]
        top.size += size
        if not top.is_mapping:
            if scalar:
                self._mark(event)
            top.value.append(value)
        elif not top.keyed:
            top.key, top.keyed = _key(value, event), True
            self._mark(event)
        else:
            top.keyed = False
            self._assign(top, value, event)

    def _assign(self, top: _Open, value: Any, event: Any) -> None:
        if top.key is _MERGE:
            self._merge(top, value, event)
        elif top.key in top.value:
            raise _problem(event, f"key {top.key!r} stands here twice")
        else:
            top.value[top.key] = value

    def _merge(self, top: _Open, value: Any, event: Any) -> None:
        """Take what `<<` brings out of the marks: it stands at the end of its mapping, where the text has it elsewhere."""
        parts = value if isinstance(value, list) else [value]
        if not all(isinstance(part, dict) for part in parts):
            raise _problem(event, "<< takes a mapping or a list of mappings")
        begin = len(self._marks) - count(value)
        within = self._marks[begin:]
        del self._marks[begin - 1 :]
        top.merges += (
            [(value, within)] if value is not parts else [(part, own) for _, part, _, own in split(parts, within)]
        )


_MERGE: Final = object()


def _key(value: Any, event: Any) -> Any:
    """Return a mapping's key as JSON has it: text."""
    if value == "<<" and type(event) is yaml.ScalarEvent and event.implicit[0]:
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
        return _integer(text)
    if _UNFIT.fullmatch(text):
        return float(text.replace(".", ""))
    return _float(text) if _FLOAT.fullmatch(text) else text


def _integer(text: str) -> int | str:
    """Return the integer, or the text where go-yaml finds no number: no digit after 0x, or more than a float reaches."""
    plain = text.replace("_", "")
    digits = plain.lstrip("+-")
    octal = len(digits) > 1 and digits[0] == "0" and digits[1].isdigit()
    try:
        value = int(plain, 8) if octal else int(plain, 0)
    except ValueError:
        return text
    return value if value.bit_length() <= _MOST_BITS else text


def _float(text: str) -> float | str:
    """Return the float, or the text where it is beyond all floats: `12e4567`, a commit's name, is text for go-yaml."""
    value = float(text)
    return value if math.isfinite(value) else text


def _problem(event: Any, text: str) -> SyntaxProblemError:
    return SyntaxProblemError(event.start_mark.line + 1, event.start_mark.column + 1, text)

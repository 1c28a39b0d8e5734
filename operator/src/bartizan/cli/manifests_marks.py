"""Where every field of an object stands in its file, in one number per field.

A tree of positions would weigh more than the objects. So the reader notes one number for each entry of a mapping and each item
of a list, in the order of the text; whoever looks for a field counts the entries before it. Ten thousand Deployments cost ten
megabytes, and nothing is counted where nothing is found.
"""

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any, Final, TypeAlias

Marks: TypeAlias = "array[int]"
"""One number per entry: line and column, both counted from 1."""

COLUMN_BITS: Final = 16
"""How many bits of a mark are the column; what stands further right counts as `WIDEST`."""
WIDEST: Final = (1 << COLUMN_BITS) - 1
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def no_marks() -> Marks:
    """Return an empty list of marks."""
    return array("Q")


def mark(line: int, column: int) -> int:
    """Return a position as one number."""
    return line << COLUMN_BITS | min(column, WIDEST)


def position(one: int) -> tuple[int, int]:
    """Return line and column."""
    return one >> COLUMN_BITS, one & WIDEST


def count(value: Any) -> int:
    """Return how many entries and items a value holds, at every depth."""
    if isinstance(value, dict):
        return len(value) + sum(count(part) for part in value.values() if isinstance(part, dict | list))
    if isinstance(value, list):
        return len(value) + sum(count(part) for part in value if isinstance(part, dict | list))
    return 0


def split(value: Any, marks: Marks) -> Iterator[tuple[Any, Any, int, Marks]]:
    """Yield key, value, mark and the marks within, for each entry of a mapping or item of a list."""
    at = 0
    for key, part in value.items() if isinstance(value, dict) else enumerate(value):
        size = count(part)
        yield key, part, marks[at], marks[at + 1 : at + 1 + size]
        at += 1 + size


def locate(value: Any, marks: Marks, steps: Sequence[str | int]) -> tuple[int, int] | None:
    """Return where a field stands, or the nearest thing around it that does; None if not even that is in the text."""
    found, at = None, 0
    for step in steps:
        if not isinstance(value, dict | list):
            break
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            if key == step and at < len(marks):
                found, value, at = marks[at], part, at + 1
                break
            at += 1 + count(part)
        else:
            break
    return None if found is None else position(found)


def json_tokens(text: str, begin: int, end: int) -> Iterator[re.Match[str]]:
    """Yield strings, signs and words between two offsets; the text is known to be JSON."""
    yield from _TOKEN.finditer(text, begin, end)


def json_marks(text: str, begin: int, end: int) -> Marks:
    """Return the marks of the JSON value between two offsets; the text is known to be JSON."""
    starts = [match.end() for match in re.finditer("\n", text)]
    marks = no_marks()
    open_: list[str] = []
    entry = False
    for token in json_tokens(text, begin, end):
        word = token[0]
        if word in "]}":
            open_.pop()
            entry = False
            continue
        if entry and word not in {",", ":"}:
            at = token.start()
            row = bisect_right(starts, at)
            marks.append(mark(row + 1, at - (starts[row - 1] if row else 0) + 1))
            entry = False
        if word in "[{":
            open_.append(word)
            entry = True
        elif word == ",":
            entry = True
    return marks

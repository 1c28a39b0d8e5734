"""JSON with the line of every object, and what it holds that no API server takes although Python's decoder does.

Python reads NaN, Infinity, numbers beyond every float and halves of surrogate pairs. None of them can be written as JSON again,
so they are named where they stand. They are said of a document, not raised: in a file that is no manifest they harm nobody.
"""

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final

from bartizan.cli.manifests_marks import json_marks, json_tokens, no_marks
from bartizan.cli.manifests_yaml import NO_NUMBER, Document, SyntaxProblemError

_LONG: Final = re.compile(r"[0-9]{309}")
"""The digits of an integer that no float reaches."""
_ESCAPE: Final = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)")
"""Any escape; halves of a surrogate pair that stand alone are a group."""
_SHOWN: Final = 40


def json_documents(text: str, *, marks: bool) -> Iterator[Document]:
    """Yield the values of a JSON text, which may hold several.

    Raises:
        SyntaxProblemError: the text is not JSON, repeats a key, or is too deep.
    """
    unfit: list[str] = []
    decoder = _decoder(text, unfit)
    at = 0
    while (at := _skip_space(text, at)) < len(text):
        line = text.count("\n", 0, at) + 1
        begin = at
        unfit.clear()
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise SyntaxProblemError(error.lineno, error.colno, f"not JSON: {error.msg}") from None
        except RecursionError:
            raise SyntaxProblemError(line, 1, "collections lie too deep in each other") from None
        except _RepeatedKeyError as error:
            raise SyntaxProblemError(line, 1, f"key {error} stands twice in one object") from None
        problem = _number(text, begin, at, unfit[0]) if unfit else _surrogate(text, begin, at)
        yield Document(value, line, json_marks(text, begin, at) if marks else no_marks(), problem)


def _decoder(text: str, unfit: list[str]) -> json.JSONDecoder:
    """Return a decoder that notes numbers which are none in `unfit`; integers are looked at only where a long one stands."""

    def constant(word: str) -> float:
        unfit.append(word)
        return 0.0

    def real(word: str) -> float:
        value = float(word)
        return value if math.isfinite(value) else constant(word)

    def integer(word: str) -> float:
        return int(word) if len(word) < 309 else real(word)

    return json.JSONDecoder(
        object_pairs_hook=_without_repeats,
        parse_constant=constant,
        parse_float=real,
        parse_int=integer if _LONG.search(text) else None,
    )


def _number(text: str, begin: int, end: int, word: str) -> SyntaxProblemError:
    at = next(token.start() for token in json_tokens(text, begin, end) if token[0] == word)
    shown = word if len(word) <= _SHOWN else f"{word[:_SHOWN]}…"
    return _problem(text, at, f"cannot be read: {shown} {NO_NUMBER}")


def _surrogate(text: str, begin: int, end: int) -> SyntaxProblemError | None:
    for escape in _ESCAPE.finditer(text, begin, end):
        if escape[1]:
            return _problem(
                text,
                escape.start(),
                f"cannot be read: {escape[0]} is half of a surrogate pair and no character; write the character itself, "
                "or both halves",
            )
    return None


def _problem(text: str, at: int, said: str) -> SyntaxProblemError:
    return SyntaxProblemError(text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at), said)


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

"""Go-style durations (`24h`, `1h30m`), because that is how every Kubernetes API spells time.

pydantic would read ISO 8601; users of Kubernetes write what `time.ParseDuration` of Go accepts.
"""

import re
from datetime import timedelta
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_UNITS: Final = {
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
_PART: Final = re.compile(r"(\d+)(ms|h|m|s)")
PATTERN: Final = r"^([0-9]+(ms|h|m|s))+$"
_LENGTH: Final = 32


def parse_duration(text: object) -> timedelta:
    """Return the span a Go-style duration names.

    Raises:
        ValueError: the text is not one or more of `<digits>(h|m|s|ms)` without signs, fractions or spaces, or names a span
            that no `timedelta` holds.
    """
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or len(text) > _LENGTH or not re.fullmatch(PATTERN, text):
        raise ValueError(f"not a duration: {text!r}; write digits with a unit, as in 24h, 1h30m or 90s")
    try:
        return sum((int(number) * _UNITS[unit] for number, unit in _PART.findall(text)), timedelta())
    except OverflowError:
        raise ValueError(f"not a duration: {text!r} is longer than {timedelta.max.days} days") from None


def format_duration(span: timedelta) -> str:
    """Return the shortest Go-style spelling of a span of whole milliseconds (`parse_duration` reads it back)."""
    rest = span // timedelta(milliseconds=1)
    parts = []
    for unit, size in (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": PATTERN, "maxLength": _LENGTH}),
]
"""A span of time, spelled the Go way in JSON and YAML."""

"""Findings that somebody has accepted, so that an old repository can begin today and fail on what is new.

The file is what `bartizan check --output json` printed on that day: no form of its own to learn, and a diff of it says what
was accepted since. Findings are known again by check, object, field and value, however their lines have moved; two alike count
twice.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from bartizan.core.findings.finding import Finding, Severity
from bartizan.errors import BartizanError

_TEXTS = ("check", "kind", "namespace", "name", "path")


class BaselineFileError(BartizanError):
    """The baseline file cannot be used; the message says why and how to make one."""


def read_accepted(path: Path) -> Counter[tuple[str, ...]]:
    """Return how often each finding is accepted.

    Raises:
        BaselineFileError: the file cannot be read, or holds something else.
    """
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
        return Counter(_identity(entry) for entry in content["findings"])
    except OSError as error:
        raise BaselineFileError(f"--baseline-file {path} cannot be read: {error.strerror}; {_HOW}") from None
    except (ValueError, KeyError, TypeError):
        raise BaselineFileError(
            f"--baseline-file {path} is not what bartizan check --output json prints; {_HOW}"
        ) from None


_HOW = "make it with bartizan check … --output json > FILE"


def _identity(entry: dict[str, Any]) -> tuple[str, ...]:
    if not all(isinstance(entry[name], str) for name in _TEXTS):
        raise TypeError(entry)
    return Finding(
        **{name: entry[name] for name in _TEXTS},
        title="",
        severity=Severity.LOW,
        message="",
        fix="",
        container=entry["container"] or "",
        value=entry["value"],
    ).identity

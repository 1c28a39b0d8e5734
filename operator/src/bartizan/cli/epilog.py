"""What every verb's help ends with, in one shape: examples that can be pasted, and what the exit code means."""

from collections.abc import Mapping, Sequence
from typing import Final

_VERBATIM: Final = "\b\n"
"""Ahead of a paragraph it tells the help formatter to leave the lines as they are."""


def epilog(*, examples: Sequence[str], exit_codes: Mapping[int, str]) -> str:
    """Return the end of a help text: one example and one exit code per line."""
    shown = "\n".join(f"  {line}" for line in examples)
    codes = "\n".join(f"  {code}  {meaning}" for code, meaning in sorted(exit_codes.items()))
    return f"{_VERBATIM}Examples:\n{shown}\n\n{_VERBATIM}Exit codes:\n{codes}"

"""The one line a refusal consists of.

The API server drops a message that is longer than 5 KiB or holds a line break, and the user would read "failed expression"
instead; so the line is cut well before, by characters where all are ASCII and by a quarter of that where they may be wider.
"""

from collections.abc import Sequence
from typing import Final

from bartizan.core.checks.finding import Violation

LONGEST_ASCII: Final = 4096
"""Characters kept of a line that is all ASCII."""
LONGEST_OTHER: Final = 1024
"""Characters kept of any other line: each may take four bytes."""


def denial(kind: str, policies: Sequence[str], violations: Sequence[Violation]) -> str:
    """Return what the API server answers when it refuses; `policies` are the names of those that select the pod."""
    subject = "pod" if kind == "Pod" else kind
    named = [f'"{name}"' for name in sorted(policies)]
    if not named:
        head = " refused (no policy covers it): "
    elif len(named) == 1:
        head = f" refused by policy {named[0]}: "
    else:
        head = f" refused by policies {', '.join(named)}: "
    line = f"bartizan: {subject}{head}" + "; ".join(violation.text for violation in violations)
    line = line.replace("\n", " ").replace("\r", " ")
    longest = LONGEST_ASCII if line.isascii() else LONGEST_OTHER
    return f"{line[:longest]}… ({len(violations)} violations)" if len(line) > longest else line

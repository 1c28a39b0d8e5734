"""The one line a refusal consists of.

The API server drops a message that is longer than 5 KiB or holds a line break, and the user would read "failed expression"
instead; so the line is cut well before, by characters where all are ASCII and by a quarter of that where they may be wider.
"""

from collections.abc import Sequence
from typing import Final

from bartizan.core.checks.finding import Violation

REFUSED: Final = "refused"
WOULD_BE_REFUSED: Final = "would be refused"
"""Said where nothing is refused: in namespaces that only warn, and of templates whose pods will be."""
LONGEST_ASCII: Final = 4096
"""Characters kept of a line that is all ASCII."""
LONGEST_OTHER: Final = 1024
"""Characters kept of any other line: each may take four bytes."""


def line(kind: str, verdict: str, policies: Sequence[str] | None, violations: Sequence[Violation]) -> str:
    """Return what the API server says of an object; `policies` select its pod, None where they are not looked at."""
    named = [f'"{name}"' for name in sorted(policies or ())]
    if policies is None:
        by = ""
    elif not named:
        by = " (no policy covers it)"
    else:
        by = f" by policy {named[0]}" if len(named) == 1 else f" by policies {', '.join(named)}"
    text = f"bartizan: {subject(kind, verdict)} {verdict}{by}: "
    text += "; ".join(violation.text for violation in violations)
    text = text.replace("\n", " ").replace("\r", " ")
    longest = LONGEST_ASCII if text.isascii() else LONGEST_OTHER
    return f"{text[:longest]}… ({len(violations)} violations)" if len(text) > longest else text


def subject(kind: str, verdict: str) -> str:
    """Return whom the line speaks of: a workload that is let through is spoken of by its pods."""
    if kind == "Pod":
        return "pod"
    return f"{kind} pods" if verdict == WOULD_BE_REFUSED else kind

"""What a bench hands back, and how it stands in the document: a section that the next run of the same bench replaces."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "reference" / "benchmarks.md"
_HEAD = """# Benchmarks

Written by `python -m bench NAME --write`, which replaces that bench's section and no other. Not asserted anywhere: a number
depends on the machine and on what else it does, so date, machine, load and method stand with each. Where a limit was set, it is
named beside the numbers.
"""


@dataclass(frozen=True)
class Table:
    """One table: the head's cells, then rows of as many."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""

    def markdown(self) -> str:
        """Render it."""
        lines = ["| " + " | ".join(row) + " |" for row in (self.head, ("---",) * len(self.head), *self.rows)]
        return "\n".join([f"{self.caption}\n" if self.caption else "", *lines]).strip() + "\n"


@dataclass(frozen=True)
class Result:
    """One bench's outcome: what was done in words, what came out in tables, what the numbers do not say."""

    name: str
    title: str
    method: str
    tables: tuple[Table, ...]
    remarks: tuple[str, ...] = field(default=())


def section(result: Result, where: str) -> str:
    """Render the section of a bench between its marks; `where` says date, machine, versions and load."""
    body = [
        f"<!-- bench {result.name} -->",
        f"## {result.title}",
        f"{result.method}",
        f"*{where}*",
        *(table.markdown().rstrip() for table in result.tables),
        *(["\n".join("- " + remark for remark in result.remarks)] if result.remarks else []),
        f"<!-- end {result.name} -->",
    ]
    return "\n\n".join(body) + "\n"


def put(text: str, name: str, written: str) -> str:
    """Return the document with the bench's section replaced, or added at the end if it has none."""
    text = text or _HEAD
    mark = re.compile(rf"<!-- bench {name} -->.*?<!-- end {name} -->\n", re.DOTALL)
    if mark.search(text):
        return mark.sub(lambda _: written, text, count=1)
    return text.rstrip() + "\n\n" + written


def write(result: Result, where: str, document: Path = DOCUMENT) -> None:
    """Put the result into the document."""
    before = document.read_text(encoding="utf-8") if document.exists() else ""
    document.write_text(put(before, result.name, section(result, where)), encoding="utf-8")


def today() -> str:
    """Return the date, as the document writes it."""
    return date.today().isoformat()  # noqa: DTZ011 -- the reader's calendar

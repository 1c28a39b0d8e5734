"""Findings as a person reads them: by object, worst first, with the line in question, what is wrong and how to mend it."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from typing import Final

from bartizan.cli.checking.report import Located, Report
from bartizan.cli.manifests import text_of
from bartizan.cli.manifests_folders import STDIN
from bartizan.cli.manifests_yaml import SyntaxProblemError
from bartizan.core.findings.finding import Severity
from bartizan.core.network.graph_text import Paint, Tone

_TONES: Final[dict[Severity, Tone]] = {
    Severity.CRITICAL: "bad",
    Severity.HIGH: "bad",
    Severity.MEDIUM: "waiting",
    Severity.LOW: "quiet",
}
_WORD: Final = re.compile(r'"[^"]*"|\'[^\']*\'|[^\s:,\]}]+')
_WIDEST: Final = 110


class Text:
    """Renders a report; `texts` holds what came by standard input, which cannot be read again."""

    def __init__(self, paint: Paint, texts: dict[str, str]) -> None:
        self._paint = paint
        self._texts = texts
        self._lines = cache(self._lines_of)

    def render(self, report: Report) -> str:
        """Return everything that is to be shown on standard output."""
        lines: list[str] = []
        for (title, file), group in groupby(
            report.counted, key=lambda one: (one.finding.title_of_object, one.place.file)
        ):
            lines += [f"{self._paint('title', title)}  {self._paint('quiet', file)}"]
            for one in sorted(group, key=lambda one: -one.finding.severity.rank):
                lines += self._finding(one)
            lines.append("")
        lines.append(self._summary(report))
        return "\n".join(lines) + "\n"

    def _finding(self, one: Located) -> Iterator[str]:
        found = one.finding
        word = self._paint(_TONES[found.severity], found.severity.value)
        at = f":{one.place.line}:{one.place.column}" if one.place.line else ""
        yield f"  {word} {self._paint('title', found.check)} {found.title}" + (
            f"  {self._paint('quiet', one.place.file + at)}" if at else ""
        )
        yield from self._excerpt(one)
        yield f"    {found.message}"
        yield f"    {self._paint('good', 'fix')}: {found.fix}"
        for line in found.snippet.splitlines():
            yield f"      {self._paint('good', line)}"

    def _excerpt(self, one: Located) -> Iterator[str]:
        """Yield the line in question, the one before it, and a caret under the field."""
        place = one.place
        lines = self._lines(place.file) if place.line else []
        if not 0 < place.line <= len(lines):
            return
        wide = len(str(place.line))
        for number in range(max(1, place.line - 1), place.line + 1):
            yield f"    {number:>{wide}} │ {self._cut(lines[number - 1])}"
        word = _WORD.match(lines[place.line - 1], max(0, place.column - 1))
        if place.column and place.column <= _WIDEST:
            carets = "^" * max(1, min(len(word[0]) if word else 1, _WIDEST - place.column))
            yield f"    {'':>{wide}} │ {' ' * (place.column - 1)}{self._paint(_TONES[one.finding.severity], carets)}"

    def _cut(self, line: str) -> str:
        """Return a line without tabs and control characters, and not longer than a screen is wide."""
        plain = "".join(char if char.isprintable() else " " for char in line)
        return plain if len(plain) <= _WIDEST else f"{plain[:_WIDEST]}…"

    def _lines_of(self, file: str) -> list[str]:
        if file == STDIN:
            return self._texts.get(STDIN, "").splitlines()
        try:
            return text_of(file).splitlines()
        except (OSError, SyntaxProblemError):
            return []

    def _summary(self, report: Report) -> str:
        judged = f"{_many(len(report.objects), 'object')} in {_many(report.files, 'file')} judged"
        waived = len(report.findings) - len(report.counted)
        accepted = f", {waived} accepted" if waived else ""
        if not report.counted:
            return f"{self._paint('good', 'no findings')}: {judged}{accepted}"
        counts = [
            self._paint(_TONES[one], f"{count} {one.value}")
            for one in Severity
            if (count := sum(found.finding.severity is one for found in report.counted))
        ]
        return f"{_many(len(report.counted), 'finding')} ({', '.join(counts)}): {judged}{accepted}"


def _many(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"

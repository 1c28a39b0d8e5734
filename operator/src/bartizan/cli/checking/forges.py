"""Findings as code hosts take them from a job: GitHub's workflow commands, GitLab's Code Quality report."""

import json
from typing import Final

from bartizan.cli.checking.report import Located, Report
from bartizan.cli.manifests import Place
from bartizan.core.findings.finding import Severity

_GITHUB: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "notice",
}
_GITLAB: Final = {
    Severity.CRITICAL: "blocker",
    Severity.HIGH: "critical",
    Severity.MEDIUM: "major",
    Severity.LOW: "minor",
}


def github(report: Report) -> str:
    """Return a workflow command per finding and per file that cannot be read; each becomes an annotation."""
    lines = [_annotation(one) for one in report.counted]
    lines += [
        f"::error {_properties(one.place, 'bartizan cannot read it')}::{_message(one.message)}"
        for one in report.problems
    ]
    return "".join(f"{line}\n" for line in lines)


def gitlab(report: Report) -> str:
    """Return a Code Quality report; what no line is known of is shown at the first."""
    issues = [
        {
            "description": f"{one.finding.title_of_object}: {one.finding.message}; fix: {one.finding.fix}",
            "check_name": f"{one.finding.check} {one.finding.title}",
            "fingerprint": one.fingerprint,
            "severity": _GITLAB[one.finding.severity],
            "location": {"path": one.place.file.removeprefix("./"), "lines": {"begin": one.place.line or 1}},
        }
        for one in report.counted
    ]
    return json.dumps(issues, indent=2, ensure_ascii=False) + "\n"


def _annotation(one: Located) -> str:
    found = one.finding
    title = f"{found.check} {found.title}"
    message = f"{found.title_of_object}: {found.message}\nfix: {found.fix}"
    return f"::{_GITHUB[found.severity]} {_properties(one.place, title)}::{_message(message)}"


def _properties(place: Place, title: str) -> str:
    named = {"file": place.file, "line": place.line, "col": place.column, "title": title}
    return ",".join(f"{key}={_property(str(value))}" for key, value in named.items() if value)


def _message(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _message(value).replace(":", "%3A").replace(",", "%2C")

"""Findings as SARIF 2.1.0 (OASIS), which code hosts show beside the lines of a change."""

import json
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import quote

from bartizan import __version__
from bartizan.cli.checking.report import Located, Report
from bartizan.cli.manifests import Place
from bartizan.cli.manifests_folders import STDIN
from bartizan.core.findings.catalogue import INFOS, pss, severity
from bartizan.core.findings.finding import Severity

_LEVELS: Final = {
    Severity.CRITICAL: "error",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "note",
}
_SCORES: Final = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "2.0"}
"""What code hosts sort by (`security-severity`): the middle of each of their classes."""


def document(report: Report) -> dict[str, Any]:
    """Return the report as a SARIF log of one run."""
    ids = sorted({one.finding.check for one in report.findings})
    run = {
        "tool": {"driver": {"name": "bartizan", "version": __version__, "rules": [_rule(name) for name in ids]}},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": not report.problems,
                "toolExecutionNotifications": [
                    {"level": "error", "message": {"text": one.message}, "locations": [_location(one.place)]}
                    for one in report.problems
                ],
            }
        ],
        "results": [_result(one, ids.index(one.finding.check)) for one in report.findings],
    }
    schema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/schemas/sarif-schema-2.1.0.json"
    return {"$schema": schema, "version": "2.1.0", "runs": [run]}


def text(report: Report) -> str:
    """Return the report as SARIF text."""
    return json.dumps(document(report), indent=2, ensure_ascii=False) + "\n"


def uri(file: str) -> str:
    """Return a path as a URI reference: relative to where the command ran, with forward slashes."""
    if file == STDIN:
        return "stdin"
    path = quote(str(PurePosixPath(file)))
    return f"file://{path}" if file.startswith("/") else path


def _rule(name: str) -> dict[str, Any]:
    info = INFOS[name]
    tags = ["security", "kubernetes", *([f"pss/{pss(name)}"] if pss(name) else [])]
    said = f"{info.rationale} Fix: {info.fix}."
    return {
        "id": name,
        "name": info.title,
        "shortDescription": {"text": info.title},
        "fullDescription": {"text": info.rationale},
        "help": {"text": said, "markdown": f"{said}\n\nFields: " + ", ".join(f"`{field}`" for field in info.fields)},
        "defaultConfiguration": {"level": _LEVELS[severity(name)]},
        "properties": {"tags": tags, "security-severity": _SCORES[severity(name)]},
    }


def _result(one: Located, index: int) -> dict[str, Any]:
    found = one.finding
    name = "/".join(part for part in (found.kind, found.namespace, found.name) if part)
    where = {**_location(one.place), "logicalLocations": [{"fullyQualifiedName": name, "kind": "resource"}]}
    result = {
        "ruleId": found.check,
        "ruleIndex": index,
        "level": _LEVELS[found.severity],
        "message": {"text": f"{name}: {found.message}. Fix: {found.fix}."},
        "locations": [where],
        "partialFingerprints": {"bartizanFinding/v1": one.fingerprint},
        "properties": {"path": found.path, "severity": found.severity.value},
    }
    if one.waived:
        result["suppressions"] = [{"kind": "external", "justification": "accepted by the baseline file"}]
    return result


def _location(place: Place) -> dict[str, Any]:
    physical: dict[str, Any] = {"artifactLocation": {"uri": uri(place.file)}}
    if place.line:
        physical["region"] = {"startLine": place.line} | ({"startColumn": place.column} if place.column else {})
    return {"physicalLocation": physical}

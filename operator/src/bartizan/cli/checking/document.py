"""Findings as JSON: the contract for whoever builds on them, and its schema.

Fields are added, never renamed or taken away, within version 1 of the schema.
"""

import json
from collections import Counter
from typing import Any, Final

from bartizan.cli.checking.report import Located, Report
from bartizan.cli.manifests import Place
from bartizan.core.findings.finding import Severity

SCHEMA_FILE: Final = "findings.schema.json"
_TEXT: Final = {"type": "string"}
_MAYBE: Final = {"type": ["string", "null"]}
_COUNT: Final = {"type": "integer", "minimum": 0}
_LINE: Final = {"type": ["integer", "null"], "minimum": 1}
_FIELDS: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "check": (_TEXT, "The check's id; docs/reference/checks.md explains it."),
    "pss": (_MAYBE, "The id of the same check in Kubernetes' Pod Security Admission; null if it has none."),
    "severity": ({"enum": [one.value for one in Severity]}, "How bad it is."),
    "file": (_TEXT, "The file, as it was named or found; - is standard input."),
    "line": (_LINE, "Counted from 1; null where none is known, as in what helm or kustomize rendered."),
    "column": (_LINE, "Counted from 1, in characters; null where none is known."),
    "kind": (_TEXT, "The object's kind."),
    "namespace": (_TEXT, "The object's namespace; empty if it names none."),
    "name": (_TEXT, "The object's name; ends in * if the API server makes it up."),
    "container": (_MAYBE, "The container at fault; null if it is not one container."),
    "path": (_TEXT, "The field, with positions in lists counted from 0."),
    "value": (_MAYBE, "The value seen, shortened; null if the field is missing."),
    "message": (_TEXT, "What is wrong, and what is allowed."),
    "fix": (_TEXT, "What to do."),
    "waived": ({"type": "boolean"}, "Whether the baseline file accepts it: it does not make the run fail."),
}


def document(report: Report) -> dict[str, Any]:
    """Return the report as JSON."""
    counts = Counter(one.finding.severity.value for one in report.counted)
    return {
        "findings": [_finding(one) for one in report.findings],
        "summary": {
            "files": report.files,
            "objects": len(report.objects),
            "findings": len(report.counted),
            "waived": len(report.findings) - len(report.counted),
            "severities": {one.value: counts[one.value] for one in Severity},
            "problems": [{**_place(one.place), "message": one.message} for one in report.problems],
            "notes": list(report.notes),
        },
    }


def text(report: Report) -> str:
    """Return the report as JSON text."""
    return json.dumps(document(report), indent=2, ensure_ascii=False) + "\n"


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of what `document` returns."""
    problem = {"file": _TEXT, "line": _LINE, "column": _LINE, "message": _TEXT}
    summary = {
        "files": {**_COUNT, "description": "Files and folders that were read."},
        "objects": {**_COUNT, "description": "Objects that were judged."},
        "findings": {**_COUNT, "description": "Findings that are not waived."},
        "waived": {**_COUNT, "description": "Findings that are."},
        "severities": {
            **_object({one.value: _COUNT for one in Severity}),
            "description": "Findings that are not waived, by severity.",
        },
        "problems": {
            "type": "array",
            "items": _object(problem),
            "description": "What could not be read. If there is any, the exit code is 2.",
        },
        "notes": {"type": "array", "items": _TEXT, "description": "What had to be assumed, or was not judged."},
    }
    fields = {name: {**kind, "description": meaning} for name, (kind, meaning) in _FIELDS.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What `bartizan check --output json` prints, version 1",
        **_object({"findings": {"type": "array", "items": _object(fields)}, "summary": _object(summary)}),
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties}


def _finding(one: Located) -> dict[str, Any]:
    found = one.finding
    return {
        "check": found.check,
        "pss": found.pss or None,
        "severity": found.severity.value,
        **_place(one.place),
        "kind": found.kind,
        "namespace": found.namespace,
        "name": found.name,
        "container": found.container or None,
        "path": found.path,
        "value": found.value,
        "message": found.message,
        "fix": found.fix,
        "waived": one.waived,
    }


def _place(place: Place) -> dict[str, Any]:
    return {"file": place.file, "line": place.line or None, "column": place.column or None}

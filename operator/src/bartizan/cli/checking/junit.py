"""Findings as JUnit XML: a suite per file, a failed case per finding, a passed one per object that has none.

The form is what Jenkins, GitLab and the like read (pytest's and Jenkins' junit-10.xsd). XML has no word for most control
characters, so they are left out.
"""

import re
from collections import defaultdict
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from bartizan.cli.checking.report import Located, Report
from bartizan.cli.manifests import Problem

_UNSAYABLE: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text(report: Report) -> str:
    """Return the report as XML text; findings that are accepted are passed cases."""
    cases: dict[str, list[str]] = defaultdict(list)
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for one in report.counted:
        cases[one.place.file].append(_failed(one))
        counts[one.place.file][0] += 1
    for problem in report.problems:
        cases[problem.place.file].append(_error(problem))
        counts[problem.place.file][1] += 1
    bad = {(one.place.file, one.finding.title_of_object) for one in report.counted}
    for file, title in report.objects:
        if (file, title) not in bad:
            cases[file].append(f'    <testcase classname={_attribute(file)} name={_attribute(title)} time="0"/>')
    suites = []
    for file in sorted(cases):
        failures, errors = counts[file]
        suites += [
            (
                f'  <testsuite name={_attribute(file)} tests="{len(cases[file])}" failures="{failures}"'
                f' errors="{errors}" skipped="0" time="0">'
            ),
            *cases[file],
            "  </testsuite>",
        ]
    return "\n".join(
        ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites name="bartizan">', *suites, "</testsuites>\n"]
    )


def _failed(one: Located) -> str:
    found = one.finding
    name = f"{found.check} {found.title}: {found.title_of_object}"
    body = f"{one.place}\n{found.path}\n{found.message}\nfix: {found.fix}"
    return (
        f'    <testcase classname={_attribute(one.place.file)} name={_attribute(name)} time="0">'
        f"<failure type={_attribute(found.severity.value)} message={_attribute(found.message)}>{_body(body)}</failure>"
        "</testcase>"
    )


def _error(problem: Problem) -> str:
    return (
        f'    <testcase classname={_attribute(problem.place.file)} name="can be read" time="0">'
        f'<error type="unreadable" message={_attribute(problem.message)}>{_body(str(problem))}</error></testcase>'
    )


def _attribute(value: str) -> str:
    return quoteattr(_UNSAYABLE.sub("", value))


def _body(value: str) -> str:
    return escape(_UNSAYABLE.sub("", value))

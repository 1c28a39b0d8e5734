"""Each form tells the same findings, whole and escaped."""

import json
from collections import Counter
from pathlib import Path

import pytest

from bartizan.cli.checking import document, forges, junit, sarif
from bartizan.cli.checking.accepted import BaselineFileError, read_accepted
from bartizan.cli.checking.reference import files
from bartizan.cli.checking.report import Report, ordered
from bartizan.cli.checking.text import Text
from bartizan.cli.manifests import Place, Problem
from bartizan.core.findings.finding import Finding, Severity
from bartizan.core.network.graph_text import plain

ROOT = Path(__file__).parents[3]


def a_finding(name="web", **more):
    """A finding about a Deployment."""
    parts = {
        "check": "P-01", "title": "privileged", "severity": Severity.CRITICAL, "kind": "Deployment", "namespace": "shop",
        "name": name, "path": "spec.template.spec.containers[0].securityContext.privileged", "pss": "privileged",
        "message": 'container "a<b" sets it: 100%,\nreally', "fix": "remove it", "container": "a<b", "value": "true",
    }  # fmt: skip
    return Finding(**{**parts, **more})


def a_report(*findings, accepted=(), problems=(), objects=()):
    """A report; each finding is a pair with its place."""
    return Report(
        findings=ordered(findings, Counter(accepted)),
        problems=tuple(problems),
        objects=tuple(objects),
        files=2,
        notes=("so",),
    )


ONE = (a_finding(), Place("a dir/w:b.yaml", 7, 11))
LOW = (
    a_finding("db", check="N-04", title="ended", severity=Severity.LOW, pss="", container="", value=None),
    Place("chart"),
)
REPORT = a_report(
    ONE, LOW,
    problems=[Problem(Place("bad.yaml", 3, 2), "not YAML: \x07 & so on")],
    objects=[("a dir/w:b.yaml", "Deployment shop/web"), ("c.yaml", "Pod x")],
)  # fmt: skip


def test_json_is_the_contract():
    """Every field of the contract, null where nothing is known, and a summary."""
    told = document.document(REPORT)
    assert told["findings"][0] == {
        "check": "P-01", "pss": "privileged", "severity": "critical", "file": "a dir/w:b.yaml", "line": 7, "column": 11,
        "kind": "Deployment", "namespace": "shop", "name": "web", "container": "a<b",
        "path": "spec.template.spec.containers[0].securityContext.privileged", "value": "true",
        "message": 'container "a<b" sets it: 100%,\nreally', "fix": "remove it", "waived": False,
    }  # fmt: skip
    assert {key: told["findings"][1][key] for key in ("pss", "line", "column", "container", "value")} == dict.fromkeys(
        ("pss", "line", "column", "container", "value")
    )
    assert told["summary"] == {
        "files": 2, "objects": 2, "findings": 2, "waived": 0, "severities": {"critical": 1, "high": 0, "medium": 0, "low": 1},
        "problems": [{"file": "bad.yaml", "line": 3, "column": 2, "message": "not YAML: \x07 & so on"}], "notes": ["so"],
    }  # fmt: skip
    assert json.loads(document.text(REPORT)) == told


def test_the_committed_reference_is_current():
    """docs/reference has what `python -m bartizan.cli.checking.reference` writes."""
    assert {name: (ROOT / "docs/reference" / name).read_text() for name in files()} == files()


def test_github_annotations_are_escaped():
    """One line each; what GitHub reads as syntax is written as its escapes."""
    assert forges.github(REPORT).splitlines() == [
        '::error file=a dir/w%3Ab.yaml,line=7,col=11,title=P-01 privileged::Deployment shop/web: container "a<b" sets it: 100%25,%0Areally%0Afix: remove it',
        '::notice file=chart,title=N-04 ended::Deployment shop/db: container "a<b" sets it: 100%25,%0Areally%0Afix: remove it',
        "::error file=bad.yaml,line=3,col=2,title=bartizan cannot read it::not YAML: \x07 & so on",
    ]  # fmt: skip


def test_gitlab_issues_have_a_line_and_a_fingerprint():
    """Each issue has what GitLab demands: a description, a fingerprint of its own, a severity, a path and a first line."""
    issues = json.loads(forges.gitlab(REPORT))
    assert [(one["check_name"], one["severity"], one["location"]) for one in issues] == [
        ("P-01 privileged", "blocker", {"path": "a dir/w:b.yaml", "lines": {"begin": 7}}),
        ("N-04 ended", "minor", {"path": "chart", "lines": {"begin": 1}}),
    ]
    assert len({one["fingerprint"] for one in issues}) == 2


def test_sarif_has_rules_results_and_notifications():
    """A result points at its rule and its place; what cannot be read is told as a failed run."""
    (run,) = sarif.document(REPORT)["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["N-04", "P-01"]
    first = run["results"][0]
    assert (first["ruleId"], first["ruleIndex"], first["level"]) == ("P-01", 1, "error")
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "a%20dir/w%3Ab.yaml"}, "region": {"startLine": 7, "startColumn": 11},
    }  # fmt: skip
    assert "region" not in run["results"][1]["locations"][0]["physicalLocation"]
    assert run["invocations"][0]["executionSuccessful"] is False


URIS = {
    "a/b.yaml": "a/b.yaml",
    "./a/ü.yaml": "a/%C3%BC.yaml",
    "/abs/a b.yaml": "file:///abs/a%20b.yaml",
    "a\\b.yaml": "a%5Cb.yaml",
    "100%.yaml": "100%25.yaml",
    "-": "stdin",
}


@pytest.mark.parametrize(("file", "uri"), URIS.items())
def test_paths_become_uris(file, uri):
    """Relative paths stay relative; nothing in a name is taken for syntax."""
    assert sarif.uri(file) == uri


def test_junit_passes_what_has_no_finding():
    """A suite per file with its counts; a clean object is a passed case; no character that XML cannot hold."""
    text = junit.text(REPORT)
    assert '<testsuite name="a dir/w:b.yaml" tests="1" failures="1" errors="0"' in text
    assert '<testsuite name="bad.yaml" tests="1" failures="0" errors="1"' in text
    assert '<testcase classname="c.yaml" name="Pod x" time="0"/>' in text
    assert "\x07" not in text


def test_text_shows_the_line_with_a_caret(tmp_path):
    """Object, severity, check, the line and the one before, the message and the fix."""
    file = tmp_path / "a.yaml"
    file.write_text("spec:\n\tprivileged: true\n")
    report = a_report(
        (a_finding(message="is true", snippet="a: 1\nb: 2"), Place(str(file), 2, 2)), objects=[("f", "o")]
    )
    assert Text(plain, {}).render(report) == (
        f"Deployment shop/web  {file}\n"
        f"  critical P-01 privileged  {file}:2:2\n"
        "    1 │ spec:\n"
        "    2 │  privileged: true\n"
        "      │  ^^^^^^^^^^\n"
        "    is true\n"
        "    fix: remove it\n"
        "      a: 1\n"
        "      b: 2\n"
        "\n"
        "1 finding (1 critical): 1 object in 2 files judged\n"
    )


def test_text_of_standard_input_and_of_lost_files():
    """What was piped in is shown from memory; a file that is gone is told without its line."""
    report = a_report((a_finding(message="is"), Place("-", 1, 1)), (a_finding("b", message="is"), Place("/gone", 1, 1)))
    told = Text(plain, {"-": "privileged: true\n"}).render(report)
    assert ("1 │ privileged: true" in told, told.count("│")) == (True, 2)


def test_accepted_findings_are_known_again_when_lines_move(tmp_path):
    """Positions, lines and files may change; a second finding of the same kind is new."""
    before = tmp_path / "accepted.json"
    before.write_text(document.text(a_report(ONE)))
    moved = (a_finding(path="spec.template.spec.containers[3].securityContext.privileged"), Place("b.yaml", 99, 1))
    accepted = read_accepted(before)
    report = Report(findings=ordered([moved, (a_finding(), Place("c.yaml", 1, 1))], accepted))
    assert [one.waived for one in report.findings] == [True, False]
    assert [report.fails(least) for least in (Severity.CRITICAL, None)] == [True, False]
    assert "1 accepted" in Text(plain, {}).render(report)
    assert sarif.document(report)["runs"][0]["results"][0]["suppressions"][0]["kind"] == "external"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"findings": [{}]}', '{"findings": [1]}'])
def test_a_file_that_is_no_baseline_is_refused(tmp_path, text):
    """The error says how to make one."""
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(BaselineFileError, match="is not what bartizan check --output json prints; make it with"):
        read_accepted(tmp_path / "a.json")

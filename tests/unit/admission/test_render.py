"""The rendered admission objects: what they match, how they fail, and that the chart holds the same."""

import itertools
from pathlib import Path

import pytest
import yaml

from bartizan.cli.admission import chart_files, to_yaml
from bartizan.core.checks.reference import reference
from bartizan.core.checks.render import admission_objects
from bartizan.core.checks.settings import AdmissionSettings

ROOT = Path(__file__).parents[3]
CHART = ROOT / "charts" / "bartizan" / "templates" / "admission"
DEFAULTS = ("Off", "audit", "warn", "enforce")
LABELS = (None, "enforce", "warn", "audit", "off", "typo")


def objects(default="Off", **more):
    """All admission objects."""
    return admission_objects(
        AdmissionSettings(
            release_namespace="bartizan-system", controller_account="bartizan-controller", default=default, **more
        )
    )


def selected(selector, name, label):
    """Whether a namespace of that name and enforcement label is selected."""
    labels = {"kubernetes.io/metadata.name": name, **({"bartizan.dev/enforcement": label} if label else {})}
    return all(
        (labels.get(part["key"]) in part["values"]) is (part["operator"] == "In")
        for part in (selector or {}).get("matchExpressions", ())
    )


def meeting_pods(default, kind, name, label):
    """The policies of a kind that match pods of a namespace."""
    return [
        item["metadata"]["name"]
        for item in objects(default)
        if item["kind"] == kind
        and any("pods" in rule["resources"] for rule in item["spec"]["matchConstraints"]["resourceRules"])
        and selected(item["spec"]["matchConstraints"].get("namespaceSelector"), name, label)
    ]


GOVERNED = {
    "Off": {"enforce", "warn", "audit"},
    **{default: {None, "enforce", "warn", "audit", "typo"} for default in DEFAULTS[1:]},
}
ENFORCED = {"Off": {"enforce"}, "audit": {"enforce"}, "warn": {"enforce"}, "enforce": {None, "enforce", "typo"}}


@pytest.mark.parametrize(("default", "label"), [*itertools.product(DEFAULTS, LABELS)])
def test_who_judges_pods_of_a_namespace(default, label):
    """Pods meet the gate exactly where it enforces, injection exactly where governed, nothing in system namespaces."""
    gates, injections = (
        meeting_pods(default, f"{kind}AdmissionPolicy", "shop", label) for kind in ("Validating", "Mutating")
    )
    assert ("bartizan-gate" in gates) is (label in ENFORCED[default])
    assert injections == (["bartizan-inject"] if label in GOVERNED[default] else [])
    for system in ("kube-system", "bartizan-system"):
        assert [
            meeting_pods(default, f"{kind}AdmissionPolicy", system, label) for kind in ("Validating", "Mutating")
        ] == [[], []]


def bound(default, label):
    """The bindings through which pods of a namespace are judged: name and actions."""
    policies = set(meeting_pods(default, "ValidatingAdmissionPolicy", "shop", label))
    found = []
    for item in objects(default):
        if item["kind"] != "ValidatingAdmissionPolicyBinding" or item["spec"]["policyName"] not in policies:
            continue
        match = item["spec"].get("matchResources", {})
        rules = match.get("resourceRules")
        if selected(match.get("namespaceSelector"), "shop", label) and (
            not rules or any("pods" in rule["resources"] for rule in rules)
        ):
            found.append((item["metadata"]["name"], item["spec"]["validationActions"]))
    return found


@pytest.mark.parametrize(("default", "label"), [*itertools.product(DEFAULTS, LABELS)])
def test_a_pod_is_judged_once(default, label):
    """Every governed namespace has exactly one binding for its pods, with the action its label or the default says."""
    modes = {
        "enforce": [("bartizan-gate", ["Deny"])],
        "warn": [("bartizan-report-warn", ["Warn", "Audit"])],
        "audit": [("bartizan-report-audit", ["Audit"])],
        "off": [],
    }
    assert bound(default, label) == modes[label if label in modes else default.lower()]


def test_only_what_must_refuse_fails_closed():
    """Gate, templates and guards fail closed; injection and report fail open."""
    policies = {
        item["metadata"]["name"]: item["spec"]["failurePolicy"] for item in objects() if "failurePolicy" in item["spec"]
    }
    assert policies == {
        "bartizan-gate": "Fail",
        "bartizan-templates": "Fail",
        "bartizan-report": "Ignore",
        "bartizan-inject": "Ignore",
        "bartizan-guard-index": "Fail",
        "bartizan-guard-namespace": "Fail",
        "bartizan-guard-access": "Fail",
        "bartizan-guard-roles": "Fail",
        "bartizan-guard-grants": "Fail",
        "bartizan-guard-decisions": "Fail",
        "bartizan-guard-widening": "Fail",
        "bartizan-guard-exposure": "Fail",
    }


def test_without_injection_nothing_asks_for_it():
    """Switched off, there is no mutation and the gate's injection checks never count."""
    kinds = {item["kind"] for item in objects(injection=False)}
    assert kinds == {"ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
    found = next(v["expression"] for v in objects(injection=False)[0]["spec"]["variables"] if v["name"] == "found")
    assert "request.operation == 'CREATE' && false && " in found


def test_the_chart_holds_the_rendered_templates():
    """`bartizan admission render --helm` writes what the chart ships."""
    shipped = {path.name: path.read_text(encoding="utf-8") for path in CHART.glob("*.yaml")}
    assert shipped == chart_files()


def test_the_reference_is_the_rendered_one():
    """`bartizan admission render --docs` writes the page in the docs."""
    assert (ROOT / "docs" / "reference" / "checks.md").read_text(encoding="utf-8") == reference()


def test_no_expression_reads_as_a_template_of_helm():
    """Plain objects hold no double brace that the chart would have to escape, and YAML gives back what was rendered."""
    text = to_yaml(objects())
    assert "{{" not in text
    assert list(yaml.safe_load_all(text)) == objects()

"""The chart's alerts, read by Prometheus' own parser and held against what the processes really expose."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from bartizan.controller.meter import IssueFailure
from bartizan.core.pki.standing import AuthorityStanding, DomainStanding, Standing
from bartizan.core.reasons import ConditionType, Reason
from bartizan.shell.telemetry import PrometheusMeter
from bartizan.webhook.metrics import WebhookMetrics
from judges import Alerts

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ORDERS = ("shop", "orders")
WEBHOOK_LABELS = {"result"}


@pytest.fixture(scope="module")
def prometheus() -> Iterator[Alerts]:
    """Prometheus' reader of rules, running."""
    with Alerts() as running:
        yield running


@pytest.fixture(scope="module")
def groups(cases):
    """The groups of the rendered PrometheusRule."""
    return cases["monitoring"].one("PrometheusRule", "bartizan")["spec"]["groups"]


def exposed() -> dict[str, set[str]]:
    """Return the labels of every series that a controller and a webhook expose, once something of each kind happened."""
    meter = PrometheusMeter()
    authority = AuthorityStanding(trust_domain="d", id="0", role="Root", generation=1, not_after=NOW, leaves=0)
    domain = DomainStanding(name="d", ready=True, reason="Applied", phase="Draining", since=NOW)
    meter.stands(lambda: Standing(authorities=(authority,), domains=(domain,), contested=(("shop", "tls"),)))
    meter.leads(leader=True)
    meter.reconciled("policy", "done", 0.1)
    meter.wrote("Secret", "bartizan/certificates")
    meter.policy(ORDERS, {"mode": "Enforce", "ready": "True"})
    meter.conditions(ORDERS, [("Ready", "NotReady")])
    meter.certificate(ORDERS, NOW, NOW - timedelta(hours=1))
    meter.issued("RenewalDue")
    series = {sample.name: set(sample.labels) for family in meter.registry.collect() for sample in family.samples}
    names = {family.name for family in WebhookMetrics().registry.collect()}
    return series | dict.fromkeys(names, WEBHOOK_LABELS) | {f"{name}_total": WEBHOOK_LABELS for name in names}


def test_prometheus_reads_every_rule(prometheus, groups) -> None:
    """Prometheus finds nothing wrong: expressions, durations, labels and the templates in the annotations."""
    read = prometheus.read(groups)
    assert read.errors == ()
    assert {one.alert for one in read.selectors} == {rule["alert"] for group in groups for rule in group["rules"]}


def test_alerts_choose_series_that_exist(prometheus, groups, cases) -> None:
    """Every metric in a rule is one that a process exposes, with the labels that the rule compares."""
    series = exposed()
    wrong = [
        one
        for one in prometheus.read(groups).selectors
        if not set(one.labels) <= series.get(one.metric, {"no such series"}) or one.metric not in series
    ]
    assert wrong == []
    assert cases["monitoring"].one("ServiceMonitor", "bartizan")["metadata"]["labels"]["release"] == "prometheus"


def test_summaries_name_labels_that_the_alert_has(prometheus, groups) -> None:
    """A label in a summary is one that the expression yields: what it groups by, or what its series bear."""
    series = exposed()
    chosen = {}
    for one in prometheus.read(groups).selectors:
        chosen.setdefault(one.alert, set()).update(series[one.metric])
    empty = []
    for rule in (rule for group in groups for rule in group["rules"]):
        grouped = re.search(r"by \(([\w, ]+)\)", rule["expr"])
        yields = set(grouped[1].split(", ")) if grouped else chosen[rule["alert"]]
        if not set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])) <= yields:
            empty.append(rule["alert"])
    assert empty == []


def test_alerts_compare_with_reasons_that_exist(prometheus, groups) -> None:
    """A reason that a rule names is one of a closed set, so that no alert is silent over a spelling."""
    named = {one.labels["reason"] for one in prometheus.read(groups).selectors if "reason" in one.labels}
    assert named == {"ResultRefused", "CAKeyLost"}
    assert named <= {*Reason, *get_args(IssueFailure)}


def test_alerts_compare_with_conditions_that_exist(prometheus, groups) -> None:
    """A condition that a rule names is one that policies have."""
    named = {one.labels["condition"] for one in prometheus.read(groups).selectors if "condition" in one.labels}
    assert named == {"CertificateReady", "CertificateServed"}
    assert named <= {*ConditionType}


def test_every_alert_says_what_and_how_bad(groups) -> None:
    """Each alert has a name of its own, a severity and a sentence for whoever is woken."""
    rules = [rule for group in groups for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules)
    assert {rule["labels"]["severity"] for rule in rules} == {"critical", "warning"}
    assert [rule["alert"] for rule in rules if not rule["annotations"]["summary"].endswith(".")] == []


@pytest.mark.parametrize(
    ("case", "change", "says"),
    [
        ("an expression that does not parse", {"expr": "sum(bartizan_leader < 1"}, "unclosed left parenthesis"),
        ("a function that does not exist", {"expr": "raise(bartizan_leader[5m])"}, "unknown function"),
        ("a duration that is none", {"for": "5 minutes"}, "unknown unit"),
        ("a template's function that does not exist", {"annotations": {"summary": "{{ raise 1 }}"}}, "not defined"),
        ("a field that is none", {"expression": "up"}, "field expression not found"),
    ],
)
def test_prometheus_finds_what_is_wrong(prometheus, case, change, says) -> None:
    """The judge is no yes-man: it names a fault of each kind."""
    rule = {"alert": "Wrong", "expr": "up == 0", "for": "5m", "annotations": {"summary": "Wrong."}, **change}
    assert says in " ".join(prometheus.read([{"name": "wrong", "rules": [rule]}]).errors), case


def test_alerts_are_off_unless_asked_for(cases) -> None:
    """Without the Prometheus operator the chart renders nothing that only it understands."""
    assert cases["default"].names("PrometheusRule") == []

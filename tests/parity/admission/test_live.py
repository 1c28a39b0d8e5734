"""Python and the API server say the same, word for word, over hundreds of generated objects."""

import random
from collections import Counter

import pytest

from bartizan.core.admission import judge, refusal, review, warning
from bartizan.core.checks.registry import BY_ID
from integration.admission.test_gate import told, warned
from parity.admission.generated import KINDS, LEVELLED, a_pod, a_workload

pytestmark = pytest.mark.api

PODS, WORKLOADS, TEMPLATES = 220, 140, 12


def test_new_pods(api, index):
    """Each pod is tried in three namespaces: audit shows it as injection leaves it, enforce refuses it, warn says the same."""
    chance, met = random.Random(3), Counter()  # noqa: S311 -- repeatable, not secret
    for number in range(PODS):
        pod = a_pod(chance)
        injected = api.create(pod, "adm-audit")
        assert injected.code == 201, (number, injected.message)
        violations = judge(injected.body, index, operation="CREATE")
        met.update({violation.id for violation in violations} or {"passed"})
        refused, warnings = api.create(pod, "adm-enforce"), api.create(pod, "adm-warn")
        assert told(refused.message) == (refusal(injected.body, index, violations) if violations else ""), number
        assert warned(warnings) == ([warning(injected.body, index, violations)] if violations else []), number
    assert min(met[name] for name in (*BY_ID, "passed") if name not in LEVELLED) >= 5, met


def test_new_workloads(api, index):
    """Templates of each kind are refused for the floor in enforce and told everything in warn."""
    chance, met = random.Random(4), Counter()  # noqa: S311 -- repeatable, not secret
    for number in range(WORKLOADS):
        workload = a_workload(chance, KINDS[number % len(KINDS)])
        seen = api.create(workload, "adm-audit")
        assert seen.code == 201, (number, seen.message)
        refused, all_told = (ask(seen.body, index, operation="CREATE") for ask in (judge, review))
        met.update({violation.id for violation in all_told} or {"passed"})
        enforced = api.create(workload, "adm-enforce")
        assert told(enforced.message) == (refusal(seen.body, index, refused) if refused else ""), number
        assert warned(api.create(workload, "adm-warn")) == (
            [warning(seen.body, index, all_told)] if all_told else []
        ), number
    assert min(met[name] for name in ("P-01", "P-02", "P-03", "C-01", "C-06", "passed")) >= 3, met


def test_updates(api, index):
    """Each of a dozen templates is replaced by each other one: the ratchet tells only what is new."""
    chance, met = random.Random(5), Counter()  # noqa: S311 -- repeatable, not secret
    made = []
    for number in range(TEMPLATES):
        item = a_workload(chance, "PodTemplate")
        item["metadata"]["name"] = f"t{number}"
        made.append(api.create(item, "adm-warn", dry_run=False).body)
    try:
        for old in made:
            for new in made:
                item = {**new, "metadata": {"name": old["metadata"]["name"]}}
                answer = api.replace(item, "adm-warn")
                assert answer.code == 200, answer.message
                violations = review(answer.body, index, operation="UPDATE", old=old)
                met.update({violation.id for violation in violations} or {"passed"})
                assert warned(answer) == ([warning(answer.body, index, violations)] if violations else [])
        assert met["passed"] >= TEMPLATES
        assert min(met[name] for name in ("P-01", "P-03", "C-01", "C-06")) >= 3, met
    finally:
        for item in made:
            api.delete("PodTemplate", "adm-warn", item["metadata"]["name"], dry_run=False)

"""Python and CEL say the same, word for word, over thousands of generated objects (CEL run by Google's C++ implementation)."""

import random
from collections import Counter

import pytest

from bartizan.core.admission import judge, refusal, review, warning
from bartizan.core.checks.registry import BY_ID
from bartizan.core.checks.render import admission_objects
from bartizan.core.checks.settings import AdmissionSettings
from integration.admission.conftest import index_of
from parity.admission.celpy import Policy
from parity.admission.generated import KINDS, LEVELLED, a_pod, a_workload, with_debug

PODS, UPDATES, WORKLOADS = 3000, 2000, 1400


@pytest.fixture(scope="module")
def rendered():
    """The compiled policies by name."""
    objects = admission_objects(AdmissionSettings(release_namespace="s", controller_account="c"))
    return {
        item["metadata"]["name"]: Policy(item)
        for item in objects
        if item["kind"] == "ValidatingAdmissionPolicy" and "guard" not in item["metadata"]["name"]
    }


def stored(spec):
    """The index as an API server may keep it: an entry without a Secret has an empty name of one, which is nobody's."""
    buckets = {key: [{"identity": "", **entry} for entry in entries] for key, entries in spec["buckets"].items()}
    return {**spec, "buckets": buckets}


INDEX = stored(index_of("shop")["spec"])


def expected(say, item, violations):
    """The line that Python foresees."""
    return say(item, INDEX, violations) if violations else ""


def test_new_pods(rendered):
    """The gate answers every new pod as Python foresees; every check is met many times, and many pods pass."""
    chance, met = random.Random(1), Counter()  # noqa: S311 -- repeatable, not secret
    for number in range(PODS):
        pod = a_pod(chance)
        violations = judge(pod, INDEX, operation="CREATE")
        met.update({violation.id for violation in violations} or {"passed"})
        assert rendered["bartizan-gate"].message(pod, INDEX) == expected(refusal, pod, violations), number
    assert min(met[name] for name in BY_ID if name not in LEVELLED) >= 100, met


def test_updates_of_pods(rendered):
    """The ratchet agrees, with ephemeral containers, terminating pods and kubelets among the requests."""
    chance, met = random.Random(2), Counter()  # noqa: S311 -- repeatable, not secret
    for number in range(UPDATES):
        old, new = a_pod(chance), a_pod(chance)
        if chance.random() < 0.5:
            new = with_debug(chance, {**old, "metadata": {**old["metadata"], "labels": new["metadata"]["labels"]}})
        if chance.random() < 0.1:
            new = {**new, "metadata": {**new["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}
        more = {
            "operation": "UPDATE",
            "old": old,
            "subresource": chance.choice(("", "", "ephemeralcontainers", "resize")),
            "groups": ["system:nodes"] if chance.random() < 0.05 else ["system:authenticated"],
        }
        violations = judge(new, INDEX, **more)
        met.update({violation.id for violation in violations} or {"passed"})
        assert rendered["bartizan-gate"].message(new, INDEX, **more) == expected(refusal, new, violations), number
    assert (
        min(met[name] for name in ("P-01", "P-02", "P-03", "C-01", "C-04", "C-06", "J-03", "J-04", "passed")) >= 50
    ), met


@pytest.mark.parametrize("kind", KINDS)
def test_workloads(rendered, kind):
    """Templates are refused and warned about alike, on creation and on update."""
    chance, met = random.Random(kind), Counter()  # noqa: S311 -- repeatable, not secret
    for number in range(WORKLOADS // len(KINDS)):
        old, new = a_workload(chance, kind), a_workload(chance, kind)
        more = chance.choice(
            ({"operation": "CREATE"}, {"operation": "UPDATE", "old": old}, {"operation": "UPDATE", "old": new})
        )
        refused, told = judge(new, INDEX, **more), review(new, INDEX, **more)
        met.update({violation.id for violation in told} or {"passed"})
        assert rendered["bartizan-templates"].message(new, INDEX, **more) == expected(refusal, new, refused), number
        assert rendered["bartizan-report"].message(new, INDEX, **more) == expected(warning, new, told), number
    assert min(met[name] for name in ("P-01", "P-02", "P-03", "C-01", "C-06", "J-03", "J-04", "passed")) >= 5, met

"""`bartizan check` says of a file what the API server says of the object in it: the same checks, word for word."""

import json
import random
from collections import Counter
from datetime import UTC, datetime

import pytest

from bartizan.cli.checking.judging import Asked, Judging
from bartizan.core.admission import judge, review
from bartizan.core.checks.registry import BY_ID
from integration.admission.conftest import policies
from integration.admission.test_gate import told, warned
from parity.admission.generated import KINDS, a_pod, a_workload
from parity.admission.hardening import a_hardened_pod

pytestmark = pytest.mark.api

PODS, WORKLOADS = 150, 70
FLOOR = ("P-01", "P-02", "P-03")
NAMESPACE = "adm-enforce"


def said_of(folder, items):
    """What `bartizan check` says of each object, by name: the sentences of its findings."""
    for policy in policies(NAMESPACE):
        spec = policy.spec.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        meta = {"name": policy.name, "namespace": NAMESPACE}
        whole = {"apiVersion": "bartizan.dev/v1alpha1", "kind": "ServiceSecurityPolicy", "metadata": meta, "spec": spec}
        (folder / f"policy-{policy.name}.json").write_text(json.dumps(whole))
    for item in items:
        (folder / f"{item['metadata']['name']}.json").write_text(json.dumps(item))
    asked = Asked(paths=(str(folder),), default_namespace=NAMESPACE, now=datetime.now(UTC))
    report = Judging(asked).run()
    assert (report.problems, {one.place.line for one in report.findings}) == ((), {1})
    sentences = {item["metadata"]["name"]: set() for item in items}
    for one in report.findings:
        found = one.finding
        if found.name in sentences:
            sentences[found.name].add(f"{found.check} {found.title}: {found.message}; fix: {found.fix}")
    return sentences


def named(items):
    """The objects with names that tell them apart."""
    return [{**item, "metadata": {**item["metadata"], "name": f"x{number}"}} for number, item in enumerate(items)]


def test_pods(api, index, tmp_path):
    """A pod is refused exactly if there is a finding, and for exactly the findings, after the real mutation."""
    chance, met = random.Random(11), Counter()  # noqa: S311 -- repeatable, not secret
    pods = named(a_pod(chance) for _ in range(PODS))
    found = said_of(tmp_path, pods)
    for pod in pods:
        said = found[pod["metadata"]["name"]]
        injected = api.create(pod, "adm-audit").body
        violations = judge(injected, index, operation="CREATE")
        met.update({violation.id for violation in violations} or {"passed"})
        refusal = told(api.create(pod, NAMESPACE).message)
        assert (said, bool(refusal)) == ({violation.text for violation in violations}, bool(said)), pod
        assert all(sentence in refusal for sentence in said) or "… (" in refusal
    aimed_at = (*(name for name, check in BY_ID.items() if name in FLOOR or not check.info.standard), "passed")
    assert min(met[name] for name in aimed_at if name != "J-02") >= 3, met


def test_pods_near_the_pod_security_standards(api, index, tmp_path):
    """The same of pods that are hardened but for a few places, under a policy that asks for the level baseline."""
    chance, met = random.Random(13), Counter()  # noqa: S311 -- repeatable, not secret
    pods = named(of_orders(a_hardened_pod(chance)) for _ in range(PODS))
    found = said_of(tmp_path, pods)
    for pod in pods:
        answer = api.create(pod, NAMESPACE)
        if answer.code == 422:  # no pod at all for Kubernetes, whoever may judge it
            continue
        said, refusal = found[pod["metadata"]["name"]], told(answer.message)
        violations = judge(api.create(pod, "adm-audit").body, index, operation="CREATE")
        met.update({violation.id for violation in violations} or {"passed"})
        assert (said, bool(refusal)) == ({violation.text for violation in violations}, bool(said)), pod
    assert met["passed"] >= 20, met
    assert len([name for name in met if name.startswith("P-") and name not in FLOOR]) >= 6, met


def of_orders(pod):
    """The pod as one of the policy `orders`, without the annotations that the API server turns into fields."""
    meta = {**pod["metadata"], "labels": {"app": "orders"}, "annotations": {}}
    return {**pod, "metadata": meta, "spec": {**pod["spec"], "serviceAccountName": "orders"}}


def test_workloads(api, index, tmp_path):
    """Of a template everything is found that the API server refuses or warns about, and what would refuse its pods."""
    chance = random.Random(12)  # noqa: S311 -- repeatable, not secret
    workloads = named(a_workload(chance, KINDS[number % len(KINDS)]) for number in range(WORKLOADS))
    found = said_of(tmp_path, workloads)
    for item in workloads:
        said = {sentence for sentence in found[item["metadata"]["name"]] if not sentence.startswith(("J-01", "J-02"))}
        seen = api.create(item, "adm-audit").body
        assert said == {violation.text for violation in review(seen, index, operation="CREATE")}, item
        assert bool(warned(api.create(item, "adm-warn"))) == bool(said), item

"""Pod Security Admission's newest fixtures, and pods made by chance, put to the gate in a real API server, as dry runs.

Beside the gate stands Kubernetes' own Pod Security Admission in the same API server, asked by labels of other namespaces.
"""

import random
from collections import Counter
from dataclasses import dataclass
from functools import partial

import pytest
import yaml

from bartizan.api.pod_security import NEWEST
from bartizan.core.admission import judge, refusal, review
from bartizan.testing.builders import HARDENED_CONTAINER, HARDENED_POD
from integration.admission.test_gate import told, warned
from judges import pod_security
from parity.admission import reference
from parity.admission.crowd import Crowd
from parity.admission.hardening import ARMOR, DEMANDS, a_hardened_pod
from parity.admission.standards import KINDS, NAME, covered, expected, index, moved, told_ids, wrapped
from waiting import eventually

pytestmark = pytest.mark.api
GENERATED, MADE = 10_000, 12_000
"""How many pods are judged at least, and how many are made: some are none in Kubernetes."""
LEVELS = ("baseline", "restricted")
ASKED = tuple(dict.fromkeys([*((level, NEWEST) for level in LEVELS), *DEMANDS]))


def gated(level, minor):
    """The namespace where our gate holds pods to a level."""
    return f"pss-gate-{level}-{minor}"


def native(level, minor):
    """The namespace where Pod Security Admission does."""
    return f"pss-native-{level}-{minor}"


@pytest.fixture(scope="module")
def crowd(api, cluster):
    """Namespaces of every level and version asked for, each closed."""
    made = [item for demand in ASKED for item in _namespaces(*demand)]
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=yaml.safe_dump_all(made))
    bad = covered(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {},
            "spec": {"containers": [{"name": "a", "image": "x", "ports": [{"containerPort": 80, "hostPort": 80}]}]},
        }
    )
    good = {**bad, "spec": {**bad["spec"], "hostNetwork": True}}
    with Crowd(cluster.kubeconfig) as asking:
        for demand in ASKED:
            eventually(lambda demand=demand: "P-04" in api.create(bad, gated(*demand)).message)
            eventually(lambda demand=demand: "PodSecurity" in api.create(good, native(*demand)).message)
        yield asking
    names = [item["metadata"]["name"] for item in made if item["kind"] == "Namespace"]
    cluster.kubectl("delete", "--ignore-not-found", "--wait=false", "namespace", *names, check=False)


def _namespaces(level, minor):
    judged = {"pod-security.kubernetes.io/enforce": level, "pod-security.kubernetes.io/enforce-version": f"v1.{minor}"}
    labels = {gated(level, minor): {"bartizan.dev/enforcement": "enforce"}, native(level, minor): judged}
    for name, found in labels.items():
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": found}}
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME, "namespace": name}}
        yield {**account, "automountServiceAccountToken": False}
    yield index(level, minor, gated(level, minor))


@pytest.fixture(scope="module")
def fixtures():
    """The fixtures of the newest version."""
    return [fixture for fixture in pod_security.fixtures() if fixture.minor == NEWEST]


@dataclass(frozen=True)
class Put:
    """What became of a fixture that was put to the gate."""

    code: int
    ids: set[str]
    right: bool
    message: str

    @property
    def impossible(self):
        """Whether Kubernetes itself has no such object: it is invalid whatever anybody's policy says."""
        return self.code == 422 and not self.ids


def put(fixture, answer):
    """Compare the answer about a Pod with what the fixture promises."""
    wanted, ids = expected(fixture), told_ids(told(answer.message))
    right = wanted.fits(ids) and (answer.code in {200, 201}) == fixture.passes
    return Put(answer.code, ids, right, answer.message)


def as_pod(api, fixture, field="containers"):
    """Put a fixture to the gate as a new Pod."""
    pod = covered(fixture.pod())
    return put(fixture, api.create(pod if field == "containers" else moved(pod, field), gated(fixture.level, NEWEST)))


def in_place(api, fixture):
    """Put a fixture's containers to the gate as ephemeral containers of a Pod that is there already."""
    name = f"{fixture.path.parent.name}-{fixture.path.stem.replace('_', '-')}"
    pod = moved(covered(fixture.pod(), name=name), "ephemeralContainers")
    ephemeral = pod["spec"].pop("ephemeralContainers")
    made = api.create(pod, gated(fixture.level, NEWEST), dry_run=False)
    if made.code != 201:
        # What is wrong with the pod itself, or goes with what is wrong with its containers, keeps it from being there.
        ids = told_ids(told(made.message))
        return Put(made.code, ids, bool(ids) and ids <= expected(fixture).all, made.message)
    patch = {"spec": {"ephemeralContainers": ephemeral}}
    return put(fixture, api.patch("Pod", gated(fixture.level, NEWEST), name, patch, subresource="ephemeralcontainers"))


def as_workload(api, fixture, kind):
    """Put a fixture to the gate as the template of a workload: refused for the floor, or else warned about the rest."""
    workload = wrapped(kind, covered(fixture.pod()))
    answer = api.create(workload, gated(fixture.level, NEWEST))
    spec = index(fixture.level, NEWEST)["spec"]
    floor, everything = ({v.id for v in ask(workload, spec, operation="CREATE")} for ask in (judge, review))
    lines = [told(answer.message)] if answer.message else warned(answer)
    ids = set().union(*map(told_ids, lines))
    right = expected(fixture).fits(everything) and ids == (floor or everything)
    return Put(answer.code, ids, right and answer.code == (403 if floor else 201), answer.message)


def test_the_newest_fixtures_in_every_form(crowd, fixtures, root):
    """As Pod, with containers moved, and in all eight kinds of workload: the right verdict by the right check; the page has the score."""
    forms = {
        "Pod": as_pod,
        "Pod, all containers as init containers": partial(as_pod, field="initContainers"),
        "Pod that is there, all containers as ephemeral containers": in_place,
        **{kind: partial(as_workload, kind=kind) for kind in KINDS},
    }
    counts, wrong = {}, {}
    for form, function in forms.items():
        found = crowd.ask(function, fixtures)
        impossible = sum(one.impossible for one in found)
        counts[form] = len(found), sum(one.right and not one.impossible for one in found), impossible
        wrong |= {
            f"{form}: {fixture.name}": one
            for fixture, one in zip(fixtures, found, strict=True)
            if not one.right and not one.impossible
        }
    assert wrong == {}
    measured = reference.live(counts)
    assert reference.block(root, "live") == measured, measured


def answered(api, pod, demand):
    """What our gate and Pod Security Admission say of a pod, and whether Kubernetes takes it as one at all."""
    return api.create(pod, gated(*demand)), api.create(pod, native(*demand))


@pytest.mark.parametrize("demand", DEMANDS, ids=lambda demand: f"{demand[0]}-v1.{demand[1]}")
def test_pods_by_chance_have_one_verdict(crowd, demand):
    """Python, our gate and Pod Security Admission agree on every pod; Python foresees the gate's line to the letter."""
    chance, met = random.Random(f"live {demand}"), Counter()  # noqa: S311 -- repeatable, not secret
    pods = [a_hardened_pod(chance) for _ in range(MADE // len(DEMANDS))]
    spec = index(*demand)["spec"]
    for pod, (ours, theirs) in zip(pods, crowd.ask(lambda api, pod: answered(api, pod, demand), pods), strict=True):
        if 422 in {ours.code, theirs.code}:
            met["invalid"] += 1
            continue
        violations = tuple(v for v in judge(pod, spec, operation="CREATE") if not v.id.startswith("J-"))
        met.update({violation.id for violation in violations} or {"passed"})
        met["judged"] += 1
        refused = bool(violations)
        assert (ours.code, theirs.code) == ((403, 403) if refused else (201, 201)), (pod, ours.message, theirs.message)
        if any(key.startswith(ARMOR) for key in pod["metadata"]["annotations"]):
            # The API server copies such an annotation into the container's field: it is found twice, and may fill the line.
            line, ids = told(ours.message), {violation.id for violation in violations}
            assert told_ids(line) == ids or (line.endswith("violations)") and told_ids(line) < ids), pod
        else:
            assert told(ours.message) == (refusal(pod, spec, violations) if refused else ""), pod
    assert met["judged"] >= GENERATED / len(DEMANDS), met
    assert met["passed"] >= 100, met
    assert len(met) >= 14, met


CONTAINERS = 100


@pytest.fixture
def huge_pod(api, cluster):
    """A pod of a hundred containers hardened in nothing, from before its namespace came under the gate."""
    place = "pss-huge"
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME, "namespace": place}}
    made = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": place}},
        {**account, "automountServiceAccountToken": False},
        index("restricted", NEWEST, place),
    ]
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=yaml.safe_dump_all(made))
    containers = [{"name": f"c{number}", "image": "x"} for number in range(CONTAINERS)]
    pod = covered({"apiVersion": "v1", "kind": "Pod", "metadata": {}, "spec": {"containers": containers}})
    assert api.create(pod, place, dry_run=False).code == 201
    cluster.kubectl("label", "namespace", place, "bartizan.dev/enforcement=enforce")
    eventually(lambda: "P-20" in api.create(pod, place).message)
    yield pod, place
    cluster.kubectl("delete", "--ignore-not-found", "--wait=false", "namespace", place, check=False)


def test_a_huge_pod_stays_within_the_budget_of_expressions(api, huge_pod):
    """A hundred containers with four findings each are refused in words, and passed when hardened or when they were there before."""
    pod, place = huge_pod
    refused = api.create({**pod, "metadata": {**pod["metadata"], "name": "new"}}, place)
    assert refused.code == 403
    assert told(refused.message).endswith(f"… ({4 * CONTAINERS} violations)")
    assert api.patch("Pod", place, "p", {"metadata": {"labels": {"note": "x"}}}).code == 200
    debug = {"spec": {"ephemeralContainers": [{"name": "debug", "image": "x"}]}}
    worse = api.patch("Pod", place, "p", debug, subresource="ephemeralcontainers")
    assert (worse.code, told_ids(told(worse.message))) == (403, {"P-20", "P-21", "P-24", "P-26"})
    hardened = [{**one, **HARDENED_CONTAINER} for one in pod["spec"]["containers"]]
    spec = {**pod["spec"], **HARDENED_POD, "containers": hardened}
    passed = api.create({**pod, "metadata": {**pod["metadata"], "name": "new"}, "spec": spec}, place)
    assert passed.code == 201, passed.message

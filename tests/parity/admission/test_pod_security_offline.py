"""Pod Security Admission's own fixtures, and pods made by chance: Python and CEL, of every level and version, without a cluster."""

import random
import shutil
from collections import Counter

import pytest

from bartizan.core.admission import judge, refusal
from bartizan.core.checks.registry import ALL
from bartizan.core.checks.render import admission_objects
from bartizan.core.checks.settings import AdmissionSettings
from judges import pod_security
from parity.admission import reference
from parity.admission.celpy import Policy
from parity.admission.hardening import DEMANDS, a_hardened_pod
from parity.admission.standards import covered, expected, index, moved, told_ids

GENERATED = 10_000
FIELDS = ("containers", "initContainers", "ephemeralContainers")


@pytest.fixture(scope="module")
def fixtures():
    """Every fixture of the pinned module, which Go downloads once."""
    if shutil.which("go") is None:
        pytest.skip("this machine lacks Go, which fetches Pod Security Admission's fixtures")
    return list(pod_security.fixtures())


@pytest.fixture(scope="module")
def gate():
    """The gate's policy in CEL, without injection."""
    settings = AdmissionSettings(release_namespace="s", controller_account="c", injection=False)
    return Policy(admission_objects(settings)[0])


@pytest.fixture(scope="module")
def indices():
    """The index's spec for each level and version."""
    return {(level, minor): index(level, minor)["spec"] for level in ("baseline", "restricted") for minor in range(38)}


def found(pod, spec):
    """What Python finds in a pod, but for what injection would add."""
    return tuple(v for v in judge(pod, spec, operation="CREATE") if not v.id.startswith("J-"))


@pytest.mark.parametrize("field", FIELDS)
def test_python_gives_every_fixture_its_verdict_and_check(fixtures, indices, field):
    """All files of all levels and versions, as they are and with their containers moved: passed, or refused by the right check."""
    wrong = []
    for fixture in fixtures:
        pod = covered(fixture.pod())
        pod = pod if field == "containers" else moved(pod, field)
        ids = {violation.id for violation in found(pod, indices[fixture.level, fixture.minor])}
        if not expected(fixture).fits(ids):
            wrong.append((fixture.name, sorted(ids)))
    assert wrong == []


def test_cel_says_of_every_fixture_what_python_says(fixtures, indices, gate):
    """The CEL that the API server runs refuses the same files with the same line."""
    said = {}
    for fixture in fixtures:
        spec = indices[fixture.level, fixture.minor]
        pod = covered(fixture.pod())
        violations = found(pod, spec)
        wanted = refusal(pod, spec, violations) if violations else ""
        if (answer := gate.message(pod, spec)) != wanted:
            said[fixture.name] = answer
    assert said == {}


def test_the_published_count_is_this_one(fixtures, root):
    """The page names the module's version and how many files there are."""
    measured = reference.fixtures(pod_security.version(), fixtures)
    assert reference.block(root, "fixtures") == measured, measured


def test_every_file_is_of_a_check_that_we_have(fixtures):
    """No fixture's check is unknown here, and none of ours is without fixtures."""
    theirs = {fixture.check for fixture in fixtures if not fixture.passes}
    assert theirs == {check.info.standard.name.lower() for check in ALL if check.info.standard}


@pytest.mark.parametrize("demand", DEMANDS, ids=lambda demand: f"{demand[0]}-v1.{demand[1]}")
def test_cel_says_of_pods_by_chance_what_python_says(indices, gate, demand):
    """Word for word, with containers of all three kinds; every check that the version has is met."""
    chance, met = random.Random(f"offline {demand}"), Counter()  # noqa: S311 -- repeatable, not secret
    spec = indices[demand]
    for number in range(GENERATED // len(DEMANDS) + 1):
        pod = a_hardened_pod(chance)
        if chance.random() < 0.2:
            pod = moved(pod, "ephemeralContainers")
        violations = found(pod, spec)
        met.update({violation.id for violation in violations} or {"passed"})
        answer = gate.message(pod, spec)
        assert answer == (refusal(pod, spec, violations) if violations else ""), number
        assert told_ids(answer) <= {violation.id for violation in violations}, number
    assert met["passed"] >= 100, met
    assert len(met) >= 12, met

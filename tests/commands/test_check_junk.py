"""Manifests in which anything may stand anywhere end in findings or a sentence, never in a traceback."""

import copy
import json
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bartizan.cli.checking.judging import Asked, Judging
from bartizan.testing.builders import a_namespace, a_pod, a_policy

POD = a_pod(
    annotations={"a": "b"},
    hostNetwork=False,
    securityContext={"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}, "sysctls": [{"name": "a", "value": "b"}]},
    volumes=[{"name": "v", "hostPath": {"path": "/"}}, {"name": "p", "projected": {"sources": [{"secret": {"name": "s"}}]}}],
    initContainers=[{"name": "i", "image": "i", "ports": [{"containerPort": 1}]}],
    containers=[{
        "name": "app", "image": "a", "ports": [{"containerPort": 80, "hostPort": 0}],
        "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}], "envFrom": [{"secretRef": {"name": "s"}}],
        "securityContext": {"privileged": False, "capabilities": {"add": ["A"], "drop": ["ALL"]}, "seLinuxOptions": {"type": "t"}},
        "livenessProbe": {"httpGet": {"host": "a", "port": 1}}, "lifecycle": {"preStop": {"tcpSocket": {"host": "a", "port": 1}}},
        "volumeMounts": [{"name": "v", "mountPath": "/a"}],
    }],
)  # fmt: skip
CRONJOB = {
    "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c", "namespace": "shop", "ownerReferences": [{"kind": "a", "name": "b", "controller": True}]},
    "spec": {"jobTemplate": {"spec": {"template": {"metadata": {"labels": {"app": "web"}}, "spec": copy.deepcopy(POD["spec"])}}}},
}  # fmt: skip
WEB = a_policy(
    "web",
    network={
        "ports": [{"name": "http", "port": 80}],
        "ingress": [{"from": {"service": "web"}, "ports": ["http"], "until": "2027-01-01T00:00:00Z"}],
        "egress": [
            {"to": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}, "ports": [{"port": 1, "endPort": 2}]},
            {"to": {"service": "orders", "namespace": "finance"}, "ports": [{"name": "a"}]},
            {"to": {"kubernetesAPI": {"rules": [{"apiGroups": [""], "resources": ["a"], "verbs": ["get"]}]}}},
        ],
        "decisions": [{"service": "a", "namespace": "b", "verdict": "Denied"}],
    },
    secrets={"items": [{"name": "db", "vault": {"role": "a", "path": "b"}, "file": {"path": "c"}}]},
    mtls={"lifetime": "24h"},
)
BASELINE = {"apiVersion": "bartizan.dev/v1alpha1", "kind": "SecurityBaseline", "metadata": {"name": "default"}, "spec": {"network": {"dns": {"addresses": ["169.254.20.10/32"]}}}}  # fmt: skip
DOMAIN = {"apiVersion": "bartizan.dev/v1alpha1", "kind": "TrustDomain", "metadata": {"name": "default"}, "spec": {"domain": "a.b", "lifetimes": {"root": "9000h"}}}  # fmt: skip
OBJECTS = [POD, CRONJOB, WEB, a_policy("orders"), a_namespace(), BASELINE, DOMAIN]
JUNK = st.sampled_from(
    [
        None,
        1,
        -1,
        2**70,
        True,
        "x",
        "",
        [],
        {},
        [1],
        [None],
        {"a": 1},
        {"name": None},
        1.5,
        ["x"],
        {"x": None},
        "9" * 40 + "h",
    ]
)


def paths(value, at=()):
    """Yield the path of everything in a value."""
    yield at
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from paths(part, (*at, key))


PLACES = [(number, path) for number, item in enumerate(OBJECTS) for path in paths(item) if path]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A file that each case writes anew."""
    return tmp_path_factory.mktemp("junk") / "a.json"


@settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.sampled_from(PLACES), junk=JUNK)
def test_anything_may_stand_anywhere(file, place, junk):
    """One value is replaced by another that does not belong there; the other objects are judged all the same."""
    items = copy.deepcopy(OBJECTS)
    number, path = place
    around = items[number]
    for step in path[:-1]:
        around = around[step]
    around[path[-1]] = junk
    file.write_text("\n".join(map(json.dumps, items)))
    report = Judging(Asked(paths=(str(file),), default_namespace="shop", now=datetime(2026, 11, 22, tzinfo=UTC))).run()
    assert report.problems == ()
    assert len(report.objects) >= len(OBJECTS) - 2
    if number:
        assert "P-03" in {one.finding.check for one in report.findings}

"""Pods in files are judged as the gate would meet them, and what cannot be decoded is said to be so."""

import pytest

from bartizan.core.checks.registry import ALL
from bartizan.core.checks.view import view_of
from bartizan.core.findings.admitted import admitted
from bartizan.core.findings.catalogue import INFOS, OWN, pss, severity
from bartizan.core.findings.finding import path_of, steps
from bartizan.core.findings.pod_shape import pod_shape_findings
from bartizan.core.findings.pods import pod_findings
from bartizan.core.findings.workloads import pod_trail
from bartizan.core.index import compile_index
from bartizan.testing.builders import a_pod, a_policy_view

SECRET = {"name": "db", "vault": {"role": "orders", "path": "secret/db"}, "file": {"path": "db.json"}}
INDEX = compile_index("shop", [a_policy_view("orders", secrets={"items": [SECRET]})])["spec"]
PLAIN = compile_index("shop", [a_policy_view("orders")])["spec"]
KINDS = {
    "Pod": ("v1", ""),
    "PodTemplate": ("v1", "template."),
    "ReplicationController": ("v1", "spec.template."),
    "Deployment": ("apps/v1", "spec.template."),
    "StatefulSet": ("apps/v1", "spec.template."),
    "DaemonSet": ("apps/v1", "spec.template."),
    "ReplicaSet": ("extensions/v1beta1", "spec.template."),
    "Job": ("batch/v1", "spec.template."),
    "CronJob": ("batch/v1beta1", "spec.jobTemplate.spec.template."),
}


def container(**more):
    """A pod with one container and these fields."""
    return a_pod(containers=[{"name": "app", "image": "a", **more}])


def a_deployment(pod):
    """A Deployment of a pod."""
    template = {"metadata": {"labels": pod["metadata"]["labels"]}, "spec": pod["spec"]}
    meta = {"name": "orders", "namespace": "shop"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"template": template}}


@pytest.mark.parametrize(("kind", "version", "at"), [(kind, *where) for kind, where in KINDS.items()], ids=KINDS)
def test_the_pod_is_found_where_checks_look_for_it(kind, version, at):
    """Files and checks agree on where in an object its pod stands."""
    item = {"apiVersion": version, "kind": kind}
    assert "".join(f"{step}." for step in pod_trail(item)) == at == view_of(item, {}).at


def test_other_kinds_have_no_pod():
    """A kind of the same name in somebody else's group is none of ours."""
    assert [pod_trail(item) for item in ({"apiVersion": "v1", "kind": "Service"}, {"apiVersion": "x/v1", "kind": "Job"})] == [
        None, None,
    ]  # fmt: skip


def test_a_template_is_judged_as_the_pod_it_makes():
    """Identity and annotations that bartizan adds are not asked of the author; nothing is found in a good one."""
    assert list(pod_findings(a_deployment(a_pod()), INDEX)) == []


def test_a_template_whose_pods_would_be_refused_is_found():
    """An annotation that the gate refuses in a pod is refused where the author wrote it."""
    item = a_deployment(a_pod())
    item["spec"]["template"]["metadata"]["annotations"] = {"vault.hashicorp.com/role": "admin"}
    (found,) = pod_findings(item, INDEX)
    assert (found.check, found.path, found.value, found.fix) == (
        "J-01",
        'spec.template.metadata.annotations["vault.hashicorp.com/role"]',
        '"admin"',
        "leave it unset: bartizan writes it when the pod is created",
    )


def test_a_finding_says_everything():
    """Check, object, container, path, value and words of a violation, each in its own field."""
    found = next(
        one for one in pod_findings(container(securityContext={"privileged": True}), PLAIN) if one.check == "P-01"
    )
    assert (found.check, found.pss, found.severity, found.kind, found.namespace, found.name, found.container) == (
        "P-01", "privileged", "critical", "Pod", "shop", "orders-0", "app",
    )  # fmt: skip
    assert (found.path, found.value, found.message, found.fix) == (
        "spec.containers[0].securityContext.privileged",
        "true",
        'container "app" sets spec.containers[0].securityContext.privileged=true; allowed: unset or false',
        "remove it",
    )


def test_an_uncovered_pod_gets_a_policy_to_paste():
    """The least policy that would cover it, with its account where that is not the policy's name."""
    (found,) = pod_findings(a_pod(labels={"app": "till"}, account="team"), {})
    assert (found.check, found.snippet.splitlines()) == (
        "C-01",
        [
            "apiVersion: bartizan.dev/v1alpha1",
            "kind: ServiceSecurityPolicy",
            'metadata: {name: "orders-0", namespace: "shop"}',
            "spec:",
            "  workload:",
            '    selector: {matchLabels: {app: "till"}}',
            "    serviceAccountName: team",
        ],
    )


def test_checks_can_be_left_out():
    """A check that is left out is not asked."""
    assert list(pod_findings(a_pod(labels={"app": "till"}), {}, left_out={"C-01"})) == []


DEFAULTS = {
    "the node's network brings host ports": (
        {"hostNetwork": True, "containers": [{"name": "a", "ports": [{"containerPort": 80}, {"containerPort": 1, "hostPort": 2}]}]},
        lambda spec: [port["hostPort"] for port in spec["containers"][0]["ports"]],
        [80, 2],
    ),
    "a volume without a source is an emptyDir": (
        {"volumes": [{"name": "a"}, {"name": "b", "secret": None}, {"name": "c", "configMap": {"name": "x"}}]},
        lambda spec: [sorted(set(volume) - {"name"}) for volume in spec["volumes"][:3]],
        [["emptyDir"], ["emptyDir", "secret"], ["configMap"]],
    ),
    "the old name of the account counts": (
        {"serviceAccountName": None, "serviceAccount": "orders"},
        lambda spec: spec["serviceAccountName"],
        "orders",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spec", "look", "wanted"), DEFAULTS.values(), ids=DEFAULTS)
def test_the_api_s_defaults_are_there(spec, look, wanted):
    """What the API server fills in is judged, not only what is written."""
    assert look(admitted(a_pod(**spec), PLAIN)["spec"]) == wanted


def test_what_is_judged_is_not_changed():
    """The object stays as it was read."""
    pod = a_pod(hostNetwork=True, volumes=[{"name": "a"}])
    before = repr(pod)
    admitted(pod, INDEX)
    assert repr(pod) == before


UNDECODABLE = {
    "a word for a boolean": (container(securityContext={"privileged": "yes"}), 'spec.containers[0].securityContext.privileged is "yes"; it must be true or false'),
    "a number as an environment value": (container(env=[{"name": "A", "value": 8080}]), "spec.containers[0].env[0].value is 8080; it must be text (in quotes)"),
    "a mapping for a list": (a_pod(volumes={"name": "x"}), 'spec.volumes is {"name": "x"}; it must be a list'),
    "a list for a mapping": (container(securityContext=[]), "spec.containers[0].securityContext is []; it must be a mapping"),
    "nothing in a list": (a_pod(containers=[None]), "spec.containers[0] is missing; it must be a mapping"),
    "no containers": (a_pod(containers=[]), "spec.containers is []; it must be a list of containers"),
    "a label that is a number": (a_pod(labels={"app": 1}), "metadata.labels.app is 1; it must be text (in quotes)"),
    "no name": ({**a_pod(), "metadata": {}}, "metadata.name is missing; it must be a name"),
    "no spec": ({**a_pod(), "spec": None}, "spec is missing; it must be a mapping"),
    "a text for a template": ({**a_deployment(a_pod()), "spec": {"template": "x"}}, 'spec.template is "x"; it must be a mapping'),
    "a capability that is a number": (container(securityContext={"capabilities": {"drop": [1]}}), "spec.containers[0].securityContext.capabilities.drop[0] is 1; it must be text (in quotes)"),
}  # fmt: skip


@pytest.mark.parametrize(("item", "says"), UNDECODABLE.values(), ids=UNDECODABLE)
def test_a_pod_that_cannot_be_decoded_is_said_to_be_so(item, says):
    """It is one finding with its path, and nothing else is claimed of the pod."""
    assert next(one.message for one in pod_findings(item, PLAIN)) == f"{says}, so the API server refuses the object"
    assert {one.check for one in pod_findings(item, PLAIN)} == {"O-01"}


def test_null_is_as_good_as_absent():
    """The API server takes null for a field that is left out."""
    assert pod_shape_findings(container(securityContext=None, env=None)) == ()


PATHS = {
    "spec.containers[0].env[2].value": ("spec", "containers", 0, "env", 2, "value"),
    'metadata.annotations["a.b/c"]': ("metadata", "annotations", "a.b/c"),
    "spec.volumes[name=data].secret": ("spec", "volumes", 1, "secret"),
    "spec.volumes[name=gone].secret": ("spec", "volumes"),
}


@pytest.mark.parametrize(("path", "wanted"), PATHS.items())
def test_paths_are_read(path, wanted):
    """Positions, quoted keys and names of list items; a name that is not there ends the path."""
    item = {"spec": {"volumes": [{"name": "x"}, {"name": "data"}]}}
    assert steps(path, item) == wanted


def test_paths_are_written_as_they_are_read():
    """What `path_of` writes `steps` reads."""
    trail = ("metadata", "labels", "a.b/c", "x", 0)
    assert (path_of(trail), steps(path_of(trail), {})) == ('metadata.labels["a.b/c"].x[0]', trail)


def test_every_check_has_a_severity_and_an_id_of_its_own():
    """The registry's checks and the files' own never share an id, and each is explained."""
    assert set(INFOS) == {check.info.id for check in ALL} | {info.id for info in OWN}
    assert len(INFOS) == len(ALL) + len(OWN)
    assert (severity("P-01"), severity("unknown"), pss("P-02"), pss("C-01")) == (
        "critical",
        "high",
        "hostnamespaces",
        "",
    )

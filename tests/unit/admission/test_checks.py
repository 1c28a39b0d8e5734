"""Each check: what it finds, where, and the sentence it says."""

import pytest

from bartizan.core.admission import judge, refusal, review, warning
from bartizan.core.checks.check import Scope
from bartizan.core.checks.registry import ALL

INDEX = {
    "buckets": {
        "app=orders": [
            {
                "name": "orders",
                "account": "orders",
                "annotations": {"vault.hashicorp.com/agent-inject": "true", "vault.hashicorp.com/role": "orders"},
                "identity": "orders-tls",
            }
        ],
        "app=web": [
            {"name": "web", "account": "web"},
            {"name": "web-canary", "account": "web", "labels": {"track": "canary"}},
        ],
    },
    "rest": [
        {"name": "team", "account": "team", "expressions": [{"key": "team", "operator": "In", "values": ["a", "b"]}]}
    ],
    "accounts": {"orders": "orders", "team": "team", "web": "web,web-canary"},
    "identities": {"orders-tls": "orders", "web-tls": "web", "shared-tls": "team,web-canary"},
}
MOUNT = {"name": "bartizan-identity", "mountPath": "/var/run/secrets/bartizan.dev/tls", "readOnly": True}
IDENTITY = {"name": "bartizan-identity", "secret": {"secretName": "orders-tls", "defaultMode": 292, "optional": False}}


def a_pod(*, labels=None, annotations=None, volumes=(), container=None, **spec):
    """A pod of policy `orders` as injection leaves it."""
    meta = {
        "name": "orders-0",
        "labels": {"app": "orders"} if labels is None else labels,
        "annotations": INDEX["buckets"]["app=orders"][0]["annotations"] if annotations is None else annotations,
    }
    whole = {
        "serviceAccountName": "orders",
        "containers": [{"name": "app", "image": "x", "volumeMounts": [MOUNT], **(container or {})}],
        "volumes": [] if volumes is None else [IDENTITY, *volumes],
        **spec,
    }
    return {"kind": "Pod", "metadata": meta, "spec": whole}


def said(pod, operation="CREATE"):
    """The sentences of the violations."""
    return [violation.text for violation in judge(pod, INDEX, operation=operation)]


def foreign(subject, path, *, seen="web-tls", owner="web"):
    """What J-03 says."""
    return f'J-03 foreign identity: {subject} sets {path}="{seen}"; allowed: a Secret that is no other policy\'s certificate; this one belongs to policy {owner}; fix: remove the reference: a certificate is for the pods of its own policy only'


def frozen(subject, path, *, seen="orders-tls"):
    """What J-04 says."""
    return f'J-04 frozen identity: {subject} sets {path}="{seen}"; allowed: unset where it is the certificate of the pod\'s own policy, which is renewed in place; fix: read the files in /var/run/secrets/bartizan.dev/tls, which bartizan mounts, and read them again when they change'


def extra(key, seen, allowed="unset"):
    """What J-01 says of an annotation that the policy did not ask for."""
    return f'J-01 injected annotations: pod sets metadata.annotations["vault.hashicorp.com/{key}"]="{seen}"; allowed: {allowed}; fix: remove it: what a pod reads from Vault is declared in spec.secrets of its policy'


def vault(**more):
    """The policy's annotations and others; underscores stand for dashes."""
    found = {f"vault.hashicorp.com/{key.replace('_', '-')}": value for key, value in more.items()}
    return {**INDEX["buckets"]["app=orders"][0]["annotations"], **found}


OWN_ENV = {
    "env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "orders-tls", "key": "tls.key"}}}],
    "envFrom": [{"configMapRef": {"name": "c"}}, {"secretRef": {"name": "orders-tls"}}],
}
PART = {"mountPath": "/etc/tls/tls.crt", "subPath": "tls.crt"}
STATUS_ALLOWED = 'unset, or "injected" from the Vault Agent Injector beside its container'
WEB_KEY = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "web-tls", "key": "tls.key"}}}
WEB_ENV = {"env": [{"name": "A", "value": "x"}, WEB_KEY], "envFrom": [{"secretRef": {"name": "web-tls"}}]}
REFUSED = {
    "another policy's certificate as a volume": (
        a_pod(volumes=[{"name": "tls", "secret": {"secretName": "web-tls", "optional": True}}]),
        [foreign('volume "tls"', "spec.volumes[1].secret.secretName")],
    ),
    "another policy's certificate in a projected volume": (
        a_pod(
            volumes=[
                {"name": "t", "projected": {"sources": [{"configMap": {"name": "c"}}, {"secret": {"name": "web-tls"}}]}}
            ]
        ),
        [foreign('volume "t"', "spec.volumes[1].projected.sources[1].secret.name")],
    ),
    "a certificate that two other policies share": (
        a_pod(volumes=[{"name": "tls", "secret": {"secretName": "shared-tls"}}]),
        [foreign('volume "tls"', "spec.volumes[1].secret.secretName", seen="shared-tls", owner="team,web-canary")],
    ),
    "another policy's certificate in the environment of every kind of container": (
        a_pod(
            container=WEB_ENV,
            initContainers=[{"name": "i", "volumeMounts": [MOUNT], **WEB_ENV}],
            ephemeralContainers=[{"name": "e", **WEB_ENV}],
        ),
        [
            foreign(subject, f"spec.{place}[0].{field}")
            for subject, place in (
                ('container "app"', "containers"),
                ('init container "i"', "initContainers"),
                ('ephemeral container "e"', "ephemeralContainers"),
            )
            for field in ("env[1].valueFrom.secretKeyRef.name", "envFrom[0].secretRef.name")
        ],
    ),
    "a file of its own certificate by subPath, from the identity volume, in every kind of container": (
        a_pod(
            container={"volumeMounts": [MOUNT, {"name": "bartizan-identity", **PART}]},
            initContainers=[{"name": "i", "volumeMounts": [MOUNT, {"name": "bartizan-identity", **PART}]}],
            ephemeralContainers=[{"name": "e", "volumeMounts": [{"name": "bartizan-identity", **PART}]}],
        ),
        [
            frozen('container "app"', "spec.containers[0].volumeMounts[1].subPath", seen="tls.crt"),
            frozen('init container "i"', "spec.initContainers[0].volumeMounts[1].subPath", seen="tls.crt"),
            frozen('ephemeral container "e"', "spec.ephemeralContainers[0].volumeMounts[0].subPath", seen="tls.crt"),
        ],
    ),
    "the same by an expression, from volumes of other names": (
        a_pod(
            volumes=[
                {"name": "mine", "secret": {"secretName": "orders-tls"}},
                {
                    "name": "mixed",
                    "projected": {"sources": [{"secret": {"name": "x"}}, {"secret": {"name": "orders-tls"}}]},
                },
            ],
            container={
                "volumeMounts": [
                    MOUNT,
                    {"name": "mine", "mountPath": "/a", "subPathExpr": "$(NAME)"},
                    {"name": "mixed", **PART},
                ]
            },
        ),
        [
            frozen('container "app"', "spec.containers[0].volumeMounts[1].subPathExpr", seen="$(NAME)"),
            frozen('container "app"', "spec.containers[0].volumeMounts[2].subPath", seen="tls.crt"),
        ],
    ),
    "its own certificate in the environment": (
        a_pod(container=OWN_ENV),
        [
            frozen('container "app"', "spec.containers[0].env[0].valueFrom.secretKeyRef.name"),
            frozen('container "app"', "spec.containers[0].envFrom[1].secretRef.name"),
        ],
    ),
    "an annotation that the policy did not ask for": (
        a_pod(annotations=vault(agent_image="evil", agent_inject_secret_root="secret/root")),
        [extra("agent-image", "evil"), extra("agent-inject-secret-root", "secret/root")],
    ),
    "the injector's mark without its container": (
        a_pod(annotations=vault(agent_inject_status="injected")),
        [extra("agent-inject-status", "injected", STATUS_ALLOWED)],
    ),
    "the injector's mark with another value": (
        a_pod(annotations=vault(agent_inject_status="update"), container={"name": "vault-agent"}),
        [extra("agent-inject-status", "update", STATUS_ALLOWED)],
    ),
    "a Vault annotation under a policy without secrets": (
        a_pod(
            labels={"team": "a"},
            serviceAccountName="team",
            annotations={"vault.hashicorp.com/role": "team", "vault.hashicorp.com/agent-inject-status": "injected"},
            container={"name": "vault-agent"},
            volumes=None,
        ),
        [extra("agent-inject-status", "injected", STATUS_ALLOWED), extra("role", "team")],
    ),
    "privileged container": (
        a_pod(container={"securityContext": {"privileged": True}}),
        [
            'P-01 privileged: container "app" sets spec.containers[0].securityContext.privileged=true; allowed: unset or false; fix: remove it'
        ],
    ),
    "privileged init container": (
        a_pod(
            initContainers=[
                {"name": "a", "volumeMounts": [MOUNT]},
                {"name": "b", "volumeMounts": [MOUNT], "securityContext": {"privileged": True}},
            ]
        ),
        [
            'P-01 privileged: init container "b" sets spec.initContainers[1].securityContext.privileged=true; allowed: unset or false; fix: remove it'
        ],
    ),
    "privileged ephemeral container": (
        a_pod(ephemeralContainers=[{"name": "debug", "securityContext": {"privileged": True}}]),
        [
            'P-01 privileged: ephemeral container "debug" sets spec.ephemeralContainers[0].securityContext.privileged=true; allowed: unset or false; fix: remove it'
        ],
    ),
    "host namespaces": (
        a_pod(hostNetwork=True, hostPID=True, hostIPC=True),
        [
            f"P-02 host namespaces: pod sets spec.{field}=true; allowed: unset or false; fix: remove it"
            for field in ("hostNetwork", "hostPID", "hostIPC")
        ],
    ),
    "hostPath, mounted or not": (
        a_pod(volumes=[{"name": "node", "hostPath": {"path": "/var/run"}}]),
        [
            'P-03 hostPath: volume "node" sets spec.volumes[1].hostPath.path="/var/run"; allowed: unset; fix: use an emptyDir, a PersistentVolumeClaim or a projected volume'
        ],
    ),
    "covered by no policy": (
        a_pod(labels={"app": "nobody", "a": "b"}, serviceAccountName="default", volumes=None),
        [
            "C-01 covered by no policy: pod sets metadata.labels={a=b,app=nobody}; allowed: labels that exactly one ServiceSecurityPolicy of the namespace selects; fix: give the pod the labels of its policy, or write a ServiceSecurityPolicy that selects it"
        ],
    ),
    "covered by several": (
        a_pod(labels={"app": "web", "track": "canary"}, serviceAccountName="web", volumes=None),
        [
            "C-04 covered by several: pod sets metadata.labels={app=web,track=canary}; allowed: labels that only one of these policies selects: web, web-canary; fix: narrow the policies' selectors so that one is left"
        ],
    ),
    "another account than the policy's": (
        a_pod(serviceAccountName="default"),
        [
            'C-06 ServiceAccount: pod sets spec.serviceAccountName="default"; allowed: "orders" (policy orders); fix: set serviceAccountName and labels of the same policy'
        ],
    ),
    "a policy's account without its labels": (
        a_pod(labels={"team": "a"}, serviceAccountName="web", annotations={}, volumes=None),
        [
            'C-06 ServiceAccount: pod sets spec.serviceAccountName="web"; allowed: "team" (policy team); fix: set serviceAccountName and labels of the same policy'
        ],
    ),
    "annotation missing": (
        a_pod(annotations={"vault.hashicorp.com/agent-inject": "true"}),
        [
            'J-01 injected annotations: pod lacks metadata.annotations["vault.hashicorp.com/role"]; allowed: "orders"; fix: leave it unset: bartizan writes it when the pod is created'
        ],
    ),
    "annotation of another role": (
        a_pod(annotations={"vault.hashicorp.com/agent-inject": "true", "vault.hashicorp.com/role": "admin"}),
        [
            'J-01 injected annotations: pod sets metadata.annotations["vault.hashicorp.com/role"]="admin"; allowed: "orders"; fix: leave it unset: bartizan writes it when the pod is created'
        ],
    ),
    "another Secret under the reserved name": (
        {
            **a_pod(),
            "spec": {**a_pod()["spec"], "volumes": [{"name": "bartizan-identity", "secret": {"secretName": "other"}}]},
        },
        [
            'J-02 workload identity: pod lacks spec.volumes[name=bartizan-identity].secret.secretName; allowed: "orders-tls"; fix: leave volume and mounts named bartizan-identity out: bartizan adds them when the pod is created'
        ],
    ),
    "a container without the mount": (
        a_pod(container={"volumeMounts": [{**MOUNT, "readOnly": False}]}),
        [
            'J-02 workload identity: container "app" lacks spec.containers[0].volumeMounts[name=bartizan-identity]; allowed: a read-only mount at /var/run/secrets/bartizan.dev/tls; fix: leave volume and mounts named bartizan-identity out: bartizan adds them when the pod is created'
        ],
    ),
}
ALLOWED = {
    "its own certificate in another folder too": a_pod(
        volumes=[{"name": "again", "secret": {"secretName": "orders-tls"}}],
        container={"volumeMounts": [MOUNT, {"name": "again", "mountPath": "/etc/tls"}]},
    ),
    "parts of other Secrets by subPath": a_pod(
        volumes=[{"name": "s", "secret": {"secretName": "password"}}],
        container={"volumeMounts": [MOUNT, {"name": "s", **PART}]},
    ),
    "a part of anything under a policy without identity": a_pod(
        labels={"app": "web"},
        serviceAccountName="web",
        annotations={},
        volumes=None,
        container={"volumeMounts": [{"name": "bartizan-identity", **PART}]},
    ),
    "Secrets that are nobody's certificate": a_pod(
        volumes=[{"name": "s", "secret": {"secretName": "password"}}],
        container={"envFrom": [{"secretRef": {"name": "password"}}, {"configMapRef": {"name": "web-tls"}}]},
    ),
    "the injector's mark beside its sidecar": a_pod(
        annotations=vault(agent_inject_status="injected"), container={"name": "vault-agent"}
    ),
    "the injector's mark beside its init container": a_pod(
        annotations=vault(agent_inject_status="injected"),
        initContainers=[{"name": "vault-agent-init", "volumeMounts": [MOUNT]}],
    ),
    "an annotation of another domain": a_pod(annotations={**vault(), "vault.hashicorp.com.example/role": "x"}),
    "a complete pod": a_pod(),
    "privileged: false": a_pod(container={"securityContext": {"privileged": False}}),
    "hostNetwork: false": a_pod(hostNetwork=False),
    "an ephemeral container without identity": a_pod(ephemeralContainers=[{"name": "debug"}]),
    "a policy by expression": a_pod(labels={"team": "b"}, serviceAccountName="team", annotations={}, volumes=None),
    "a policy without identity and secrets": a_pod(
        labels={"app": "web"}, serviceAccountName="web", annotations={}, volumes=None
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_violation_is_told_with_place_value_and_fix(case):
    """The gate refuses the pod with exactly these sentences."""
    pod, expected = REFUSED[case]
    assert said(pod) == expected


@pytest.mark.parametrize("case", ALLOWED)
def test_a_compliant_pod_passes(case):
    """The gate has nothing to say."""
    assert said(ALLOWED[case]) == []


def test_every_check_is_refused_somewhere():
    """No check of the registry is without a case above; those of the Pod Security Standards have a file of their own."""
    told = {sentence.split(" ", 1)[0] for _, sentences in REFUSED.values() for sentence in sentences}
    levelled = {check.info.id for check in ALL if check.info.standard and check.scope is Scope.COVERAGE}
    assert told | levelled == {check.info.id for check in ALL}
    assert not told & levelled


WORKLOADS = {
    "Deployment": (lambda template: {"kind": "Deployment", "spec": {"template": template}}, "spec.template."),
    "ReplicationController": (
        lambda template: {"kind": "ReplicationController", "spec": {"template": template}},
        "spec.template.",
    ),
    "CronJob": (
        lambda template: {"kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": template}}}},
        "spec.jobTemplate.spec.template.",
    ),
    "PodTemplate": (lambda template: {"kind": "PodTemplate", "template": template}, "template."),
}


@pytest.mark.parametrize("kind", WORKLOADS)
def test_a_template_is_judged_at_its_own_path(kind):
    """A template is refused for the floor only; what it lacks in coverage is told as a warning, injection is not asked for."""
    wrap, at = WORKLOADS[kind]
    workload = wrap({"spec": {"hostPID": True, "containers": [{"name": "app"}]}})
    floor = f"P-02 host namespaces: pod sets {at}spec.hostPID=true; allowed: unset or false; fix: remove it"
    uncovered = f"C-01 covered by no policy: pod sets {at}metadata.labels={{}}; allowed: labels that exactly one ServiceSecurityPolicy of the namespace selects; fix: give the pod the labels of its policy, or write a ServiceSecurityPolicy that selects it"
    refused, told = (ask(workload, INDEX, operation="CREATE") for ask in (judge, review))
    assert refusal(workload, INDEX, refused) == f"bartizan: {kind} refused: {floor}"
    assert (
        warning(workload, INDEX, told)
        == f"bartizan: {kind} pods would be refused (no policy covers it): {floor}; {uncovered}"
    )

"""The gate on a real API server, with no bartizan process alive."""

import copy

import pytest

from bartizan.core.admission import judge, refusal, review, warning
from waiting import eventually
from workload_kinds import around

pytestmark = pytest.mark.api

KINDS = (
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Job",
    "CronJob",
    "ReplicationController",
    "PodTemplate",
)
GATE = "ValidatingAdmissionPolicy 'bartizan-gate' with binding 'bartizan-gate' denied request: "
TEMPLATES = "ValidatingAdmissionPolicy 'bartizan-templates' with binding 'bartizan-templates' denied request: "


def a_pod(name="p", *, labels=None, account="orders", container=None, **spec):
    """A pod as a team writes it."""
    meta = {"name": name, "labels": {"app": "orders"} if labels is None else labels}
    whole = {"serviceAccountName": account, "containers": [{"name": "app", "image": "x", **(container or {})}], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": whole}


def wrapped(kind, pod, name="w"):
    """A workload whose pods are `pod`."""
    return around(kind, {"metadata": {"labels": pod["metadata"]["labels"]}, "spec": pod["spec"]}, name)


def told(message):
    """What follows the API server's own words."""
    return message[message.index("bartizan: ") :] if "bartizan: " in message else message


def warned(answer):
    """Our lines among the warnings, as they were before they were put into HTTP headers (RFC 7234, 5.5)."""
    return [told(text)[:-1].replace('\\"', '"').replace("\\\\", "\\") for text in answer.warnings]


PRIVILEGED = {"securityContext": {"privileged": True}}
WEB_KEY = {"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "web-tls", "key": "tls.key"}}}
WEB_ENV = {"env": [{"name": "A", "value": "x"}, WEB_KEY], "envFrom": [{"secretRef": {"name": "web-tls"}}]}
FORBIDDEN = {
    "another policy's certificate as a volume": a_pod(volumes=[{"name": "v", "secret": {"secretName": "web-tls"}}]),
    "another policy's certificate in a projected volume": a_pod(
        volumes=[
            {"name": "v", "projected": {"sources": [{"configMap": {"name": "c"}}, {"secret": {"name": "web-tls"}}]}}
        ]
    ),
    "another policy's certificate in the environment": a_pod(
        container=WEB_ENV, initContainers=[{"name": "i", "image": "x", **WEB_ENV}]
    ),
    "privileged": a_pod(container=PRIVILEGED),
    "privileged init container": a_pod(initContainers=[{"name": "i", "image": "x", **PRIVILEGED}]),
    "host namespaces": a_pod(hostNetwork=True, hostPID=True, hostIPC=True),
    "hostPath": a_pod(volumes=[{"name": "v", "hostPath": {"path": "/"}}]),
    "uncovered": a_pod(labels={"app": "nobody"}, account="default"),
    "no labels at all": a_pod(labels={}, account="default"),
    "uncovered with a policy's account": a_pod(labels={"app": "nobody"}),
    "covered twice": a_pod(labels={"app": "web", "track": "canary"}, account="web"),
    "another account": a_pod(account="web"),
    "excluded by an expression": a_pod(labels={"team": "a", "old": "1"}, account="default"),
    "everything at once": a_pod(
        labels={"app": "web", "track": "canary"},
        hostPID=True,
        container=PRIVILEGED,
        volumes=[{"name": "v", "hostPath": {"path": "/ä\n"}}],
    ),
    "more than fits into a message": a_pod(
        volumes=[{"name": f"v{i}", "hostPath": {"path": "/" + "x" * 200}} for i in range(60)]
    ),
    "more than fits, not ASCII": a_pod(
        volumes=[{"name": f"v{i}", "hostPath": {"path": "/" + "🙂" * 100}} for i in range(60)]
    ),
}


@pytest.mark.parametrize("case", FORBIDDEN)
def test_a_forbidden_pod_is_refused_in_our_words(api, index, case):
    """The API server refuses the pod with exactly the line that Python foresees."""
    injected = api.create(FORBIDDEN[case], "adm-plain").body
    answer = api.create(FORBIDDEN[case], "adm-enforce")
    violations = [v for v in judge(injected, index, operation="CREATE") if v.id not in {"J-01", "J-02"}]
    assert answer.code == 403
    assert answer.message == f'pods "p" is forbidden: {GATE}{refusal(injected, index, violations)}'


@pytest.mark.parametrize("kind", KINDS)
def test_a_forbidden_template_is_refused_at_the_template(api, index, kind):
    """Each workload kind is refused for the floor with the template's own path."""
    workload = wrapped(kind, a_pod(hostPID=True, container=PRIVILEGED))
    answer = api.create(workload, "adm-enforce")
    assert answer.code == 403
    line = refusal(workload, index, judge(workload, index, operation="CREATE"))
    assert answer.message.endswith(f"is forbidden: {TEMPLATES}{line}")
    assert line.startswith(f'bartizan: {kind} refused: P-01 privileged: container "app" sets ')


@pytest.mark.parametrize("kind", KINDS)
def test_an_uncovered_template_is_accepted_with_a_warning(api, index, kind):
    """A template that nobody covers yet is accepted: its policy may be in the same folder."""
    workload = wrapped(kind, a_pod(labels={"app": "later"}, account="default"))
    answer = api.create(workload, "adm-enforce")
    assert answer.code == 201
    line = warning(answer.body, index, review(answer.body, index, operation="CREATE"))
    assert warned(answer) == [line]


def test_a_compliant_pod_gets_annotations_and_identity(api, index):
    """Whatever is missing is added, to containers and init containers, beside what is there."""
    pod = a_pod(
        initContainers=[{"name": "i", "image": "x"}],
        container={"volumeMounts": [{"name": "t", "mountPath": "/t"}]},
        volumes=[{"name": "t", "emptyDir": {}}],
    )
    made = api.create(pod, "adm-enforce")
    assert made.code == 201, made.message
    entry = index["buckets"]["app=orders"][0]
    mount = {"name": "bartizan-identity", "mountPath": "/var/run/secrets/bartizan.dev/tls", "readOnly": True}
    spec = made.body["spec"]
    assert made.body["metadata"]["annotations"] == entry["annotations"]
    assert [v for v in spec["volumes"] if v["name"] == "bartizan-identity"] == [
        {"name": "bartizan-identity", "secret": {"secretName": "orders-tls", "defaultMode": 0o444, "optional": False}}
    ]
    assert [c["volumeMounts"].count(mount) for c in (*spec["containers"], *spec["initContainers"])] == [1, 1]
    assert judge(made.body, index, operation="CREATE") == ()


def test_a_pod_gets_the_volume_of_a_certificate_of_its_own(api, index):
    """Where the index says so, the volume asks the pod's node for key and certificate, and the cluster for the trust bundle."""
    pod = a_pod(labels={"app": "cards"}, account="cards", volumes=[{"name": "t", "emptyDir": {}}])
    made = api.create(pod, "adm-enforce")
    assert made.code == 201, made.message
    assert [v for v in made.body["spec"]["volumes"] if v["name"] == "bartizan-identity"] == [
        {
            "name": "bartizan-identity",
            "projected": {
                "defaultMode": 0o444,
                "sources": [
                    {
                        "podCertificate": {
                            "signerName": "bartizan.dev/default",
                            "keyType": "ECDSAP256",
                            "maxExpirationSeconds": 86400,
                            "keyPath": "tls.key",
                            "certificateChainPath": "tls.crt",
                            "credentialBundlePath": "tls-combined.pem",
                            "userAnnotations": {"bartizan.dev/policy": "cards"},
                        }
                    },
                    {
                        "clusterTrustBundle": {
                            "signerName": "bartizan.dev/default",
                            "labelSelector": {"matchLabels": {"bartizan.dev/stage": "live"}},
                            "path": "ca.crt",
                        }
                    },
                ],
            },
        }
    ]
    assert judge(made.body, index, operation="CREATE") == ()


def test_a_pod_without_volumes_mounts_and_annotations_gets_them(api, index):
    """The account `team` mounts no token, so the pod has neither volumes nor mounts before injection."""
    made = api.create(a_pod(labels={"team": "a"}, account="team"), "adm-enforce")
    assert made.code == 201, made.message
    assert [v["name"] for v in made.body["spec"]["volumes"]] == ["bartizan-identity"]
    assert [m["name"] for m in made.body["spec"]["containers"][0]["volumeMounts"]] == ["bartizan-identity"]
    assert "annotations" not in made.body["metadata"]


def test_injection_changes_nothing_twice(api):
    """A pod that went through injection and is created again comes out the same."""
    first = api.create(a_pod(), "adm-enforce").body
    again = copy.deepcopy(first)
    for field in ("uid", "creationTimestamp", "managedFields", "resourceVersion"):
        again["metadata"].pop(field, None)
    second = api.create(again, "adm-enforce").body
    assert (second["spec"], second["metadata"]["annotations"]) == (first["spec"], first["metadata"]["annotations"])


def annotated(key, value):
    """Returns what gives a pod one annotation of the Vault Agent Injector."""
    return lambda pod: pod["metadata"].update(annotations={f"vault.hashicorp.com/{key}": value})


CONFLICTS = {
    "a Vault secret more": (
        annotated("agent-inject-secret-root", "secret/root"),
        'J-01 injected annotations: pod sets metadata.annotations["vault.hashicorp.com/agent-inject-secret-root"]="secret/root"; allowed: unset; fix: remove it: ',
    ),
    "another agent image": (
        annotated("agent-image", "evil"),
        'J-01 injected annotations: pod sets metadata.annotations["vault.hashicorp.com/agent-image"]="evil"; allowed: unset',
    ),
    "the injector's mark without its container": (
        annotated("agent-inject-status", "injected"),
        'J-01 injected annotations: pod sets metadata.annotations["vault.hashicorp.com/agent-inject-status"]="injected"; allowed: unset, or "injected" from the Vault Agent Injector beside its container',
    ),
    "a Vault role under a policy without secrets": (
        lambda pod: (
            pod["metadata"].update(labels={"team": "a"}, annotations={"vault.hashicorp.com/role": "orders"}),
            pod["spec"].update(serviceAccountName="team"),
        ),
        'by policy "team": J-01 injected annotations: pod sets metadata.annotations["vault.hashicorp.com/role"]="orders"; allowed: unset',
    ),
    "another Vault role": (
        annotated("role", "admin"),
        'J-01 injected annotations: pod sets metadata.annotations["vault.hashicorp.com/role"]="admin"; allowed: "orders"',
    ),
    "injection switched off": (
        annotated("agent-inject", "false"),
        'J-01 injected annotations: pod sets metadata.annotations["vault.hashicorp.com/agent-inject"]="false"; allowed: "true"',
    ),
    "another Secret as identity": (
        lambda pod: pod["spec"].update(volumes=[{"name": "bartizan-identity", "secret": {"secretName": "web-tls"}}]),
        'J-02 workload identity: pod lacks spec.volumes[name=bartizan-identity].secret.secretName; allowed: "orders-tls"',
    ),
    "a certificate for another policy": (
        lambda pod: (
            pod["metadata"].update(labels={"app": "cards"}),
            pod["spec"].update(
                serviceAccountName="cards",
                volumes=[{"name": "bartizan-identity", "secret": {"secretName": "cards-tls"}}],
            ),
        ),
        "J-02 workload identity: pod lacks spec.volumes[name=bartizan-identity].projected.sources; allowed: a podCertificate and a clusterTrustBundle of bartizan.dev/default",
    ),
    "identity mounted elsewhere": (
        lambda pod: pod["spec"]["containers"][0].update(
            volumeMounts=[{"name": "bartizan-identity", "mountPath": "/x"}]
        ),
        'J-02 workload identity: container "app" lacks spec.containers[0].volumeMounts[name=bartizan-identity]',
    ),
    "another volume at its path": (
        lambda pod: (
            pod["spec"].update(volumes=[{"name": "e", "emptyDir": {}}]),
            pod["spec"]["containers"][0].update(
                volumeMounts=[{"name": "e", "mountPath": "/var/run/secrets/bartizan.dev/tls"}]
            ),
        ),
        'J-02 workload identity: container "app" lacks spec.containers[0].volumeMounts[name=bartizan-identity]',
    ),
}


@pytest.mark.parametrize("case", CONFLICTS)
def test_what_a_pod_sets_is_never_overridden_but_refused(api, case):
    """A conflicting value stays as written, and the gate refuses it with the value it allows."""
    change, expected = CONFLICTS[case]
    pod = a_pod()
    change(pod)
    answer = api.create(pod, "adm-enforce")
    assert answer.code == 403
    assert expected in answer.message


@pytest.mark.parametrize("field", ["containers", "initContainers"])
def test_a_pod_passes_as_the_vault_injector_leaves_it(api, field):
    """The injector's own mark beside its container is no reason to refuse; nor is the pod's certificate in a second place."""
    pod = a_pod(
        initContainers=[{"name": "i", "image": "x"}], volumes=[{"name": "t", "secret": {"secretName": "orders-tls"}}]
    )
    pod["metadata"]["annotations"] = {"vault.hashicorp.com/agent-inject-status": "injected"}
    agent = "vault-agent" if field == "containers" else "vault-agent-init"
    pod["spec"][field].append({"name": agent, "image": "x"})
    answer = api.create(pod, "adm-enforce")
    assert answer.code == 201, answer.message


def test_a_template_with_a_foreign_certificate_is_warned_about(api, index):
    """The template passes with the line its pods will be refused with: whose certificate it is may change until then."""
    workload = wrapped("Deployment", a_pod(volumes=[{"name": "v", "secret": {"secretName": "web-tls"}}]))
    answer = api.create(workload, "adm-enforce")
    line = warning(answer.body, index, review(answer.body, index, operation="CREATE"))
    assert (answer.code, warned(answer)) == (201, [line])
    assert line.startswith(
        'bartizan: Deployment pods would be refused by policy "orders": J-03 foreign identity: volume "v" '
    )


def test_a_namespace_that_warns_refuses_nothing(api, index):
    """The same line arrives as a warning, and the pod is created."""
    pod = a_pod(labels={"app": "nobody"}, account="default", hostPID=True)
    answer = api.create(pod, "adm-warn")
    line = warning(pod, index, review(answer.body, index, operation="CREATE"))
    assert answer.code == 201
    assert warned(answer) == [line]


def test_a_namespace_that_audits_says_nothing(api):
    """Nothing is refused and nobody is disturbed; injection works there too."""
    answer = api.create(a_pod(hostPID=True), "adm-audit")
    assert (answer.code, answer.warnings) == (201, ())
    assert answer.body["metadata"]["annotations"]["vault.hashicorp.com/role"] == "orders"


@pytest.mark.parametrize("namespace", ["adm-plain", "adm-system"])
def test_an_ungoverned_namespace_is_left_alone(api, namespace):
    """Neither gate nor injection touch a namespace without the label, nor bartizan's own whatever its label."""
    answer = api.create(a_pod(hostPID=True, container=PRIVILEGED), namespace)
    assert (answer.code, answer.warnings) == (201, ())
    assert "annotations" not in answer.body["metadata"]


def test_without_an_index_pods_are_refused_and_templates_wait(api):
    """A namespace whose index is not written yet starts nothing, but accepts the workloads that will retry."""
    refused = api.create(a_pod(), "adm-unindexed")
    assert refused.code in {403, 422}
    assert "bartizan-gate" in refused.message
    assert api.create(wrapped("Deployment", a_pod()), "adm-unindexed").code == 201
    assert api.create(wrapped("Deployment", a_pod(hostPID=True)), "adm-unindexed").code == 403


@pytest.fixture
def old_pod(api, cluster):
    """A pod that was there, forbidden, before its namespace came under the gate."""
    cluster.kubectl("label", "namespace", "adm-enforce", "bartizan.dev/enforcement-", "--overwrite")
    pod = a_pod("old", labels={"app": "nobody"}, account="default", hostPID=True)
    eventually(lambda: api.create(pod, "adm-enforce").code == 201)
    assert api.create(pod, "adm-enforce", dry_run=False).code == 201
    workload = wrapped("Deployment", a_pod(labels={"app": "nobody"}, account="default", hostPID=True), "old")
    workload["spec"]["replicas"] = 0
    assert api.create(workload, "adm-enforce", dry_run=False).code == 201
    cluster.kubectl("label", "namespace", "adm-enforce", "bartizan.dev/enforcement=enforce")
    eventually(lambda: api.create(pod, "adm-enforce").code != 201)
    yield "old"
    api.delete("Deployment", "adm-enforce", "old", dry_run=False)
    api.delete("Pod", "adm-enforce", "old", dry_run=False)


def test_what_was_there_before_is_held_but_not_stuck(api, old_pod):
    """A forbidden pod or workload can be labelled, scaled, resized and cleaned up; it cannot get worse."""
    assert api.patch("Pod", "adm-enforce", old_pod, {"metadata": {"labels": {"note": "1"}}}).code == 200
    assert api.patch("Pod", "adm-enforce", old_pod, {"metadata": {"finalizers": ["adm.example/x"]}}).code == 200
    assert api.patch("Deployment", "adm-enforce", old_pod, {"spec": {"replicas": 3}}).code == 200
    same = {"spec": {"template": {"metadata": {"annotations": {"a": "b"}}}}}
    assert api.patch("Deployment", "adm-enforce", old_pod, same).code == 200
    worse = {"spec": {"template": {"spec": {"hostIPC": True}}}}
    assert (
        "P-02 host namespaces: pod sets spec.template.spec.hostIPC=true"
        in api.patch("Deployment", "adm-enforce", old_pod, worse).message
    )


def test_a_debug_container_is_judged(api, old_pod):
    """An ephemeral container that is privileged or takes a certificate is refused, a plain one passes: also in a pod that was there before."""

    def debug(**more):
        return {"spec": {"ephemeralContainers": [{"name": "debug", "image": "x", **more}]}}

    plain = api.patch("Pod", "adm-enforce", old_pod, debug(), subresource="ephemeralcontainers")
    foreign = api.patch("Pod", "adm-enforce", old_pod, debug(**WEB_ENV), subresource="ephemeralcontainers")
    assert 'J-03 foreign identity: ephemeral container "debug" sets ' in foreign.message
    refused = api.patch("Pod", "adm-enforce", old_pod, debug(**PRIVILEGED), subresource="ephemeralcontainers")
    assert plain.code == 200, plain.message
    assert refused.code == 403
    assert told(refused.message) == (
        'bartizan: pod refused (no policy covers it): P-01 privileged: ephemeral container "debug" sets '
        "spec.ephemeralContainers[0].securityContext.privileged=true; allowed: unset or false; fix: remove it"
    )


def test_a_resize_passes_the_gate(api, old_pod):
    """The subresource `resize` is judged like any update: nothing new, nothing refused."""
    resize = {"spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": "10m"}}}]}}
    answer = api.patch("Pod", "adm-enforce", old_pod, resize, subresource="resize")
    assert "bartizan" not in answer.message


def test_a_terminating_pod_lets_go_of_its_finalizers(api, cluster):
    """A pod that lost its policy is deleted although no policy covers it: its finalizer goes, its labels may change."""
    pod = a_pod("leaving")
    pod["metadata"]["finalizers"] = ["adm.example/x"]
    assert api.create(pod, "adm-enforce", dry_run=False).code == 201
    api.delete("Pod", "adm-enforce", "leaving", dry_run=False)
    relabelled = api.patch("Pod", "adm-enforce", "leaving", {"metadata": {"labels": {"app": "nobody"}}}, dry_run=False)
    assert relabelled.code == 200, relabelled.message
    freed = api.ask(
        "PATCH",
        "/api/v1/namespaces/adm-enforce/pods/leaving",
        {"metadata": {"finalizers": None}},
        content="application/merge-patch+json",
    )
    assert freed.code == 200, freed.message
    eventually(lambda: api.ask("GET", "/api/v1/namespaces/adm-enforce/pods/leaving").code == 404)


def test_controllers_make_pods_of_an_accepted_deployment(api):
    """Deployment, ReplicaSet and Pod of a covered workload go through, each made by its controller."""
    assert api.create(wrapped("Deployment", a_pod(), "good"), "adm-enforce", dry_run=False).code == 201
    pods = eventually(
        lambda: [p for p in api.get("Pod", "adm-enforce")["items"] if p["metadata"]["name"].startswith("good-")]
    )
    assert pods[0]["metadata"]["annotations"]["vault.hashicorp.com/role"] == "orders"
    api.delete("Deployment", "adm-enforce", "good", dry_run=False)


def test_the_owner_s_events_carry_the_refusal(api):
    """A Deployment that nobody covers is accepted; the ReplicaSet's events say why no pod starts."""
    assert (
        api.create(
            wrapped("Deployment", a_pod(labels={"app": "nobody"}, account="default"), "lost"),
            "adm-enforce",
            dry_run=False,
        ).code
        == 201
    )

    def refused():
        events = api.get("Event", "adm-enforce")["items"]
        return [
            e["message"]
            for e in events
            if e["reason"] == "FailedCreate" and e["involvedObject"]["name"].startswith("lost-")
        ]

    assert (
        "C-01 covered by no policy: pod sets metadata.labels={app=nobody,pod-template-hash=" in eventually(refused)[0]
    )
    api.delete("Deployment", "adm-enforce", "lost", dry_run=False)


def test_a_sidecar_that_others_inject_gets_its_identity_too(api, cluster):
    """A container added by another mutation after ours is mounted by reinvocation, so that the gate lets the pod through."""
    sidecar = """
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicy
metadata: {name: zz-adm-sidecar}
spec:
  failurePolicy: Fail
  reinvocationPolicy: Never
  matchConstraints:
    namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: adm-enforce}}
    objectSelector: {matchLabels: {sidecar: "true"}}
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  mutations:
  - patchType: JSONPatch
    jsonPatch:
      expression: >-
        [JSONPatch{op: "add", path: "/spec/containers/-", value: Object.spec.containers{name: "sidecar", image: "x"}}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingAdmissionPolicyBinding
metadata: {name: zz-adm-sidecar}
spec: {policyName: zz-adm-sidecar}
"""
    cluster.kubectl("apply", "-f", "-", stdin=sidecar)
    try:
        pod = a_pod(labels={"app": "orders", "sidecar": "true"})

        def made():
            body = api.create(pod, "adm-enforce").body
            return body if len(body.get("spec", {}).get("containers", ())) == 2 else None

        containers = eventually(made)["spec"]["containers"]
        assert [any(m["name"] == "bartizan-identity" for m in c["volumeMounts"]) for c in containers] == [True, True]
    finally:
        cluster.kubectl("delete", "-f", "-", stdin=sidecar)

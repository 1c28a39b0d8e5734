"""What the chart promises, looked at in what helm renders: least power, restricted pods, nothing generated that is out of date."""

import json
from datetime import timedelta
from typing import Any

import pytest
import yaml

import chart_files as generator
from bartizan.cli.crd import crd_files
from bartizan.cli.defaults import read_objects
from bartizan.core.checks.render import admission_objects
from bartizan.core.checks.settings import AdmissionSettings
from bartizan.prober.settings import ProberSettings
from bartizan.shell.prober import prober_settings
from bartizan.shell.settings import controller_settings
from bartizan.shell.webhook import webhook_settings
from bartizan.webhook.server import PATH
from chart.rendering import CASES, CHART, ROOT, decoded

EVERY_CASE = pytest.mark.parametrize("case", CASES)


@EVERY_CASE
def test_helm_finds_no_fault(helm, case: str) -> None:
    """`helm lint --strict` passes with the values of every case."""
    files = [word for file in CASES[case] for word in ("--values", file)]
    done = helm("lint", "--strict", "--namespace", "bartizan-system", str(CHART), *files)
    assert done.returncode == 0, done.stdout + done.stderr


def test_generated_files_are_current() -> None:
    """The CRD templates and the reference of the values are what the generator writes now."""
    stale = [
        str(path.relative_to(ROOT))
        for path, text in generator.generated().items()
        if not path.exists() or path.read_text() != text
    ]
    assert stale == [], "run: python hack/chart_files.py"


def test_the_definitions_are_the_models(cases) -> None:
    """The chart's definitions differ from those of `bartizan crd` in labels and the switch to keep them only."""
    rendered = {
        item["metadata"]["name"]: item
        for item in cases["default"].objects
        if item["kind"] == "CustomResourceDefinition"
    }
    models = {item["metadata"]["name"]: item for item in map(yaml.safe_load, crd_files().values())}
    assert {name: item["spec"] for name, item in rendered.items()} == {
        name: item["spec"] for name, item in models.items()
    }
    assert {item["metadata"]["annotations"]["helm.sh/resource-policy"] for item in rendered.values()} == {"keep"}


def test_definitions_can_be_left_out_or_let_go(cases) -> None:
    """crds.enabled=false renders none; crds.keep=false lets Helm delete them."""
    assert cases["platform"].names("CustomResourceDefinition") == []
    definitions = [item for item in cases["small"].objects if item["kind"] == "CustomResourceDefinition"]
    assert [item["metadata"].get("annotations") for item in definitions] == [None] * 4


def test_the_admission_objects_are_the_checks(cases) -> None:
    """The gate and its guards are exactly what the checks render for this namespace and account."""
    kinds = (
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "MutatingAdmissionPolicy",
        "MutatingAdmissionPolicyBinding",
    )
    rendered = {
        (item["kind"], item["metadata"]["name"]): item["spec"]
        for item in cases["default"].objects
        if item["kind"] in kinds
    }
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    settings = AdmissionSettings(
        release_namespace="bartizan-system", controller_account="bartizan-controller", image=f"bartizan:{version}"
    )
    assert rendered == {(item["kind"], item["metadata"]["name"]): item["spec"] for item in admission_objects(settings)}


RESTRICTED = {
    "runs as non-root": lambda pod, _: pod["securityContext"]["runAsNonRoot"] is True,
    "runs as nobody in particular": lambda pod, _: pod["securityContext"]["runAsUser"] == 65532,
    "uses seccomp": lambda pod, _: pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"},
    "is in no host namespace": lambda pod, _: not {"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & pod.keys(),
    "mounts nothing of the host": lambda pod, _: not [v for v in pod.get("volumes", []) if set(v) - {"name", "emptyDir", "secret", "projected"}],
    "can't escalate": lambda _, container: container["securityContext"]["allowPrivilegeEscalation"] is False,
    "drops all capabilities": lambda _, container: container["securityContext"]["capabilities"] == {"drop": ["ALL"]},
    "has a read-only root": lambda _, container: container["securityContext"]["readOnlyRootFilesystem"] is True,
    "is not privileged": lambda _, container: "privileged" not in container["securityContext"],
    "has bounded memory": lambda _, container: "memory" in container["resources"]["limits"],
    "says whether it gets a token": lambda pod, _: pod["automountServiceAccountToken"] is True,
    "has an account of its own": lambda pod, _: pod["serviceAccountName"].startswith("bartizan-"),
}  # fmt: skip


@EVERY_CASE
@pytest.mark.parametrize("rule", RESTRICTED)
def test_every_pod_is_restricted(cases, case: str, rule: str) -> None:
    """Every pod of the release, jobs included, meets Pod Security Standard restricted and more."""
    pods = cases[case].pods()
    assert set(pods) >= {"bartizan-controller", "bartizan-webhook"}
    assert [name for name, pod in pods.items() for c in pod["containers"] if not RESTRICTED[rule](pod, c)] == []
    assert [name for name, pod in pods.items() if len(pod["containers"]) != 1 or "initContainers" in pod] == []


def _rules(rendered, kind: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        (item["metadata"]["name"], rule) for item in rendered.objects if item["kind"] == kind for rule in item["rules"]
    ]


def test_no_rule_has_a_wildcard(cases) -> None:
    """No role grants `*` of anything."""
    rules = _rules(cases["default"], "ClusterRole") + _rules(cases["default"], "Role")
    assert len(rules) > 20
    assert [(name, rule) for name, rule in rules for words in rule.values() if "*" in words] == []


def test_nobody_reads_secrets_in_the_whole_cluster(cases) -> None:
    """One ClusterRole speaks of Secrets, and no ClusterRoleBinding binds it."""
    rendered = cases["default"]
    assert [name for name, rule in _rules(rendered, "ClusterRole") if "secrets" in rule["resources"]] == [
        "bartizan-certificates"
    ]
    bound = {item["roleRef"]["name"] for item in rendered.objects if item["kind"] == "ClusterRoleBinding"}
    assert bound == {"bartizan-controller", "bartizan-webhook", "bartizan-defaults", "bartizan-uninstall"}


def test_the_webhook_only_reads(cases) -> None:
    """The webhook's account has one ClusterRole with get, list and watch, and no Role."""
    rendered = cases["default"]
    verbs = {
        verb for name, rule in _rules(rendered, "ClusterRole") if name == "bartizan-webhook" for verb in rule["verbs"]
    }
    roles = [
        item["roleRef"]["name"]
        for item in rendered.objects
        if item["kind"].endswith("RoleBinding") and item["kind"] != "ClusterRoleBinding"
        for subject in item["subjects"]
        if subject["name"] == "bartizan-webhook"
    ]
    assert (verbs, roles) == ({"get", "list", "watch"}, [])


def test_the_controller_changes_no_more_than_it_owns(cases) -> None:
    """What the controller may write in the whole cluster, and under which names, is this and no more."""
    writes = {
        (
            resource,
            tuple(rule.get("resourceNames", ["any"])),
            tuple(sorted(set(rule["verbs"]) - {"get", "list", "watch"})),
        )
        for name, rule in _rules(cases["default"], "ClusterRole")
        if name == "bartizan-controller"
        for resource in rule["resources"]
        if set(rule["verbs"]) - {"get", "list", "watch"}
    }
    assert writes == {
        ("servicesecuritypolicies/status", ("any",), ("patch",)),
        ("trustdomains/status", ("any",), ("patch",)),
        ("policyindices", ("index",), ("create", "delete", "patch")),
        ("securitybaselines", ("any",), ("govern",)),
        ("networkpolicies", ("any",), ("create", "delete", "patch")),
        ("rolebindings", ("bartizan-certificates", "bartizan-probes"), ("create", "delete", "patch")),
        ("ciliumnetworkpolicies", ("any",), ("create", "delete", "patch")),
        ("clusternetworkpolicies", ("bartizan-baseline", "bartizan-metadata"), ("create", "delete", "patch")),
        # Held to one name and shape, in governed namespaces, by bartizan-guard-roles and bartizan-guard-access.
        ("roles", ("any",), ("bind", "create", "delete", "escalate", "patch")),
        ("rolebindings", ("any",), ("create", "delete", "patch")),
        ("clusterroles", ("bartizan-certificates",), ("bind",)),
        ("events", ("any",), ("create", "patch")),
        # Answers nodes, and publishes bundles, in the name of bartizan's own signers only.
        ("podcertificaterequests/status", ("any",), ("patch",)),
        ("clustertrustbundles", ("any",), ("create", "patch")),
        ("signers", ("bartizan.dev/*",), ("attest", "sign")),
    }


def test_nobody_escalates_without_guards(cases, render) -> None:
    """Where the chart's admission policies are switched off, the controller may neither escalate nor bind Roles."""
    verbs = {
        verb
        for _, rule in _rules(render(sets=("admission.enabled=false",)), "ClusterRole")
        if "roles" in rule["resources"]
        for verb in rule["verbs"]
    }
    assert verbs == {"get", "list", "watch"}


def test_without_the_switch_there_is_no_prober(cases) -> None:
    """By default nothing of the prober is rendered, and the controller may not hand out its ClusterRole."""
    rendered = cases["default"]
    probers = [
        name
        for kind in ("Deployment", "ServiceAccount", "NetworkPolicy", "ClusterRole")
        for name in rendered.names(kind)
        if "probe" in name
    ]
    bound = [r["resourceNames"] for _, r in _rules(rendered, "ClusterRole") if r["verbs"] == ["bind"]]
    assert (probers, bound) == ([], [["bartizan-certificates"]])


def test_the_prober_has_the_least_power(cases) -> None:
    """It writes one status subresource in the whole cluster, pods only where it is bound, and never Secrets, exec or logs."""
    rendered = cases["prober"]
    given = {
        name: {
            (resource, *sorted(rule["verbs"]))
            for n, rule in _rules(rendered, "ClusterRole")
            if n == name
            for resource in rule["resources"]
        }
        for name in ("bartizan-prober", "bartizan-probes")
    }
    reads = ("get", "list", "watch")
    assert given == {
        "bartizan-prober": {
            ("servicesecuritypolicies", *reads), ("networkpolicies", *reads), ("namespaces", *reads),
            ("servicesecuritypolicies/status", "patch"),
        },
        "bartizan-probes": {("pods", "create", "delete", "get", "list"), ("rolebindings", "get")},
    }  # fmt: skip
    bound = {
        item["roleRef"]["name"]: (item["kind"], [subject["name"] for subject in item["subjects"]])
        for item in rendered.objects
        if item["kind"].endswith("RoleBinding") and "prob" in item["roleRef"]["name"]
    }
    assert bound == {"bartizan-prober": ("ClusterRoleBinding", ["bartizan-prober"])}


def test_the_prober_is_held_by_guards_of_its_own(cases) -> None:
    """With a prober come the guards of what it deletes and says, and the gate names its account and the release's image."""
    rendered = cases["prober"]
    policies = rendered.names("ValidatingAdmissionPolicy")
    assert {"bartizan-guard-probes", "bartizan-guard-probes-elsewhere", "bartizan-guard-proof"} <= set(policies)
    image = rendered.pods()["bartizan-prober"]["containers"][0]["image"]
    (_, shape) = rendered.one("ValidatingAdmissionPolicy", "bartizan-gate")["spec"]["validations"]
    assert "request.userInfo.username == 'system:serviceaccount:bartizan-system:bartizan-prober'" in shape["expression"]
    assert f"object.spec.containers[0].image == '{image}'" in shape["expression"]


def test_the_prober_understands_its_settings(cases) -> None:
    """The environment that the chart gives to the prober is read without a complaint."""
    fields = {
        "metadata.namespace": "bartizan-system", "metadata.name": "pod-0",
        "spec.serviceAccountName": "bartizan-prober", "status.podIP": "10.0.0.9",
    }  # fmt: skip
    container = cases["prober"].pods()["bartizan-prober"]["containers"][0]
    given = {
        entry["name"]: entry.get("value") or fields[entry["valueFrom"]["fieldRef"]["fieldPath"]]
        for entry in container["env"]
    }
    assert prober_settings(given) == ProberSettings(
        namespace="bartizan-system", image=container["image"], address="10.0.0.9", release="bartizan",
        interval=timedelta(minutes=2), concurrency=2,
    )  # fmt: skip
    witness = cases["prober"].one("NetworkPolicy", "bartizan-prober")["spec"]
    assert witness["ingress"] == [{"ports": [{"protocol": "TCP", "port": ProberSettings(**given_nothing()).port}]}]
    controller = cases["prober"].pods()["bartizan-controller"]["containers"][0]["env"]
    assert [e["value"] for e in controller if e["name"] in {"BARTIZAN_PROBER", "BARTIZAN_PROOF_MAX_AGE"}] == [
        "6m",
        "bartizan-prober",
    ]


def given_nothing() -> dict[str, str]:
    """What the prober's settings can't do without."""
    return {"namespace": "bartizan-system", "image": "bartizan:1", "address": "10.0.0.9"}


def test_external_issuers_take_rights_of_their_own(cases) -> None:
    """Without the switches nothing of them is given; with them requests are made and removed, never approved or changed."""
    asks = {"certificaterequests", "certificatesigningrequests"}
    given = {
        case: {
            (name, resource, tuple(sorted(rule["verbs"])))
            for name, rule in _rules(cases[case], "ClusterRole")
            for resource in rule["resources"]
            if resource.split("/")[0] in asks or (resource == "signers" and rule["resourceNames"] != ["bartizan.dev/*"])
        }
        for case in ("default", "issuers")
    }
    verbs = ("create", "delete", "get", "list")
    assert given == {
        "default": set(),
        "issuers": {
            ("bartizan-certificates", "certificaterequests", verbs),
            ("bartizan-signing-requests", "certificatesigningrequests", verbs),
        },
    }
    names = {case: cases[case].names("ValidatingAdmissionPolicy") for case in given}
    assert set(names["issuers"]) - set(names["default"]) == {"bartizan-guard-signing-requests"}


def test_the_controller_gets_vaults_token_only_with_the_switch(cases) -> None:
    """A projected token for Vault's audience, where the setting says, and the way to Vault, for the controller alone."""
    pod = cases["issuers"].pods()["bartizan-controller"]
    (container,) = pod["containers"]
    (volume,) = [one for one in pod["volumes"] if one["name"] == "vault-token"]
    (mount,) = [one for one in container["volumeMounts"] if one["name"] == "vault-token"]
    settings = controller_settings({e["name"]: e.get("value", "x") for e in container["env"]})
    assert str(settings.vault_token_file) == f"{mount['mountPath']}/token"
    token = {"audience": "https://vault.example.com", "expirationSeconds": 3600, "path": "token"}
    assert volume["projected"] == {"sources": [{"serviceAccountToken": token}]}
    egress = cases["issuers"].one("NetworkPolicy", "bartizan-vault")["spec"]["egress"]
    assert egress == [{"to": [{"ipBlock": {"cidr": "10.9.0.0/24"}}], "ports": [{"protocol": "TCP", "port": 443}]}]
    assert "vault" not in str(cases["default"].pods()["bartizan-controller"])
    assert "bartizan-vault" not in cases["default"].names("NetworkPolicy")


def test_people_are_given_no_power_over_what_guards_them(cases) -> None:
    """Aggregated roles never write indices, floors or trust domains, and never govern; view only reads."""
    given: dict[str, set[tuple[str, str]]] = {"view": set(), "edit": set(), "admin": set()}
    for item in cases["default"].objects:
        for role, pairs in given.items():
            if (
                item["kind"] == "ClusterRole"
                and f"rbac.authorization.k8s.io/aggregate-to-{role}" in item["metadata"]["labels"]
            ):
                pairs.update((r, v) for rule in item["rules"] for r in rule["resources"] for v in rule["verbs"])
    read = {
        (resource, verb)
        for resource in ("servicesecuritypolicies", "policyindices")
        for verb in ("get", "list", "watch")
    }
    write = {("servicesecuritypolicies", verb) for verb in ("create", "update", "patch", "delete", "deletecollection")}
    assert given == {"view": read, "edit": read | write, "admin": read | write}


def test_every_rule_says_why() -> None:
    """Each rule of an account of bartizan has a comment above it."""
    bare = []
    for name in (
        "controller/rbac",
        "controller/certificates",
        "controller/signing-requests",
        "webhook/rbac",
        "prober/rbac",
        "hooks/defaults",
        "hooks/uninstall",
    ):
        lines = (CHART / "templates" / f"{name}.yaml").read_text().splitlines()
        bare += [
            f"{name}:{n}"
            for n, line in enumerate(lines)
            if line.startswith("- apiGroups:") and not lines[n - 1].startswith("# ")
        ]
    assert bare == []


def test_the_webhook_configuration_can_block_nothing(cases) -> None:
    """Only policies are sent, never from system namespaces or the release's own; a webhook that is away is passed over."""
    (hook,) = cases["default"].one("ValidatingWebhookConfiguration", "bartizan")["webhooks"]
    certificate = cases["default"].one("Secret", "bartizan-webhook-ca")["data"]["tls.crt"]
    assert hook == {
        "name": "policies.bartizan.dev",
        "clientConfig": {
            "service": {"name": "bartizan-webhook", "namespace": "bartizan-system", "path": PATH, "port": 443},
            "caBundle": certificate,
        },
        "rules": [
            {
                "apiGroups": ["bartizan.dev"], "apiVersions": ["v1alpha1"], "resources": ["servicesecuritypolicies"],
                "operations": ["CREATE", "UPDATE"], "scope": "Namespaced",
            }
        ],
        "namespaceSelector": {
            "matchExpressions": [
                {
                    "key": "kubernetes.io/metadata.name", "operator": "NotIn",
                    "values": ["kube-system", "kube-public", "kube-node-lease", "bartizan-system"],
                }
            ]
        },
        "failurePolicy": "Ignore",
        "matchPolicy": "Equivalent",
        "sideEffects": "None",
        "timeoutSeconds": 3,
        "admissionReviewVersions": ["v1"],
    }  # fmt: skip
    assert decoded(certificate).startswith("-----BEGIN CERTIFICATE-----")


def test_an_authority_of_ones_own_is_trusted(cases) -> None:
    """With webhook.ca.create=false no Secret is made and the given bundle is what the API server trusts."""
    (hook,) = cases["platform"].one("ValidatingWebhookConfiguration", "bartizan")["webhooks"]
    assert decoded(hook["clientConfig"]["caBundle"]) == "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    assert cases["platform"].names("Secret") == []


def test_the_processes_understand_their_settings(cases) -> None:
    """The environment that the chart gives to each process is read without a complaint, and nothing in it is unknown."""
    fields = {
        "metadata.namespace": "bartizan-system",
        "metadata.name": "pod-0",
        "spec.serviceAccountName": "bartizan-controller",
    }
    for name in ("bartizan-controller", "bartizan-webhook"):
        given = {
            entry["name"]: entry.get("value") or fields[entry["valueFrom"]["fieldRef"]["fieldPath"]]
            for entry in cases["default"].pods()[name]["containers"][0]["env"]
        }
        seen = controller_settings(given)
        assert (seen.namespace, seen.identity, seen.log_level) == ("bartizan-system", "pod-0", "info")
        assert (seen.metrics.port, seen.lease_name) == (9090, "bartizan-controller")
    assert seen.service_account == "bartizan-controller"
    webhook = webhook_settings(given)
    mounts = {m["mountPath"] for m in cases["default"].pods()["bartizan-webhook"]["containers"][0]["volumeMounts"]}
    assert (webhook.address, str(webhook.cert_dir) in mounts) == ("0.0.0.0:9443", True)


def test_the_defaults_are_what_the_values_say(cases) -> None:
    """The job that makes SecurityBaseline and TrustDomain carries them whole, and its command accepts them."""
    verb, text = cases["platform"].pods()["bartizan-defaults"]["containers"][0]["args"]
    assert verb == "defaults"
    assert [item["spec"] for item in read_objects(text)] == [
        {
            "network": {
                "internet": "Forbid",
                "clusterCIDRs": ["10.0.0.0/8"],
                "exposure": "GatewayOnly",
                "exposureNamespaces": ["gateways"],
                "dns": {
                    "namespace": "dns",
                    "selector": {"matchLabels": {"app": "coredns"}},
                    "addresses": ["169.254.20.10/32"],
                },
            },
            "mtls": {"maxLifetime": "24h"},
            "podSecurity": {"level": "restricted", "version": "v1.36"},
        },
        {"domain": "prod.example.com", "lifetimes": {"root": "43800h", "issuing": "720h"}},
    ]
    assert "bartizan-defaults" not in cases["small"].pods()


def test_uninstalling_opens_the_gate_first(cases) -> None:
    """A job runs before anything is deleted, with rights that only live as long as it does; it can be switched off."""
    rendered = cases["default"]
    hooks = [item for item in rendered.objects if item["metadata"]["name"] == "bartizan-uninstall"]
    assert {item["kind"] for item in hooks} == {
        "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Job",
    }  # fmt: skip
    assert {item["metadata"]["annotations"]["helm.sh/hook"] for item in hooks} == {"pre-delete"}
    assert {item["metadata"]["annotations"]["helm.sh/hook-delete-policy"] for item in hooks} == {
        "before-hook-creation,hook-succeeded"
    }
    assert rendered.pods()["bartizan-uninstall"]["containers"][0]["args"] == ["uninstall", "--network", "Open"]
    assert cases["platform"].pods()["bartizan-uninstall"]["containers"][0]["args"] == ["uninstall", "--network", "Keep"]
    assert "bartizan-uninstall" not in cases["small"].pods()


def test_bartizan_isolates_itself(cases) -> None:
    """Its pods reach the API server and DNS, are reached by the API server and Prometheus, and nothing else."""
    rendered = cases["platform"]
    assert rendered.names("NetworkPolicy") == ["bartizan", "bartizan-metrics", "bartizan-webhook"]
    assert rendered.one("NetworkPolicy", "bartizan")["spec"] == {
        "podSelector": {
            "matchLabels": {"app.kubernetes.io/name": "bartizan", "app.kubernetes.io/instance": "bartizan"}
        },
        "policyTypes": ["Ingress", "Egress"],
        "egress": [
            {"to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}], "ports": [{"protocol": "TCP", "port": 8443}]},
            {
                "to": [
                    {
                        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "dns"}},
                        "podSelector": {"matchLabels": {"app": "coredns"}},
                    },
                    {"ipBlock": {"cidr": "169.254.20.10/32"}},
                ],
                "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
            },
        ],
    }
    assert cases["small"].names("NetworkPolicy") == []


def test_metadata_addresses_are_closed_to_bartizan_too(cases) -> None:
    """Where the API server may be anywhere, link-local and cloud metadata addresses are still left out."""
    egress = cases["default"].one("NetworkPolicy", "bartizan")["spec"]["egress"][0]["to"]
    assert egress == [
        {"ipBlock": {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}},
        {"ipBlock": {"cidr": "::/0", "except": ["fe80::/10", "fd00:ec2::254/128"]}},
    ]


def test_replicas_survive_a_drain(cases) -> None:
    """More than one replica is spread and keeps a budget; a single one must not hold up a drain."""
    default, small = cases["default"], cases["small"]
    assert default.names("PodDisruptionBudget") == ["bartizan-controller", "bartizan-webhook"]
    assert "topologySpreadConstraints" in default.pods()["bartizan-controller"]
    assert small.names("PodDisruptionBudget") == []
    assert "topologySpreadConstraints" not in small.pods()["bartizan-controller"]


def test_everything_bears_the_common_labels(cases) -> None:
    """Every object says that it is bartizan's, so that one selector finds all of the release."""
    bare = [
        f"{item['kind']} {item['metadata']['name']}"
        for item in cases["monitoring"].objects
        if item["metadata"].get("labels", {}).get("app.kubernetes.io/name") != "bartizan"
    ]
    assert bare == []


def test_the_image_is_one_reference(cases) -> None:
    """Every pod runs the same image: a digest where one is given, else the chart's version."""
    images = {
        name: {c["image"] for pod in case.pods().values() for c in pod["containers"]} for name, case in cases.items()
    }
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    assert images["default"] == {f"bartizan:{version}"}
    assert images["platform"] == {
        "registry.example.com/platform/bartizan@sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
    }


REFUSED = {
    "a word that is no value": (["mystery=1"], "mystery"),
    "a word in a section": (["controller.replica=3"], "replica"),
    "no replicas": (["webhook.replicas=0"], "replicas"),
    "an unknown mode of uninstalling": (["uninstall.network=Shut"], "network"),
    "a default mode that does not exist yet": (["enforcement.default=enforce"], "default"),
    "a trust domain with capitals": (["trustDomain.domain=Prod"], "domain"),
    "a lifetime without a unit": (["securityBaseline.mtls.maxLifetime=24"], "maxLifetime"),
    "a level that asks for nothing": (["securityBaseline.podSecurity.level=privileged"], "level"),
    "a version of the standards that is none": (["securityBaseline.podSecurity.version=latest"], "version"),
    "a port beyond all": (["networkPolicy.apiServer.ports={70000}"], "ports"),
    "a short digest": (["image.digest=sha256:abc"], "digest"),
    "no bundle for one's own authority": (["webhook.ca.create=false"], "webhook.ca.bundle is empty"),
    "a bundle for the chart's authority": (
        ["webhook.ca.bundle=-----BEGIN CERTIFICATE-----"],
        "webhook.ca.create is true",
    ),
    "a prober without the gate that holds it": (
        ["prober.enabled=true", "admission.enabled=false"],
        "admission.enabled is false",
    ),
    "signing requests without their guard": (
        ["issuers.csrSigner.enabled=true", "admission.enabled=false"],
        "issuers.csrSigner.enabled is true and admission.enabled is false",
    ),
    "a Vault nowhere": (["issuers.vaultPKI.enabled=true", "issuers.vaultPKI.namespace="], "Say where Vault is"),
    "an external issuer without roots": (["trustDomain.issuer.certManager.name=corp"], "trustDomain.bundle is empty"),
    "two issuers": (["trustDomain.issuer.certManager.name=corp", "trustDomain.issuer.builtIn.a=b"], "issuer"),
    "probes beyond number": (["prober.concurrency=100"], "concurrency"),
    "isolation kept by policies that go": (["uninstall.network=Keep", "crds.keep=false"], "crds.keep is false"),
}


@pytest.mark.parametrize(("sets", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_impossible_values_are_refused(helm, sets: list[str], said: str) -> None:
    """Values that are unknown, impossible or contradict each other stop helm before anything is written, by name."""
    words = [word for value in sets for word in ("--set", value)]
    done = helm("template", "bartizan", str(CHART), "--namespace", "bartizan-system", *words)
    assert done.returncode != 0
    assert said in done.stderr


@pytest.mark.parametrize("namespace", ["kube-system", "kube-public", "kube-node-lease"])
def test_kubernetes_own_namespaces_are_refused(helm, namespace: str) -> None:
    """Bartizan is not installed into a namespace of Kubernetes."""
    done = helm("template", "bartizan", str(CHART), "--namespace", namespace)
    assert done.returncode != 0
    assert f"namespace is {namespace}, which belongs to Kubernetes" in done.stderr


def test_values_and_schema_speak_of_the_same() -> None:
    """Every value has a place in the schema, and every place in the schema a value."""
    schema = json.loads((CHART / "values.schema.json").read_text())

    def places(node: dict[str, Any]) -> Any:
        node = schema["definitions"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
        return {key: places(child) for key, child in node["properties"].items()} if "properties" in node else None

    def values(node: Any, like: Any) -> Any:
        return (
            {key: values(child, (like or {}).get(key)) for key, child in node.items()}
            if isinstance(like, dict)
            else None
        )

    known = places(schema)
    known.pop("global")
    assert values(yaml.safe_load((CHART / "values.yaml").read_text()), known) == known

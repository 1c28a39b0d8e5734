"""Builds the admission objects that the API server judges by: gate, templates, report and injection.

Each policy object that matches a pod costs the API server 2 to 4 ms a request whatever it says, so a pod meets one validating
and one mutating policy: the gate where its namespace enforces, the report where it warns or audits. Namespaces are selected in
the policy itself, not only in its binding: a policy that cannot be configured (its CRD is gone) refuses what the *policy*
matches, and that must never be a namespace that only warns.
"""

from typing import Final

from bartizan.api.kinds import (
    MUTATING_BINDING,
    MUTATING_POLICY,
    POLICY_INDEX,
    VALIDATING_BINDING,
    VALIDATING_POLICY,
)
from bartizan.api.names import ENFORCEMENT_LABEL, INDEX_NAME, KubeObject
from bartizan.core.checks import cel, exposure_guard, guards, probe
from bartizan.core.checks.check import Scope
from bartizan.core.checks.message import REFUSED, WOULD_BE_REFUSED
from bartizan.core.checks.objects import admission_object
from bartizan.core.checks.settings import GOVERNED, AdmissionSettings
from bartizan.core.injection import mutation

GATE: Final = "bartizan-gate"
TEMPLATES: Final = "bartizan-templates"
REPORT: Final = "bartizan-report"
INJECT: Final = "bartizan-inject"

_POD_CONNECTIONS: Final = ("attach", "binding", "eviction", "exec", "log", "portforward", "proxy", "status")
"""Subresources of pods that carry no pod specification. One that is not listed, and not known yet, is judged."""
_POD_RULE: Final[KubeObject] = {
    "apiGroups": [""],
    "apiVersions": ["v1"],
    "operations": ["CREATE", "UPDATE"],
    "resources": ["pods", "pods/*"],
}
_WORKLOAD_RULES: Final[list[KubeObject]] = [
    {
        "apiGroups": [group],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": resources,
    }
    for group, resources in (
        ("", ["podtemplates", "replicationcontrollers"]),
        ("apps", ["daemonsets", "deployments", "replicasets", "statefulsets"]),
        ("batch", ["cronjobs", "jobs"]),
    )
]
_EXCLUDED_RULES: Final[list[KubeObject]] = [
    {**_POD_RULE, "operations": ["*"], "resources": [f"pods/{name}" for name in _POD_CONNECTIONS]}
]


def admission_objects(settings: AdmissionSettings) -> list[KubeObject]:
    """Return every admission policy and binding, in the order in which they are applied."""
    return [
        *gate(settings),
        *templates(settings),
        *report(settings),
        *(inject(settings) if settings.injection else []),
        *guards.guards(settings),
        *exposure_guard.exposure_guard(settings),
        *(probe.guards(settings) if settings.prober else []),
    ]


def gate(settings: AdmissionSettings) -> list[KubeObject]:
    """Return the policy that refuses pods, and its binding. Without an index every pod is refused."""
    injected = f"request.operation == 'CREATE' && {settings.injection_word} && !({probe.is_probe(settings)})"
    scopes = {Scope.FLOOR: "true", Scope.COVERAGE: "true", Scope.INJECTION: injected}
    policy = _validating(GATE, settings.selector("enforce"), [_POD_RULE], scopes, failure="Fail", verdict=REFUSED)
    policy["spec"]["validations"].append(probe.shape(settings))
    return [policy, _binding(GATE, GATE, ["Deny"], missing="Deny")]


def templates(settings: AdmissionSettings) -> list[KubeObject]:
    """Return the policy that refuses workloads for the floor, and its binding.

    It reads no index: namespace, policies and Deployments are often applied in one go, before there is one.
    """
    scopes = {Scope.FLOOR: "true"}
    policy = _validating(
        TEMPLATES, settings.selector("enforce"), _WORKLOAD_RULES, scopes, failure="Fail", verdict=REFUSED
    )
    return [policy, _binding(TEMPLATES, TEMPLATES, ["Deny"], missing=None)]


def report(settings: AdmissionSettings) -> list[KubeObject]:
    """Return the policy that only tells: everything in namespaces that warn or audit, coverage of templates in enforced ones.

    It fails open, because whoever asked for warnings did not ask for an outage.
    """
    floor = f"namespaceObject.metadata.?labels[?'{ENFORCEMENT_LABEL}'].orValue('{settings.default_word}') != 'enforce'"
    new_pod = f"variables.kind == 'Pod' && request.operation == 'CREATE' && {settings.injection_word}"
    scopes = {Scope.FLOOR: floor, Scope.COVERAGE: "true", Scope.INJECTION: new_pod}
    rules = [_POD_RULE, *_WORKLOAD_RULES]
    selectors = {mode: {"namespaceSelector": {"matchExpressions": [settings.requirement(mode)]}} for mode in GOVERNED}
    hints = {"resourceRules": _WORKLOAD_RULES, **selectors["enforce"]}
    return [
        _validating(REPORT, settings.governed_selector(), rules, scopes, failure="Ignore", verdict=WOULD_BE_REFUSED),
        _binding(f"{REPORT}-templates", REPORT, ["Warn"], missing="Allow", match=hints),
        _binding(f"{REPORT}-warn", REPORT, ["Warn", "Audit"], missing="Allow", match=selectors["warn"]),
        _binding(f"{REPORT}-audit", REPORT, ["Audit"], missing="Allow", match=selectors["audit"]),
    ]


def inject(settings: AdmissionSettings) -> list[KubeObject]:
    """Return the policy that adds annotations and identity to new pods, and its binding.

    It fails open: in an enforced namespace the gate refuses a pod that came through unchanged, elsewhere the pod matters more.
    """
    rule = {**_POD_RULE, "operations": ["CREATE"], "resources": ["pods"]}
    spec = {
        "failurePolicy": "Ignore",
        "reinvocationPolicy": "IfNeeded",
        "paramKind": _PARAM_KIND,
        "matchConstraints": {
            "matchPolicy": "Equivalent",
            "namespaceSelector": settings.governed_selector(),
            "resourceRules": [rule],
        },
        "variables": mutation.variables(spared=probe.is_probe(settings)),
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": mutation.patch()}}],
    }
    binding = {"policyName": INJECT, "paramRef": {"name": INDEX_NAME, "parameterNotFoundAction": "Allow"}}
    return [admission_object(MUTATING_POLICY, INJECT, spec), admission_object(MUTATING_BINDING, INJECT, binding)]


_PARAM_KIND: Final = {"apiVersion": POLICY_INDEX.api_version, "kind": POLICY_INDEX.kind}


def _validating(
    name: str, selector: KubeObject, rules: list[KubeObject], scopes: dict[Scope, str], *, failure: str, verdict: str
) -> KubeObject:
    judges_pods = _POD_RULE in rules
    spec = {
        "failurePolicy": failure,
        **({} if set(scopes) == {Scope.FLOOR} else {"paramKind": _PARAM_KIND}),
        "matchConstraints": {
            "matchPolicy": "Equivalent",
            "namespaceSelector": selector,
            "resourceRules": rules,
            **({"excludeResourceRules": _EXCLUDED_RULES} if judges_pods else {}),
        },
        "variables": cel.variables(scopes=scopes, verdict=verdict),
        "validations": [
            {
                "expression": "variables.fresh.size() == 0",
                "messageExpression": "variables.message",
                "message": "bartizan: refused, and the reason could not be put into words",
                "reason": "Forbidden",
            }
        ],
    }
    return admission_object(VALIDATING_POLICY, name, spec)


def _binding(
    name: str, policy: str, actions: list[str], *, missing: str | None, match: KubeObject | None = None
) -> KubeObject:
    spec = {
        "policyName": policy,
        **({"paramRef": {"name": INDEX_NAME, "parameterNotFoundAction": missing}} if missing else {}),
        "validationActions": actions,
        **({"matchResources": match} if match else {}),
    }
    return admission_object(VALIDATING_BINDING, name, spec)

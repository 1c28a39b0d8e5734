"""Builds the admission objects that the API server judges by: the gate, the report and the injection.

Each policy object that matches a pod costs the API server 2 to 4 ms a request whatever it says, so a pod meets one validating
and one mutating policy. The gate selects enforced namespaces in the policy itself, not only in its binding: a policy that
cannot be configured (its CRD is gone) refuses what the *policy* matches, and that must never be a namespace that only warns.
"""

from typing import Any, Final

from bartizan.api.kinds import MUTATING_BINDING, MUTATING_POLICY, POLICY_INDEX, VALIDATING_BINDING, VALIDATING_POLICY, Kind
from bartizan.api.names import ENFORCEMENT_LABEL, INDEX_NAME, MANAGED_BY, MANAGED_BY_LABEL, KubeObject
from bartizan.core.checks import cel, guards
from bartizan.core.checks.check import Scope
from bartizan.core.checks.settings import AdmissionSettings
from bartizan.core.injection import mutation

GATE: Final = "bartizan-gate"
REPORT: Final = "bartizan-report"
INJECT: Final = "bartizan-inject"

_POD: Final = "variables.kind == 'Pod'"
_NEW_POD: Final = "variables.kind == 'Pod' && request.operation == 'CREATE'"
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
    return [*gate(settings), *report(settings), *inject(settings), *guards.guards(settings)]


def gate(settings: AdmissionSettings) -> list[KubeObject]:
    """Return the policy that refuses and its bindings.

    A pod is refused while the index is missing. A template then passes: namespace, policies and Deployments are often applied
    in one go, and its pods are judged anyway.
    """
    conditions = {Scope.FLOOR: "true", Scope.COVERAGE: _POD, Scope.INJECTION: _NEW_POD}
    policy = _validating(GATE, settings.selector("enforce"), conditions, failure="Fail")
    return [
        policy,
        _binding("bartizan-enforce-pods", GATE, ["Deny"], missing="Deny", match=_only([_POD_RULE])),
        _binding("bartizan-enforce-workloads", GATE, ["Deny"], missing="Allow", match=_only(_WORKLOAD_RULES)),
    ]


def report(settings: AdmissionSettings) -> list[KubeObject]:
    """Return the policy that only tells: everything in namespaces that warn or audit, hints on templates in enforced ones.

    It fails open, because whoever asked for warnings did not ask for an outage.
    """
    floor = f"namespaceObject.metadata.?labels[?'{ENFORCEMENT_LABEL}'].orValue('{settings.default}') != 'enforce'"
    conditions = {Scope.FLOOR: floor, Scope.COVERAGE: "true", Scope.INJECTION: _NEW_POD}
    hints = {**_only(_WORKLOAD_RULES), "namespaceSelector": {"matchExpressions": [settings.requirement("enforce")]}}
    warn, audit = ({"namespaceSelector": {"matchExpressions": [settings.requirement(mode)]}} for mode in ("warn", "audit"))
    return [
        _validating(REPORT, settings.governed_selector(), conditions, failure="Ignore"),
        _binding("bartizan-hints", REPORT, ["Warn"], missing="Allow", match=hints),
        _binding("bartizan-warn", REPORT, ["Warn", "Audit"], missing="Allow", match=warn),
        _binding("bartizan-audit", REPORT, ["Audit"], missing="Allow", match=audit),
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
        "variables": mutation.variables(),
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": mutation.patch()}}],
    }
    binding = {"policyName": INJECT, "paramRef": {"name": INDEX_NAME, "parameterNotFoundAction": "Allow"}}
    return [_object(MUTATING_POLICY, INJECT, spec), _object(MUTATING_BINDING, INJECT, binding)]


_PARAM_KIND: Final = {"apiVersion": POLICY_INDEX.api_version, "kind": POLICY_INDEX.kind}


def _validating(name: str, selector: KubeObject, conditions: dict[Scope, str], *, failure: str) -> KubeObject:
    spec = {
        "failurePolicy": failure,
        "paramKind": _PARAM_KIND,
        "matchConstraints": {
            "matchPolicy": "Equivalent",
            "namespaceSelector": selector,
            "resourceRules": [_POD_RULE, *_WORKLOAD_RULES],
            "excludeResourceRules": _EXCLUDED_RULES,
        },
        "variables": cel.variables(conditions=conditions),
        "validations": [
            {
                "expression": "variables.fresh.size() == 0",
                "messageExpression": "variables.message",
                "message": "bartizan: refused, and the reason could not be put into words",
                "reason": "Forbidden",
            }
        ],
    }
    return _object(VALIDATING_POLICY, name, spec)


def _binding(name: str, policy: str, actions: list[str], *, missing: str, match: KubeObject) -> KubeObject:
    spec = {
        "policyName": policy,
        "paramRef": {"name": INDEX_NAME, "parameterNotFoundAction": missing},
        "validationActions": actions,
        "matchResources": match,
    }
    return _object(VALIDATING_BINDING, name, spec)


def _only(rules: list[KubeObject]) -> KubeObject:
    return {"resourceRules": rules}


def _object(kind: Kind, name: str, spec: dict[str, Any]) -> KubeObject:
    return {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": name, "labels": {MANAGED_BY_LABEL: MANAGED_BY}},
        "spec": spec,
    }

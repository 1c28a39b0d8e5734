"""The guards: who may touch what the gate stands on. They never match pods.

A namespace's label decides whether it is governed, the index decides what the gate knows, and the controller's RoleBindings
decide which Secrets it can read. Changing the first two takes the RBAC verb `govern` on securitybaselines.bartizan.dev, asked
of the API server's own authorizer; the third, and what rights policies grant, are in `access_guards`.
Who may answer callers and widen policies is told in `widening`.
"""

from typing import Final

from bartizan.api.names import ENFORCEMENT_LABEL, GROUP, KubeObject
from bartizan.core.checks import widening
from bartizan.core.checks.access_guards import bindings_guard, grants_guard, roles_guard
from bartizan.core.checks.objects import denying
from bartizan.core.checks.settings import LABEL_VALUES, AdmissionSettings

_MAY_GOVERN: Final = f"authorizer.group('{GROUP}').resource('securitybaselines').check('govern').allowed()"
_GOVERN_HINT: Final = "the RBAC verb govern on securitybaselines.bartizan.dev; fix: ask the platform team"


def guards(settings: AdmissionSettings) -> list[KubeObject]:
    """Return the guards and their bindings."""
    return [
        *_guard("index", _index_rule(), [], _index_validations(), []),
        *_guard("namespace", _namespace_rule(), _namespace_variables(), _namespace_validations(), []),
        *(
            item
            for guard in (bindings_guard(settings), roles_guard(settings), grants_guard())
            for item in _guard(**guard)
        ),
        *_guard(
            widening.DECISIONS,
            widening.rule(),
            widening.decisions_variables(),
            widening.decisions_validations(),
            [],
        ),
        *_reviewed(
            _guard(
                widening.WIDENING,
                widening.rule(),
                widening.widening_variables(),
                widening.widening_validations(),
                [widening.review()],
            )
        ),
    ]


def _index_rule() -> KubeObject:
    operations = ["CREATE", "UPDATE", "DELETE"]
    return {"apiGroups": [GROUP], "apiVersions": ["*"], "operations": operations, "resources": ["policyindices"]}


def _index_validations() -> list[KubeObject]:
    # A terminating namespace is emptied by the namespace controller and the garbage collector, whoever they are here.
    leaving = "request.operation == 'DELETE' && has(namespaceObject.metadata.deletionTimestamp)"
    return [
        {
            "expression": f"({leaving}) || {_MAY_GOVERN}",
            "message": "bartizan: only the controller writes PolicyIndex objects, because the gate judges by them; "
            f"allowed: {_GOVERN_HINT}",
            "reason": "Forbidden",
        }
    ]


def _namespace_rule() -> KubeObject:
    return {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["namespaces"]}


def _namespace_variables() -> list[KubeObject]:
    label = f"metadata.?labels[?'{ENFORCEMENT_LABEL}']"
    return [
        {"name": "now", "expression": f"object.{label}.orValue('')"},
        {"name": "before", "expression": f"request.operation == 'UPDATE' ? oldObject.{label}.orValue('') : ''"},
    ]


def _namespace_validations() -> list[KubeObject]:
    values = ", ".join(LABEL_VALUES)
    listed = "[" + ", ".join(f"'{value}'" for value in ("", *LABEL_VALUES)) + "]"
    seen = f"'bartizan: namespace sets metadata.labels[{ENFORCEMENT_LABEL}]=\"' + variables.now + '\"; allowed: "
    return [
        {
            "expression": f"variables.now == variables.before || variables.now in {listed}",
            "messageExpression": f"{seen}unset or one of {values}; fix: spell it so'",
            "message": f"bartizan: label {ENFORCEMENT_LABEL} must be unset or one of {values}",
            "reason": "Invalid",
        },
        {
            "expression": f"variables.now == variables.before || {_MAY_GOVERN}",
            "messageExpression": f"{seen}for holders of {_GOVERN_HINT} (it was \"' + variables.before + '\")'",
            "message": f"bartizan: changing label {ENFORCEMENT_LABEL} takes {_GOVERN_HINT}",
            "reason": "Forbidden",
        },
    ]


def _reviewed(objects: list[KubeObject]) -> list[KubeObject]:
    """Return a guard and its binding with the SecurityBaseline as its parameter."""
    policy, binding = objects
    return [
        {**policy, "spec": {"paramKind": widening.PARAM_KIND, **policy["spec"]}},
        {**binding, "spec": {**binding["spec"], "paramRef": widening.PARAM_REF}},
    ]


def _guard(
    name: str,
    rule: KubeObject,
    variables: list[KubeObject],
    validations: list[KubeObject],
    conditions: list[KubeObject],
) -> list[KubeObject]:
    spec: KubeObject = {
        "failurePolicy": "Fail",
        "matchConstraints": {"matchPolicy": "Equivalent", "resourceRules": [rule]},
        **({"matchConditions": conditions} if conditions else {}),
        **({"variables": variables} if variables else {}),
        "validations": validations,
    }
    return denying(f"bartizan-guard-{name}", spec)

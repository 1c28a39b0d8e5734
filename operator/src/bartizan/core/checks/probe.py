"""What the prober may do to pods, decided by who asks: its account, never a label alone.

A probe pod runs as one of the team's services, so the right to create it is worth a lot. Whoever holds the prober's token may
create pods of exactly one shape: bartizan's own image, the verb `probe`, one literal environment variable, nothing mounted, no
token. That shape can open TCP connections and nothing else. Only such a request is spared the injection: an agent that fetches
the service's secrets has no business in a probe.
"""

from typing import Final

from bartizan.api.kinds import VALIDATING_BINDING, VALIDATING_POLICY
from bartizan.api.names import GROUP, PROBE_LABEL, KubeObject
from bartizan.api.v1alpha1 import PolicyStatus
from bartizan.core.checks.settings import LABELS, AdmissionSettings
from bartizan.core.network.probe_pod import ORDERS_VARIABLE, VERB

GUARD_DELETE: Final = "bartizan-guard-probes"
GUARD_STATUS: Final = "bartizan-guard-proof"

_CONTAINER_LACKS: Final = (
    "command", "envFrom", "lifecycle", "livenessProbe", "readinessProbe", "startupProbe", "volumeMounts",
    "volumeDevices", "workingDir",
)  # fmt: skip
"""What would run something else, or show it something, in the one container."""
_POD_LACKS: Final = ("initContainers", "ephemeralContainers", "volumes")
_SAID: Final = (
    f"bartizan: the prober may only create probe pods: label {PROBE_LABEL}, one container of bartizan's own image with "
    f"args [{VERB}] and the variable {ORDERS_VARIABLE}, nothing mounted, no token"
)


def is_prober(settings: AdmissionSettings) -> str:
    """Return the CEL condition that the prober asks."""
    return f"request.userInfo.username == '{settings.prober_user}'"


def is_probe(settings: AdmissionSettings) -> str:
    """Return the CEL condition that the prober asks for a probe pod: such a pod gets no injection, and none is asked of it."""
    return f"{is_prober(settings)} && '{PROBE_LABEL}' in object.metadata.?labels.orValue({{}})"


def shape(settings: AdmissionSettings) -> KubeObject:
    """Return the validation of the gate that holds the prober to the one shape; it lets everybody else pass."""
    spec = "object.spec"
    one = f"{spec}.containers[0]"
    terms = [
        "request.operation == 'CREATE'",
        "request.?subResource.orValue('') == ''",
        f"'{PROBE_LABEL}' in object.metadata.?labels.orValue({{}})",
        *(f"{spec}.?{name}.orValue([]).size() == 0" for name in _POD_LACKS),
        f"{spec}.?automountServiceAccountToken.orValue(true) == false",
        f"{spec}.containers.size() == 1",
        f"{one}.image == '{settings.image}'",
        f"{one}.?args.orValue([]) == ['{VERB}']",
        *(f"!has({one}.{name})" for name in _CONTAINER_LACKS),
        f"{one}.?env.orValue([]).size() == 1",
        f"{one}.env.all(e, e.name == '{ORDERS_VARIABLE}' && !has(e.valueFrom))",
    ]
    return {
        "expression": f"!({is_prober(settings)}) ||\n  (" + " &&\n   ".join(terms) + ")",
        "message": _SAID,
        "reason": "Forbidden",
    }


def guards(settings: AdmissionSettings) -> list[KubeObject]:
    """Return the guards that only a cluster with a prober needs: what it may delete, and what it may say."""
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["DELETE"], "resources": ["pods"]}
    status = {
        "apiGroups": [GROUP],
        "apiVersions": ["*"],
        "operations": ["UPDATE"],
        "resources": ["servicesecuritypolicies/status"],
    }
    others = sorted(field.alias or name for name, field in PolicyStatus.model_fields.items() if name != "probes")
    return [
        *_guard(
            settings,
            GUARD_DELETE,
            {**pods, "scope": "Namespaced"},
            f"'{PROBE_LABEL}' in oldObject.metadata.?labels.orValue({{}})",
            "bartizan: the prober may only delete its own probe pods",
        ),
        *_guard(
            settings,
            GUARD_STATUS,
            status,
            " && ".join(f"object.?status.?{name} == oldObject.?status.?{name}" for name in others),
            "bartizan: the prober may only write status.probes",
        ),
    ]


def _guard(settings: AdmissionSettings, name: str, rule: KubeObject, expression: str, message: str) -> list[KubeObject]:
    meta = {"name": name, "labels": LABELS}
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"matchPolicy": "Equivalent", "resourceRules": [rule]},
        "matchConditions": [{"name": "prober", "expression": is_prober(settings)}],
        "validations": [{"expression": expression, "message": message, "reason": "Forbidden"}],
    }
    binding = {"policyName": name, "validationActions": ["Deny"]}
    return [
        {"apiVersion": VALIDATING_POLICY.api_version, "kind": VALIDATING_POLICY.kind, "metadata": meta, "spec": spec},
        {
            "apiVersion": VALIDATING_BINDING.api_version,
            "kind": VALIDATING_BINDING.kind,
            "metadata": meta,
            "spec": binding,
        },
    ]

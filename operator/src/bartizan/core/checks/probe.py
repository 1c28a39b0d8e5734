"""What the prober may do to pods, decided by who asks: its account, never a label alone.

A probe pod runs as one of the team's services, so the right to create it is worth a lot. Whoever holds the prober's token may
create pods of exactly one shape: bartizan's own image, the verb `probe`, one literal environment variable, nothing mounted, no
token. That shape can open TCP connections and nothing else. It also never becomes a service's pod (never ready, nobody's
replica), never stays, and neither chooses its node nor takes a port of one. Only such a request is spared the injection: an
agent that fetches the service's secrets has no business in a probe.
"""

from typing import Final

from bartizan.api.names import ENFORCEMENT_LABEL, GROUP, PROBE_LABEL, KubeObject
from bartizan.api.v1alpha1 import PolicyStatus
from bartizan.core.checks.access_guards import PROBES_ROLE
from bartizan.core.checks.objects import denying
from bartizan.core.checks.settings import AdmissionSettings
from bartizan.core.network.probe_pod import LIVES, NAME_PREFIX, NEVER, OPT_OUTS, ORDERS_VARIABLE, VERB
from bartizan.core.network.probe_wire import ANSWER_FILE

GUARD_DELETE: Final = "bartizan-guard-probes"
GUARD_ELSEWHERE: Final = "bartizan-guard-probes-elsewhere"
GUARD_STATUS: Final = "bartizan-guard-proof"

_CONTAINER_LACKS: Final = (
    "command", "envFrom", "lifecycle", "livenessProbe", "readinessProbe", "startupProbe", "volumeMounts",
    "volumeDevices", "workingDir", "ports",
)  # fmt: skip
"""What would run something else, or show it something, in the one container; or take a port of the node."""
_POD_LACKS: Final = ("initContainers", "ephemeralContainers", "volumes", "resourceClaims")
_ANNOTATIONS: Final = (*OPT_OUTS, "kubernetes.io/limit-ranger")
"""Others could ask a network plug-in for another network or address, or an injector for more; the last is the LimitRanger's."""
_MOST: Final = {"cpu": "100m", "memory": "128Mi", "ephemeral-storage": "64Mi"}
"""What a probe may ask a node for; more could push other pods away."""
_SAID: Final = (
    f"bartizan: the prober may only create probe pods: label {PROBE_LABEL}, one container of bartizan's own image with "
    f"args [{VERB}] and the variable {ORDERS_VARIABLE}, nothing mounted, no token, never ready, owned by {PROBES_ROLE}, "
    f"ended after {LIVES.total_seconds():.0f} s"
)


def is_prober(settings: AdmissionSettings) -> str:
    """Return the CEL condition that the prober asks."""
    return f"request.userInfo.username == '{settings.prober_user}'"


def is_probe(settings: AdmissionSettings) -> str:
    """Return the CEL condition that the prober asks for a probe pod: such a pod gets no injection, and none is asked of it."""
    return f"{is_prober(settings)} && '{PROBE_LABEL}' in object.metadata.?labels.orValue({{}})"


def shape(settings: AdmissionSettings) -> KubeObject:
    """Return the validation of the gate that holds the prober to the one shape; it lets everybody else pass."""
    terms = [
        "request.operation == 'CREATE'",
        "request.?subResource.orValue('') == ''",
        *_who_it_is(),
        *_how_it_runs(),
        *_what_it_runs(settings),
    ]
    return {
        "expression": f"!({is_prober(settings)}) ||\n  (" + " &&\n   ".join(terms) + ")",
        "message": _SAID,
        "reason": "Forbidden",
    }


def _who_it_is() -> list[str]:
    """Return what holds for its metadata: a probe, collected with the prober's access, nobody's replica, kept by nothing."""
    meta = "object.metadata"
    allowed = ", ".join(f"'{name}'" for name in _ANNOTATIONS)
    return [
        f"'{PROBE_LABEL}' in {meta}.?labels.orValue({{}})",
        f"{meta}.name.startsWith('{NAME_PREFIX}')",
        f"{meta}.?finalizers.orValue([]).size() == 0",
        f"{meta}.?annotations.orValue({{}}).all(k, k in [{allowed}])",
        f"{meta}.?ownerReferences.orValue([]).size() == 1",
        f"{meta}.ownerReferences.all(o, o.kind == 'RoleBinding' && o.name == '{PROBES_ROLE}' && o.?controller.orValue(false))",
    ]


def _how_it_runs() -> list[str]:
    """Return what holds for the pod: no credentials, never ready, soon over, and placed by the scheduler."""
    spec = "object.spec"
    return [
        *(f"{spec}.?{name}.orValue([]).size() == 0" for name in _POD_LACKS),
        f"{spec}.?automountServiceAccountToken.orValue(true) == false",
        f"{spec}.?readinessGates.orValue([]).exists(g, g.conditionType == '{NEVER}')",
        f"{spec}.?restartPolicy.orValue('') == 'Never'",
        f"{spec}.?activeDeadlineSeconds.orValue(86400) <= {LIVES.total_seconds():.0f}",
        f"{spec}.?nodeName.orValue('') == ''",
        f"!{spec}.?priorityClassName.orValue('').startsWith('system-')",
        f"{spec}.containers.size() == 1",
    ]


def _what_it_runs(settings: AdmissionSettings) -> list[str]:
    """Return what holds for the one container: bartizan's own image and verb, one literal variable, little of a node."""
    one = "object.spec.containers[0]"
    # The API server's type check knows no field "requests" of resources: it describes Quantity in its own way.
    asked = f"dyn({one}).?resources.?requests.orValue({{}})"
    most = ", ".join(f"'{name}': '{amount}'" for name, amount in _MOST.items())
    return [
        f"{one}.image == '{settings.image}'",
        f"{one}.?args.orValue([]) == ['{VERB}']",
        *(f"!has({one}.{name})" for name in _CONTAINER_LACKS),
        f"{one}.?env.orValue([]).size() == 1",
        f"{one}.env.all(e, e.name == '{ORDERS_VARIABLE}' && !has(e.valueFrom))",
        f"{one}.?securityContext.?capabilities.?add.orValue([]).size() == 0",
        f"{one}.?terminationMessagePath.orValue('{ANSWER_FILE}') == '{ANSWER_FILE}'",
        f"{asked}.all(r, r in {{{most}}} && quantity({asked}[r]).compareTo(quantity({{{most}}}[r])) <= 0)",
    ]


def guards(settings: AdmissionSettings) -> list[KubeObject]:
    """Return the guards that only a cluster with a prober needs: where it creates, what it may delete, and what it may say."""
    pods = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "scope": "Namespaced"}
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
            {**pods, "operations": ["DELETE"]},
            f"'{PROBE_LABEL}' in oldObject.metadata.?labels.orValue({{}}) && "
            f"oldObject.metadata.name.startsWith('{NAME_PREFIX}')",
            "bartizan: the prober may only delete its own probe pods",
        ),
        *_guard(
            settings,
            GUARD_ELSEWHERE,
            {**pods, "operations": ["CREATE"]},
            "false",
            "bartizan: the prober may only create pods in enforced namespaces, where the gate holds it to probe pods",
            where={"matchExpressions": [{"key": ENFORCEMENT_LABEL, "operator": "NotIn", "values": ["enforce"]}]},
        ),
        *_guard(
            settings,
            GUARD_STATUS,
            status,
            " && ".join(f"object.?status.?{name} == oldObject.?status.?{name}" for name in others),
            "bartizan: the prober may only write status.probes",
        ),
    ]


def _guard(
    settings: AdmissionSettings,
    name: str,
    rule: KubeObject,
    expression: str,
    message: str,
    *,
    where: KubeObject | None = None,
) -> list[KubeObject]:
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "matchPolicy": "Equivalent",
            **({"namespaceSelector": where} if where else {}),
            "resourceRules": [rule],
        },
        "matchConditions": [{"name": "prober", "expression": is_prober(settings)}],
        "validations": [{"expression": expression, "message": message, "reason": "Forbidden"}],
    }
    return denying(name, spec)

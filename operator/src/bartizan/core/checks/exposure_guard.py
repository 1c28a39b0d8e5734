"""The guard of exposure: under GatewayOnly an enforced namespace gets no Service that opens a door of its own.

It stands on the Service and on the SecurityBaseline alone. An annotation or label that lets a Service pass would be its
author's to set; a gateway runs in a namespace that is not enforced, or that the platform team lists. What a Service already
had is let through, unless it is led to other pods or ports: whoever tidies a manifest up must not be the one who is stopped.
"""

from typing import Final

from bartizan.api.kinds import SECURITY_BASELINE
from bartizan.api.names import DEFAULT_NAME, KubeObject
from bartizan.core.checks.objects import denying
from bartizan.core.checks.settings import AdmissionSettings

NAME: Final = "bartizan-guard-exposure"

_DOORS: Final = """(({o}.spec.?type.orValue('ClusterIP') in ['NodePort', 'LoadBalancer'] ?
  ['spec.type="' + {o}.spec.type + '"'] : [])
  + {o}.spec.?externalIPs.orValue([]).map(a, 'spec.externalIPs[]="' + a + '"'))"""
_TARGETS: Final = (
    "{o}.spec.?ports.orValue([]).map(p, "
    "string(p.port) + '/' + string(p.?protocol.orValue('TCP')) + '/' + string(p.?targetPort.orValue('')))"
)
_SAME_WAY: Final = (
    "request.operation == 'UPDATE' && object.spec.?selector.orValue({}) == oldObject.spec.?selector.orValue({}) && "
    f"{_TARGETS.format(o='object')}.all(t, t in {_TARGETS.format(o='oldObject')})"
)
_ALLOWED: Final = (
    "type ClusterIP or ExternalName and no externalIPs, because SecurityBaseline default says "
    "network.exposure: GatewayOnly"
)
_FIX: Final = (
    "make it ClusterIP and let clients in by a gateway; for a gateway itself ask the platform team to list its namespace in "
    "network.exposureNamespaces"
)


def exposure_guard(settings: AdmissionSettings) -> list[KubeObject]:
    """Return the guard and its binding."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["services"]}
    spec = {
        "failurePolicy": "Fail",
        "paramKind": {"apiVersion": SECURITY_BASELINE.api_version, "kind": SECURITY_BASELINE.kind},
        "matchConstraints": {
            "matchPolicy": "Equivalent",
            "namespaceSelector": settings.selector("enforce"),
            "resourceRules": [rule],
        },
        "variables": _variables(),
        "validations": [
            {
                "expression": "variables.doors.size() == 0",
                "messageExpression": "'bartizan: Service ' + request.namespace + '/' + object.metadata.?name.orValue('') "
                f"+ ' sets ' + variables.doors.join(', ') + '; allowed: {_ALLOWED}; fix: {_FIX}'",
                "message": f"bartizan: this Service opens the cluster; allowed: {_ALLOWED}; fix: {_FIX}",
                "reason": "Forbidden",
            }
        ],
    }
    return denying(NAME, spec, paramRef={"name": DEFAULT_NAME, "parameterNotFoundAction": "Allow"})


def _variables() -> list[KubeObject]:
    """Return whether exposure is judged, whether the Service leads where it led, and the doors that are new."""
    network = "params.?spec.?network"
    judged = (
        f"{network}.?exposure.orValue('Any') == 'GatewayOnly' && "
        f"!(request.namespace in {network}.?exposureNamespaces.orValue([]))"
    )
    now, before = (_DOORS.format(o=which) for which in ("object", "oldObject"))
    return [
        {"name": "judged", "expression": judged},
        {"name": "kept", "expression": f"({_SAME_WAY}) ? {before} : []"},
        {"name": "doors", "expression": f"!variables.judged ? [] : {now}.filter(d, !(d in variables.kept))"},
    ]

"""The guards of consent: who may answer a caller that asked, and, where the baseline asks for review, who may widen a policy.

Both stand on the content of the write and not on how it was made: whichever tool writes an approval, the API server's own
authorizer is asked for the verb `approve` on that policy. Closing is free: whoever may update a policy may deny and narrow.
What counts as wider is conservative: a rule is covered only by an old rule about exactly the same peer.
"""

from typing import Final

from bartizan.api.kinds import POLICY, SECURITY_BASELINE
from bartizan.api.names import DEFAULT_NAME, GROUP, KubeObject
from bartizan.api.pod_security import NEWEST_VERSION, Level

DECISIONS: Final = "decisions"
WIDENING: Final = "widening"

MAY_APPROVE: Final = (
    f"authorizer.group('{GROUP}').resource('{POLICY.plural}').namespace(request.namespace)"
    ".name(object.metadata.?name.orValue('')).check('approve').allowed()"
)
_HINT: Final = f"the RBAC verb approve on {POLICY.plural}.{GROUP}; fix: ask somebody who holds it"
PARAM_KIND: Final = {"apiVersion": SECURITY_BASELINE.api_version, "kind": SECURITY_BASELINE.kind}
PARAM_REF: Final = {"name": DEFAULT_NAME, "parameterNotFoundAction": "Allow"}
"""Without a baseline nobody asked for review."""


def rule() -> KubeObject:
    """Return which writes are judged: those of policies, not of their status."""
    return {
        "apiGroups": [GROUP],
        "apiVersions": ["*"],
        "operations": ["CREATE", "UPDATE"],
        "resources": [POLICY.plural],
    }


def decisions_variables() -> list[KubeObject]:
    """Return what the decisions are and were."""
    return _lists("decisions")


def decisions_validations() -> list[KubeObject]:
    """Return what is asked of a write: no approval more or other, and no denial less, without the verb."""
    approved = "variables.decisions.all(d, d.verdict != 'Approved' || d in variables.decisionsBefore)"
    denied = "variables.decisionsBefore.all(d, d.verdict != 'Denied' || d in variables.decisions)"
    return [
        _validation(f"({approved} && {denied})", "spec.network.decisions approves a caller, or takes a denial back")
    ]


def review() -> KubeObject:
    """Return the condition under which widening is judged at all."""
    return {"name": "review", "expression": "params.spec.?widening.orValue('Own') == 'Review'"}


def widening_variables() -> list[KubeObject]:
    """Return what rules, ports and pods are and were."""
    before = "request.operation == 'UPDATE' ? oldObject.spec.workload.selector : object.spec.workload.selector"
    return [
        *_lists("ingress"),
        *_lists("egress"),
        *_lists("ports"),
        {"name": "selectorBefore", "expression": before},
        *_held("level", "{0}", Level.RESTRICTED),
        *_held("version", "int({0}.substring(3))", NEWEST_VERSION),
    ]


def widening_validations() -> list[KubeObject]:
    """Return what is asked of a write where widening is reviewed; each validation names the field that is wider."""
    same_pods = "object.spec.workload.selector == variables.selectorBefore"
    ports = "variables.ports.all(p, p in variables.portsBefore) || request.operation == 'CREATE'"
    level = f"variables.level == '{Level.RESTRICTED}' || variables.levelBefore == '{Level.BASELINE}'"
    no_less = f"({level}) && variables.version >= variables.versionBefore"
    review_says = f"SecurityBaseline {DEFAULT_NAME} reviews what widens a policy, and"
    return [
        _validation(_covered("ingress", "from"), f"{review_says} spec.network.ingress has a rule that is new or wider"),
        _validation(_covered("egress", "to"), f"{review_says} spec.network.egress has a rule that is new or wider"),
        _validation(f"({ports})", f"{review_says} spec.network.ports has a port that is new or changed"),
        _validation(f"({same_pods})", f"{review_says} spec.workload.selector selects other pods"),
        _validation(f"({no_less})", f"{review_says} spec.workload.podSecurity asks less of the pods"),
    ]


def _covered(field: str, peer: str) -> str:
    """Return that each rule is an old one, or an old one about the same peer with fewer ports or an earlier end."""
    ports = "(o.?ports.orValue([]).size() == 0 || (r.?ports.orValue([]).size() > 0 && r.ports.all(p, p in o.ports)))"
    until = "(!has(o.until) || (has(r.until) && timestamp(r.until) <= timestamp(o.until)))"
    old = f"variables.{field}Before"
    return f"variables.{field}.all(r, r in {old} || {old}.exists(o, o.{peer} == r.{peer} && {ports} && {until}))"


def _lists(name: str) -> list[KubeObject]:
    path = f"spec.?network.?{name}.orValue([])"
    return [
        {"name": name, "expression": f"object.{path}"},
        {"name": f"{name}Before", "expression": f"request.operation == 'UPDATE' ? oldObject.{path} : []"},
    ]


def _held(field: str, form: str, default: str) -> list[KubeObject]:
    """Return the variables of what a policy asks of its pods and asked before; a new one is compared with the default."""
    path = f"spec.workload.?podSecurity.?{field}.orValue('{default}')"
    was = f"(request.operation == 'UPDATE' ? oldObject.{path} : '{default}')"
    return [
        {"name": field, "expression": form.format(f"object.{path}")},
        {"name": f"{field}Before", "expression": form.format(was)},
    ]


def _validation(expression: str, what: str) -> KubeObject:
    return {
        "expression": f"{expression} || {MAY_APPROVE}",
        "message": f"bartizan: {what}; allowed: for holders of {_HINT}",
        "reason": "Forbidden",
    }

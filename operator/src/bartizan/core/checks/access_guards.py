"""The guards of RBAC: what the controller may hand out, and which rights the author of a policy may have it hand out.

The controller holds `escalate` and `bind` on Roles, or it could give no service a right that it lacks itself. So it is held, in
the API server, to Roles and RoleBindings of one name and shape, in governed namespaces, out of a closed set of rights: a stolen
token of the controller grants no Secret, no shell, no wildcard, and nothing to anybody but ServiceAccounts of that namespace.
And because the controller may grant what an author lacks, every right that a policy adds is asked of the authorizer for the
author first, as Kubernetes does when somebody writes a Role.
"""

from collections.abc import Iterable
from typing import Final

from bartizan.api.grants import CLOSED_GROUPS, CLOSED_RESOURCES, RESOURCE, VERBS
from bartizan.api.names import ENFORCEMENT_LABEL, GROUP, KubeObject
from bartizan.core.checks.settings import GOVERNED, AdmissionSettings

CERTIFICATES_ROLE: Final = "bartizan-certificates"
"""The ClusterRole, and the RoleBinding per namespace, by which the controller writes certificate Secrets."""
PROBES_ROLE: Final = "bartizan-probes"
"""The ClusterRole, and the RoleBinding per enforced namespace, by which the prober makes probe pods."""
MOST_RIGHTS: Final = 20
"""How many rights (verb times resource times name) one write of a policy may add: an authorizer check costs 350,000 of the
10,000,000 units that CEL has for one policy and request (k8s.io/apiserver pkg/cel/library, pkg/apis/cel)."""

_RBAC: Final = "rbac.authorization.k8s.io"
_ITEM: Final = {"name": "item", "expression": "request.operation == 'DELETE' ? oldObject : object"}
_API_NAME: Final = "variables.item.metadata.name.matches('^ssp-[a-z0-9]([-a-z0-9]*[a-z0-9])?-api$')"
_OF_A_POLICY: Final = (
    f"{_API_NAME} && object.metadata.?ownerReferences.orValue([]).exists(o, o.kind == 'ServiceSecurityPolicy' && "
    f"o.apiVersion.startsWith('{GROUP}/') && object.metadata.name == 'ssp-' + o.name + '-api')"
)


def bindings_guard(settings: AdmissionSettings) -> KubeObject:
    """Return the parts of the guard over the controller's RoleBindings."""
    service = (
        f"{_OF_A_POLICY} && object.roleRef.kind == 'Role' && object.roleRef.name == object.metadata.name && "
        "object.?subjects.orValue([]).size() == 1 && object.subjects.all(s, s.kind == 'ServiceAccount' && "
        "s.?namespace.orValue('') == request.namespace)"
    )
    variables = [
        _ITEM,
        _governed(settings),
        {"name": "own", "expression": _hands_out(CERTIFICATES_ROLE, settings.controller_account, settings)},
        {
            "name": "probes",
            "expression": f"{_mode(settings)} == 'enforce' && {_hands_out(PROBES_ROLE, settings.prober_account, settings)}",
        },
        {"name": "service", "expression": service},
    ]
    message = (
        f"bartizan: {settings.controller} may only write RoleBindings of governed namespaces: {CERTIFICATES_ROLE}, of that "
        f"ClusterRole to itself, {PROBES_ROLE}, of that one to the prober where it is enforced, and ssp-<policy>-api, of the "
        "Role of that name to one ServiceAccount of the namespace"
    )
    named = f"variables.item.metadata.name in {_listed((CERTIFICATES_ROLE, PROBES_ROLE))} || {_API_NAME}"
    shape = "variables.own || variables.probes || variables.service"
    return _parts(settings, "rolebindings", variables, name="access", shape=shape, named=named, message=message)


def _hands_out(role: str, account: str, settings: AdmissionSettings) -> str:
    """Return the condition that a RoleBinding gives the ClusterRole of its own name to one account of the release."""
    return (
        f"variables.item.metadata.name == '{role}' && object.roleRef.kind == 'ClusterRole' && "
        f"object.roleRef.name == '{role}' && object.?subjects.orValue([]).size() == 1 && "
        f"object.subjects.all(s, s.kind == 'ServiceAccount' && s.name == '{account}' && "
        f"s.?namespace.orValue('') == '{settings.release_namespace}')"
    )


def roles_guard(settings: AdmissionSettings) -> KubeObject:
    """Return the parts of the guard over the controller's Roles."""
    narrow = (
        "object.?rules.orValue([]).all(r, r.?nonResourceURLs.orValue([]).size() == 0 && "
        f"r.?apiGroups.orValue([]).all(g, g != '*' && !(g in {_listed(CLOSED_GROUPS)})) && "
        f"r.?resources.orValue([]).all(s, s.matches('{RESOURCE}') && !(s in {_listed(CLOSED_RESOURCES)})) && "
        f"r.verbs.all(v, v in {_listed(VERBS)}))"
    )
    variables = [_ITEM, _governed(settings), {"name": "narrow", "expression": narrow}]
    message = (
        f"bartizan: {settings.controller} may only write Roles ssp-<policy>-api of governed namespaces, without wildcards, "
        f"without {', '.join(CLOSED_RESOURCES)} and without {', '.join(CLOSED_GROUPS)}"
    )
    shape = f"{_OF_A_POLICY} && variables.narrow"
    return _parts(settings, "roles", variables, name="roles", shape=shape, named=_API_NAME, message=message)


def grants_guard() -> KubeObject:
    """Return the parts of the guard over the authors of policies: nobody has granted what they may not do themselves."""
    free = f"authorizer.group('{_RBAC}').resource('roles').namespace(request.namespace).check('escalate').allowed()"
    account = "spec.workload.?serviceAccountName.orValue({0}.metadata.name)"
    same = f"object.{account.format('object')} == oldObject.{account.format('oldObject')}"
    variables = [
        {"name": "asks", "expression": _rights("object")},
        {
            "name": "had",
            "expression": f"request.operation == 'UPDATE' && {same} ? {_rights('oldObject')} : ['']",
        },
        {"name": "added", "expression": "variables.asks.filter(a, !(a in variables.had))"},
        {"name": "free", "expression": free},
    ]
    return {
        "name": "grants",
        "rule": {
            "apiGroups": [GROUP],
            "apiVersions": ["*"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["servicesecuritypolicies"],
        },
        "variables": variables,
        "validations": [_bounded(), *(_held(index) for index in range(MOST_RIGHTS))],
        "conditions": [
            {
                "name": "grants",
                "expression": "object.?spec.?network.?egress.orValue([])"
                ".exists(e, e.?to.?kubernetesAPI.?rules.orValue([]).size() > 0)",
            }
        ],
    }


def _rights(item: str) -> str:
    """Return the expression of all rights in a policy, each as `group|resource|subresource|name|verb|until`.

    The end belongs to it: a right that has ended, or would, is asked for anew when it is to last longer.
    """
    names = "(r.?resourceNames.orValue([]).size() == 0 ? [''] : r.resourceNames)"
    text = (
        "g + '|' + s.split('/')[0] + '|' + (s.contains('/') ? s.split('/')[1] : '') + '|' + n + '|' + v + '|' + until"
    )
    inner = f"r.verbs.map(v, {text}).join(';')"
    for variable, values in (("n", names), ("s", "r.resources"), ("g", "r.apiGroups")):
        inner = f"{values}.map({variable}, {inner}).join(';')"
    inner = inner.replace("until", "(has(e.until) ? string(e.until) : '')")
    rules = f"e.?to.?kubernetesAPI.?rules.orValue([]).map(r, {inner}).join(';')"
    return f"{item}.?spec.?network.?egress.orValue([]).map(e, {rules}).join(';').split(';').filter(a, a != '')"


def _bounded() -> KubeObject:
    return {
        "expression": f"variables.free || variables.added.size() <= {MOST_RIGHTS}",
        "message": f"bartizan: a write of a policy may add at most {MOST_RIGHTS} rights (verb times resource times name) to "
        "kubernetesAPI rules; fix: add them in several writes, or ask somebody with the verb escalate on roles",
        "reason": "Forbidden",
    }


def _held(index: int) -> KubeObject:
    right = f"variables.added[{index}].split('|')"
    check = (
        "authorizer.group(p[0]).resource(p[1]).subresource(p[2]).namespace(request.namespace).name(p[3]).check(p[4])"
    )
    seen = (
        f"[{right}].map(p, p[4] + ' ' + p[1] + (p[2] == '' ? '' : '/' + p[2]) + (p[0] == '' ? '' : '.' + p[0]) + "
        "(p[3] == '' ? '' : ' ' + p[3]))[0]"
    )
    return {
        "expression": f"variables.added.size() <= {index} || variables.free || [{right}].all(p, {check}.allowed())",
        "messageExpression": f"'bartizan: ' + request.userInfo.username + ' may not grant ' + {seen} + ' in ' + "
        "request.namespace + ': nobody grants by a policy what they may not do themselves; fix: ask somebody who may'",
        "message": "bartizan: nobody grants by a policy what they may not do themselves",
        "reason": "Forbidden",
    }


def _parts(
    settings: AdmissionSettings,
    resource: str,
    variables: list[KubeObject],
    *,
    name: str,
    shape: str,
    named: str,
    message: str,
) -> KubeObject:
    """Return a guard over what the controller writes: on DELETE the name decides, otherwise the whole shape."""
    kept = f"request.operation == 'DELETE' ? ({named}) : (variables.governed && ({shape}))"
    return {
        "name": name,
        "rule": {
            "apiGroups": [_RBAC],
            "apiVersions": ["v1"],
            "operations": ["CREATE", "UPDATE", "DELETE"],
            "resources": [resource],
        },
        "variables": variables,
        "validations": [{"expression": kept, "message": message, "reason": "Forbidden"}],
        "conditions": [{"name": "controller", "expression": f"request.userInfo.username == '{settings.controller}'"}],
    }


def _mode(settings: AdmissionSettings) -> str:
    return f"namespaceObject.metadata.?labels[?'{ENFORCEMENT_LABEL}'].orValue('{settings.default_word}')"


def _governed(settings: AdmissionSettings) -> KubeObject:
    return {
        "name": "governed",
        "expression": f"{_mode(settings)} in {_listed(GOVERNED)} && !(request.namespace in {_listed(settings.excluded)})",
    }


def _listed(values: Iterable[str]) -> str:
    return "[" + ", ".join(f"'{value}'" for value in values) + "]"

"""Composes the checks' terms into the variables of one admission policy.

Each check is a variable over `views`: the object and, on update, what it was before. `fresh` holds the violations that the
object has and its past has not: that is the ratchet, without which a controller could no longer label, scale or clean up what
was there before the policy.
"""

from typing import Final

from bartizan.api.names import KubeObject
from bartizan.core.checks.check import Scope
from bartizan.core.checks.finding import quoted
from bartizan.core.checks.message import LONGEST_ASCII, LONGEST_OTHER
from bartizan.core.checks.registry import ALL

NODES_GROUP: Final = "system:nodes"
"""Kubelets may create nothing but mirror pods (NodeRestriction), and those run whatever admission says."""

_KIND: Final = "object.kind"
# A terminating object may lose finalizers and labels whatever it looks like. Its subresources stay judged.
_EXEMPT: Final = (
    f"'{NODES_GROUP}' in request.userInfo.groups || (request.operation == 'UPDATE' && request.subResource == ''"
    " && has(object.metadata.deletionTimestamp))"
)
# Map literals must be of one type: dyn() makes the type of a constant as open as that of what is read.
_FORM: Final = """o.kind == 'Pod' ? {'at': dyn(''), 'pod': o} :
  o.kind == 'CronJob' ? {'at': dyn('spec.jobTemplate.spec.template.'), 'pod': o.spec.jobTemplate.spec.template} :
  o.kind == 'PodTemplate' ? {'at': dyn('template.'), 'pod': o.template} :
  {'at': dyn('spec.template.'), 'pod': o.spec.template}"""
_FORMS: Final = f"(request.operation == 'UPDATE' ? [object, oldObject] : [object]).map(o,\n  {_FORM})"
_SAME: Final = (
    "variables.kind != 'Pod' && variables.forms.size() == 2 && variables.forms[0].pod == variables.forms[1].pod"
)
_FACES: Final = """variables.forms.map(f, {
  'at': f.at, 'spec': f.pod.spec,
  'labels': f.pod.?metadata.?labels.orValue({}),
  'annotations': f.pod.?metadata.?annotations.orValue({}),
  'account': f.pod.spec.?serviceAccountName.orValue(dyn('default')),
  'volumes': dyn(lists.range(f.pod.spec.?volumes.orValue([]).size()).map(i, {
    'at': dyn(f.at + 'spec.volumes[' + string(i) + ']'), 'item': f.pod.spec.volumes[i]})),
  'containers': dyn(%s)})"""
_CONTAINERS: Final = """lists.range(f.pod.spec.?{field}.orValue([]).size()).map(i, {{
    'subject': dyn('{kind} "' + f.pod.spec.{field}[i].name + '"'), 'at': dyn(f.at + 'spec.{field}[' + string(i) + ']'),
    'item': f.pod.spec.{field}[i], 'ephemeral': dyn({ephemeral})}})"""
_VIEWS: Final = """variables.faces.map(f, {
  'at': f.at, 'spec': f.spec, 'labels': f.labels, 'annotations': f.annotations, 'account': f.account,
  'volumes': f.volumes, 'containers': f.containers,
  'owners': params.spec.?accounts[?f.account].orValue(dyn('')),
  'covering': dyn(%s)})"""
_COVERING: Final = """(
    {labels}.map(k, k + '=' + {labels}[k]).filter(b, b in params.spec.?buckets.orValue({{}}))
      .map(b, params.spec.buckets[b]).flatten() + params.spec.?rest.orValue([])
  ).filter(e,
    (!has(e.labels) || e.labels.all(k, k in {labels} && {labels}[k] == e.labels[k]))
    && (!has(e.expressions) || e.expressions.all(x,
      x.operator == 'Exists' ? x.key in {labels} :
      x.operator == 'DoesNotExist' ? !(x.key in {labels}) :
      x.operator == 'In' ? x.key in {labels} && {labels}[x.key] in x.values :
      !(x.key in {labels} && {labels}[x.key] in x.values))))"""


def covering_cel(labels: str) -> str:
    """Return the CEL list of index entries whose selectors match the map expression `labels`."""
    return _COVERING.format(labels=labels)


def variables(*, conditions: dict[Scope, str]) -> list[KubeObject]:
    """Return the variables of an admission policy, ending in `message`; a scope's findings count where its condition holds.

    An empty `message` means that nothing is to be said.
    """
    return [
        _variable("kind", _KIND),
        _variable("exempt", _EXEMPT),
        _variable("forms", _FORMS),
        _variable("skipped", f"variables.exempt || ({_SAME})"),
        _variable("faces", _FACES % _containers()),
        _variable("views", _VIEWS % covering_cel("f.labels")),
        *(_variable(check.variable, f"variables.views.map(v, {check.cel})") for check in ALL),
        *(_variable(f"wants_{scope}", conditions[scope]) for scope in Scope),
        _variable("found", f"variables.skipped ? [] : {_told(0)}"),
        _variable("before", f"variables.found.size() == 0 || variables.views.size() < 2 ? [] : {_told(1)}"),
        _variable("fresh", "variables.found.filter(n, !variables.before.exists(o, o.key == n.key))"),
        _variable("message", _message()),
    ]


def _variable(name: str, expression: str) -> KubeObject:
    return {"name": name, "expression": expression}


def _containers() -> str:
    return " + ".join(
        _CONTAINERS.format(field=field, kind=kind, ephemeral=str(field == "ephemeralContainers").lower())
        for field, kind in (
            ("containers", "container"),
            ("initContainers", "init container"),
            ("ephemeralContainers", "ephemeral container"),
        )
    )


def _told(position: int) -> str:
    """Return the findings of one view: `0` the object, `1` its past."""
    parts = []
    for scope in Scope:
        terms = " + ".join(f"variables.{check.variable}[{position}]" for check in ALL if check.scope is scope)
        parts.append(f"(variables.wants_{scope} ? {terms} : [])")
    return " +\n  ".join(parts)


def _message() -> str:
    """Return the one line of a refusal, short enough to reach the user: a longer or broken one would be dropped whole."""
    names = "variables.views[0].covering.map(e, '\"' + e.name + '\"').sort()"
    who = "(variables.kind == 'Pod' ? 'pod' : variables.kind)"
    by = (
        f"({names}.size() == 0 ? ' refused (no policy covers it): ' : {names}.size() == 1 ? ' refused by policy ' + "
        f"{names}[0] + ': ' : ' refused by policies ' + {names}.join(', ') + ': ')"
    )
    whole = f"'bartizan: ' + {who} + {by} + variables.fresh.map(n, n.text).join('; ')"
    line = f"[{whole}].map(s, s.replace({quoted(chr(10))}, ' ').replace('\\r', ' '))"
    count = "'… (' + string(variables.fresh.size()) + ' violations)'"
    cut = (
        f"{line}.map(s, size(s) == size(bytes(s)) ? (size(s) > {LONGEST_ASCII} ? s.substring(0, {LONGEST_ASCII}) + {count}"
        f" : s) : (size(s) > {LONGEST_OTHER} ? s.substring(0, {LONGEST_OTHER}) + {count} : s))[0]"
    )
    return f"variables.fresh.size() == 0 ? '' : {cut}"

"""Composes the checks' terms into the variables of one admission policy.

Each check is a variable over `views`: the object and, on update, what it was before. `fresh` holds the violations that the
object has and its past has not: that is the ratchet, without which a controller could no longer label, scale or clean up what
was there before the policy.
"""

from typing import Final

from bartizan.api.names import KubeObject
from bartizan.api.pod_security import NEWEST, Level
from bartizan.core.checks.check import Scope
from bartizan.core.checks.finding import quoted
from bartizan.core.checks.message import LONGEST_ASCII, LONGEST_OTHER, WOULD_BE_REFUSED
from bartizan.core.checks.registry import ALL

NODES_GROUP: Final = "system:nodes"
"""Kubelets may create nothing but mirror pods (NodeRestriction), and those run whatever admission says."""

_KIND: Final = "object.kind"
# A terminating object may lose finalizers and labels whatever it looks like. Its subresources stay judged.
_EXEMPT: Final = (
    f"'{NODES_GROUP}' in request.userInfo.?groups.orValue([]) || (request.operation == 'UPDATE' && "
    "request.?subResource.orValue('') == '' && has(object.metadata.deletionTimestamp))"
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
    'item': f.pod.spec.{field}[i], 'security': f.pod.spec.{field}[i].?securityContext.orValue({{}}),
    'ephemeral': dyn({ephemeral})}})"""
_COVERS: Final = "variables.faces.map(f, %s)"
_DEMANDS: Final = "variables.covers.map(c, c.size() == 1 ? c[0] : params.spec)"
_VIEWS: Final = f"""lists.range(variables.faces.size()).map(i, {{
  'at': variables.faces[i].at, 'spec': variables.faces[i].spec, 'labels': variables.faces[i].labels,
  'annotations': variables.faces[i].annotations, 'account': variables.faces[i].account,
  'volumes': variables.faces[i].volumes, 'containers': variables.faces[i].containers,
  'holders': dyn([{{'subject': dyn('pod'), 'at': dyn(variables.faces[i].at + 'spec'),
    'security': variables.faces[i].spec.?securityContext.orValue({{}})}}] + variables.faces[i].containers),
  'windows': dyn(variables.faces[i].spec.?os.?name.orValue('') == 'windows'),
  'ownUsers': dyn(!variables.faces[i].spec.?hostUsers.orValue(true)),
  'restricted': dyn(variables.demands[i].?level.orValue('') == '{Level.RESTRICTED}'),
  'version': variables.demands[i].?version.orValue(dyn({NEWEST})),
  'owners': params.spec.?accounts[?variables.faces[i].account].orValue(dyn('')),
  'identities': dyn(params.spec.?identities.orValue({{}})),
  'covering': dyn(variables.covers[i])}})"""
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


def variables(*, scopes: dict[Scope, str], verdict: str) -> list[KubeObject]:
    """Return the variables of an admission policy, ending in `fresh` and `message`.

    `scopes` holds the CEL condition under which a scope's findings count; a policy whose only scope is the floor needs no
    parameter. `verdict` is the word for what happens: `refused`, or `would be refused` where nothing is.
    """
    indexed = set(scopes) != {Scope.FLOOR}
    checks = [check for check in ALL if check.scope in scopes]
    return [
        _variable("kind", _KIND),
        _variable("exempt", _EXEMPT),
        _variable("forms", _FORMS),
        _variable("skipped", f"variables.exempt || ({_SAME})"),
        _variable("faces", _FACES % _containers()),
        *(_indexed() if indexed else [_variable("views", "variables.faces")]),
        *(_variable(check.variable, f"variables.views.map(v, {check.cel})") for check in checks),
        _variable("found", f"variables.skipped ? [] : {_told(0, scopes)}"),
        # Keys alone: pods of a hundred containers have hundreds of findings, and each is looked up among all that were.
        _variable(
            "before",
            f"variables.found.size() == 0 || variables.views.size() < 2 ? [] : ({_told(1, scopes)}).map(o, o.key)",
        ),
        _variable("fresh", "variables.found.filter(n, !(n.key in variables.before))"),
        _variable("message", _message(_head(verdict, indexed=indexed))),
    ]


def _variable(name: str, expression: str) -> KubeObject:
    return {"name": name, "expression": expression}


def _indexed() -> list[KubeObject]:
    """Return the variables that read the index: who covers each face, what that demands, and the views made of both."""
    return [
        _variable("covers", _COVERS % covering_cel("f.labels")),
        _variable("demands", _DEMANDS),
        _variable("views", _VIEWS),
    ]


def _containers() -> str:
    return " + ".join(
        _CONTAINERS.format(field=field, kind=kind, ephemeral=str(field == "ephemeralContainers").lower())
        for field, kind in (
            ("containers", "container"),
            ("initContainers", "init container"),
            ("ephemeralContainers", "ephemeral container"),
        )
    )


def _told(position: int, scopes: dict[Scope, str]) -> str:
    """Return the findings of one view: `0` the object, `1` its past."""
    parts = []
    for scope, condition in scopes.items():
        terms = " + ".join(f"variables.{check.variable}[{position}]" for check in ALL if check.scope is scope)
        parts.append(f"({terms})" if condition == "true" else f"({condition} ? {terms} : [])")
    return " +\n  ".join(parts)


def _head(verdict: str, *, indexed: bool) -> str:
    """Return how the line begins: what is refused, and by which policy as far as the index tells."""
    pods = " + ' pods'" if verdict == WOULD_BE_REFUSED else ""
    who = f"'bartizan: ' + (variables.kind == 'Pod' ? 'pod' : variables.kind{pods})"
    if not indexed:
        return f"{who} + ' {verdict}: '"
    names = "variables.views[0].covering.map(e, '\"' + e.name + '\"').sort()"
    return (
        f"{who} + ' {verdict}' + ({names}.size() == 0 ? ' (no policy covers it): ' :\n  {names}.size() == 1 ? "
        f"' by policy ' + {names}[0] + ': ' :\n  ' by policies ' + {names}.join(', ') + ': ')"
    )


def _message(head: str) -> str:
    """Return the one line of a refusal, short enough to reach the user: a longer or broken one would be dropped whole."""
    line = f"{head} +\n  variables.fresh.map(n, n.text).join('; ')"
    count = "'… (' + string(variables.fresh.size()) + ' violations)'"
    ascii_only, other = (
        f"(size(s) > {longest} ? s.substring(0, {longest}) + {count} : s)" for longest in (LONGEST_ASCII, LONGEST_OTHER)
    )
    return (
        f"variables.fresh.size() == 0 ? '' : [{line}]\n  .map(s, s.replace({quoted(chr(10))}, ' ').replace('\\r', ' '))"
        f"\n  .map(s, size(s) == size(bytes(s)) ? {ascii_only} : {other})[0]"
    )

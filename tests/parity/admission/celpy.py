"""Runs an admission policy's variables in Google's C++ CEL, with the list functions that only Kubernetes has."""

import re

from cel_expr_python import cel
from cel_expr_python.ext import ext_optional, ext_strings

_NAMES = ("object", "oldObject", "params", "request", "variables", "namespaceObject")
_READ = re.compile(rf"\b(?:{'|'.join(name for name in _NAMES if name != 'variables')})\b")
_USED = re.compile(r"variables\.(\w+)")
_DYN, _LIST = cel.Type.DYN, cel.Type.LIST


def _function(name, parameters, *, member, result, run):
    overload = cel.Overload(
        id=name.replace(".", "_"), return_type=result, parameters=parameters, is_member=member, impl=run
    )
    return cel.FunctionDecl(name, [overload])


def _plain(value):
    return value.plain_value() if hasattr(value, "plain_value") else value


_KUBERNETES = (
    _function("lists.range", [cel.Type.INT], member=False, result=_LIST, run=lambda n: list(range(_plain(n)))),
    _function("flatten", [_LIST], member=True, result=_LIST, run=lambda xs: [y for x in _plain(xs) for y in _plain(x)]),
    _function("sort", [_LIST], member=True, result=_LIST, run=lambda xs: sorted(_plain(x) for x in _plain(xs))),
)


class Policy:
    """A compiled ValidatingAdmissionPolicy."""

    def __init__(self, policy):
        env = cel.NewEnv(
            variables=dict.fromkeys(_NAMES, _DYN),
            extensions=[
                ext_optional.ExtOptional(),
                ext_strings.ExtStrings(),
                cel.CelExtension("kubernetes", list(_KUBERNETES)),
            ],
        )
        self._steps = [
            (names, env.compile(text), frozenset(_USED.findall(text)), frozenset(_READ.findall(text)))
            for names, text in _together(policy["spec"]["variables"])
        ]
        self._labels = {"metadata": {"labels": {"bartizan.dev/enforcement": "warn"}}}

    def message(self, item, index, *, operation="CREATE", old=None, subresource="", groups=("system:authenticated",)):
        """Return the policy's message, empty when it lets the object through."""
        request = {
            "operation": operation,
            "userInfo": {"groups": list(groups)},
            **({"subResource": subresource} if subresource else {}),
        }
        known = {
            "object": item,
            "oldObject": old,
            "params": {"spec": index},
            "request": request,
            "namespaceObject": self._labels,
        }
        values = {}
        for names, expression, used, read in self._steps:
            given = {**{name: known[name] for name in read}, "variables": {name: values[name] for name in used}}
            values |= zip(names, expression.eval(data=given).plain_value(), strict=True)
        return values["message"]


def _together(variables):
    """Yield lists of variables that do not read each other, as one expression: what it reads is then converted once."""
    names, texts = [], []
    for item in variables:
        if set(names) & set(_USED.findall(item["expression"])):
            yield names, f"[{', '.join(texts)}]"
            names, texts = [], []
        names.append(item["name"])
        texts.append(f"dyn({item['expression']})")
    yield names, f"[{', '.join(texts)}]"

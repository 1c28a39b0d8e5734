"""Whether an object of ours is what its CustomResourceDefinition promises, said for every field that is not.

The CRD's own schema is walked, not the models it is made from: what is found here is what the API server would refuse, with the
path it would name. The CEL rules in the schema are answered by their Python twins, found by the rule's message, so that a new
rule without a twin fails a test instead of being forgotten.
"""

import difflib
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import Any, Final

from bartizan.api.names import GROUP, KubeObject
from bartizan.api.resources import RESOURCES, Resource
from bartizan.api.schema import crd
from bartizan.core.findings.catalogue import SCHEMA, severity
from bartizan.core.findings.finding import Finding, Steps, about, path_of
from bartizan.core.findings.schema_rules import RULES, Rule

_EITHER: Final = "number or name"
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    _EITHER: (int, str),
}
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_SHOWN: Final = 60
_BY_KIND: Final = {resource.kind.kind: resource for resource in RESOURCES}

Problem = tuple[Steps, str, str]
"""Where, what is wrong, how to fix it."""


def schema_findings(item: KubeObject) -> Iterator[Finding]:
    """Yield a finding for everything in an object of ours that its CRD refuses; status is not looked at."""
    info = SCHEMA
    for trail, message, fix in _problems(item):
        yield about(
            item,
            info,
            severity=severity(info.id),
            path=path_of(trail),
            message=f"{path_of(trail)}: {message}",
            fix=fix,
        )


def is_ours(item: KubeObject) -> bool:
    """Whether the object claims to be of bartizan's API group."""
    return str(item.get("apiVersion", "")).partition("/")[0] == GROUP


def _problems(item: KubeObject) -> Iterator[Problem]:
    resource = _BY_KIND.get(item["kind"])
    if resource is None:
        near = _near(item["kind"], _BY_KIND)
        yield ("kind",), f"{GROUP} has no kind {item['kind']}{near}", f"write one of {', '.join(sorted(_BY_KIND))}"
        return
    if item["apiVersion"] != resource.kind.api_version:
        yield ("apiVersion",), f"{item['apiVersion']} is not served", f"write {resource.kind.api_version}"
        return
    meta = item.get("metadata")
    name = meta.get("name") if isinstance(meta, dict) else None
    if not isinstance(name, str) or not name:
        yield ("metadata",), "metadata.name is missing", "give it a name"
        return
    schema = _schema(resource.kind.kind)
    yield from _node({key: value for key, value in item.items() if key != "status"}, schema, ())


@cache
def _schema(kind: str) -> KubeObject:
    resource: Resource = _BY_KIND[kind]
    schema: KubeObject = crd(resource)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def _node(value: Any, schema: KubeObject, trail: Steps) -> Iterator[Problem]:
    kind = _EITHER if schema.get("x-kubernetes-int-or-string") else schema["type"]
    wrong = not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean")
    if wrong:
        yield trail, f"is {_seen(value)}, which must be {_a(kind)}", f"write {_a(kind)}"
        return
    if kind == _EITHER and str(value).isdecimal() and isinstance(value, str):
        yield trail, f"is {_seen(value)}, which in quotes is no number and as a name needs a letter", f"write {value}"
        return
    before = list(_within(value, schema, trail))
    yield from before
    # The API server evaluates rules only of what has the right form.
    if not before:
        for entry in schema.get("x-kubernetes-validations", ()):
            yield from _ruled(value, entry, trail)


def _within(value: Any, schema: KubeObject, trail: Steps) -> Iterator[Problem]:
    if isinstance(value, dict):
        yield from _mapping(value, schema, trail)
    elif isinstance(value, list):
        yield from _listing(value, schema, trail)
    elif isinstance(value, str):
        yield from _text(value, schema, trail)
    if not isinstance(value, dict | list) and value not in schema.get("enum", (value,)):
        allowed = ", ".join(map(str, schema["enum"]))
        yield (
            trail,
            f"is {_seen(value)}; allowed: {allowed}{_near(str(value), schema['enum'])}",
            f"write one of {allowed}",
        )
    if isinstance(value, int) and not isinstance(value, bool):
        least, most = schema.get("minimum", value), schema.get("maximum", value)
        if not least <= value <= most:
            yield trail, f"is {value}; allowed: {least} to {most}", f"write a number from {least} to {most}"


def _mapping(value: KubeObject, schema: KubeObject, trail: Steps) -> Iterator[Problem]:
    fields, more = schema.get("properties", {}), schema.get("additionalProperties")
    open_ = trail == ("metadata",) or (not fields and more is None and not schema.get("x-kubernetes-validations"))
    for key in schema.get("required", ()):
        if value.get(key) is None:
            yield (*trail, key), "is required and missing", "add it"
    if len(value) > schema.get("maxProperties", len(value)):
        yield trail, f"has {len(value)} entries; at most {schema['maxProperties']} are allowed", "take some out"
    for key, part in value.items():
        inner = fields.get(key, more)
        if inner is not None:
            if part is not None:
                yield from _node(part, inner, (*trail, key))
        elif not open_ or fields:
            near = _near(key, fields)
            yield (*trail, key), f'there is no field "{key}" here{near}', _unknown(fields, near)


def _listing(value: list[Any], schema: KubeObject, trail: Steps) -> Iterator[Problem]:
    least, most = schema.get("minItems", 0), schema.get("maxItems", len(value))
    if not least <= len(value) <= most:
        yield trail, f"has {len(value)} entries; allowed: {least} to {most}", f"list {least} to {most}"
    keys = schema.get("x-kubernetes-list-map-keys", ())
    seen: set[tuple[Any, ...]] = set()
    for position, part in enumerate(value):
        yield from _node(part, schema["items"], (*trail, position))
        if keys and isinstance(part, dict):
            name = tuple(str(part.get(key)) for key in keys)
            if name in seen:
                yield (*trail, position), f"{'/'.join(name)} is listed already", "keep one of them"
            seen.add(name)


def _text(value: str, schema: KubeObject, trail: Steps) -> Iterator[Problem]:
    least, most = schema.get("minLength", 0), schema.get("maxLength", len(value))
    if not least <= len(value) <= most:
        yield trail, f"has {len(value)} characters; allowed: {least} to {most}", f"write {least} to {most} characters"
    elif not re.search(schema.get("pattern", "").replace("$", r"\Z"), value):
        yield trail, f"is {_seen(value)}, which does not match {schema['pattern']}", "write it in that form"
    elif schema.get("format") == "date-time" and not _is_moment(value):
        yield (
            trail,
            f"is {_seen(value)}, which is no moment as RFC 3339 spells it",
            "write such as 2027-01-01T00:00:00Z",
        )


def _is_moment(text: str) -> bool:
    if not _MOMENT.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _ruled(value: Any, entry: KubeObject, trail: Steps) -> Iterator[Problem]:
    rule: Rule | None = RULES.get(entry["message"])
    field = entry.get("fieldPath", "").removeprefix(".")
    if rule is not None and not rule(value, field):
        yield (*trail, field) if field else trail, entry["message"], ""


def _near(word: str, known: Any) -> str:
    close = difflib.get_close_matches(word, [str(one) for one in known], n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _unknown(fields: KubeObject, near: str) -> str:
    if near:
        return f"write {near.removeprefix('; did you mean ').removesuffix('?')}"
    return f"take it out; there is {', '.join(sorted(fields))}" if fields else "take it out"


def _a(kind: str) -> str:
    return {"object": "a mapping", "array": "a list", "string": "text (in quotes)", "integer": "a whole number"}.get(
        kind, f"a {kind}"
    )


def _seen(value: Any) -> str:
    text = (
        f'"{value}"'
        if isinstance(value, str)
        else "true"
        if value is True
        else "false"
        if value is False
        else repr(value)
    )
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"

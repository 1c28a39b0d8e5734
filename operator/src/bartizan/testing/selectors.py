"""Label and field selectors as the API server reads them in a list or watch."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from bartizan.api.names import KubeObject
from bartizan.kube.errors import InvalidError

_SPLIT: Final = re.compile(r",(?![^()]*\))")
_SET: Final = re.compile(r"^(?P<key>\S+)\s+(?P<op>in|notin)\s+\((?P<values>[^)]*)\)$")
_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "metadata.name": ("metadata", "name"),
    "metadata.namespace": ("metadata", "namespace"),
    "spec.nodeName": ("spec", "nodeName"),
    "status.phase": ("status", "phase"),
    "type": ("type",),
}


def matches_labels(selector: str, labels: Mapping[str, str]) -> bool:
    """Whether `labels` meet every requirement of `selector`; an empty one is met by all."""
    return all(_holds(part.strip(), labels) for part in _SPLIT.split(selector) if part.strip())


def _holds(requirement: str, labels: Mapping[str, str]) -> bool:
    if found := _SET.match(requirement):
        values = {value.strip() for value in found["values"].split(",")}
        inside = labels.get(found["key"]) in values
        return inside if found["op"] == "in" else not inside
    if "!=" in requirement:
        key, _, value = requirement.partition("!=")
        return labels.get(key.strip()) != value.strip()
    if "=" in requirement:
        key, _, value = requirement.partition("=")
        return labels.get(key.strip()) == value.lstrip("=").strip()
    if requirement.startswith("!"):
        return requirement[1:].strip() not in labels
    return requirement in labels


def matches_fields(selector: str, item: KubeObject) -> bool:
    """Whether `item` meets `selector`; raises InvalidError for a field the API server doesn't index."""
    return all(_field_holds(part, item) for part in selector.split(",") if part)


def _field_holds(requirement: str, item: KubeObject) -> bool:
    wanted: Callable[[str, str], bool] = str.__ne__ if "!=" in requirement else str.__eq__
    key, _, value = requirement.partition("!=" if "!=" in requirement else "=")
    if key not in _FIELDS:
        msg = f"field label not supported: {key!r}; supported: {', '.join(_FIELDS)}"
        raise InvalidError(msg, code=400, reason="BadRequest")
    found: Any = item
    for part in _FIELDS[key]:
        found = (found or {}).get(part)
    return wanted(str(found or ""), value.lstrip("="))

"""Which fields an object has, in the notation of server-side apply (KEP-555, `fieldsV1`).

A path is a tuple of elements: `f:name` for a field, `k:{...}` for an item of an associative list, `v:...` for an item of a
set. The tables say which lists and maps are not what their JSON looks like; they hold the kinds bartizan touches, from the
`+listType`, `+mapType` and `+structType` markers of k8s.io/api.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

Path: TypeAlias = tuple[str, ...]
Fields: TypeAlias = frozenset[Path]

MISSING: Final = object()
"""What `value_at` returns when there is nothing at the path."""

_KEYED_LISTS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("*", "metadata.ownerReferences"): ("uid",),
    ("*", "status.conditions"): ("type",),
    ("Service", "spec.ports"): ("port", "protocol"),
    ("ServiceSecurityPolicy", "spec.network.decisions"): ("namespace", "service"),
    ("Pod", "spec.containers"): ("name",),
    ("Pod", "spec.initContainers"): ("name",),
    ("Pod", "spec.volumes"): ("name",),
    ("Pod", "spec.containers.env"): ("name",),
    ("Pod", "spec.containers.volumeMounts"): ("mountPath",),
    ("Pod", "spec.initContainers.volumeMounts"): ("mountPath",),
}
_KEY_DEFAULTS: Final = {"protocol": "TCP"}
_SETS: Final = frozenset({("*", "metadata.finalizers")})
_ATOMIC_MAPS: Final = frozenset(
    {
        ("NetworkPolicy", "spec.podSelector"),
        ("Service", "spec.selector"),
        ("RoleBinding", "roleRef"),
        ("Event", "regarding"),
        ("Event", "related"),
        ("Pod", "spec.nodeSelector"),
        ("ValidatingAdmissionPolicy", "spec.paramKind"),
        ("ValidatingAdmissionPolicy", "spec.matchConstraints"),
        ("ValidatingAdmissionPolicyBinding", "spec.paramRef"),
        ("ValidatingAdmissionPolicyBinding", "spec.matchResources"),
        ("MutatingAdmissionPolicy", "spec.paramKind"),
        ("MutatingAdmissionPolicy", "spec.matchConstraints"),
        ("MutatingAdmissionPolicyBinding", "spec.paramRef"),
        ("MutatingAdmissionPolicyBinding", "spec.matchResources"),
    }
)
_UNOWNED: Final = frozenset(
    {("f:apiVersion",), ("f:kind",), ("f:metadata",), ("f:metadata", "f:name"), ("f:metadata", "f:namespace")}
)


def _dotted(path: Path) -> str:
    return ".".join(element[2:] for element in path if element.startswith("f:"))


def _listed(table: Iterable[tuple[str, str]], kind: str, path: Path) -> bool:
    dotted = _dotted(path)
    return (kind, dotted) in table or ("*", dotted) in table


def list_keys(kind: str, path: Path) -> tuple[str, ...]:
    """Return the keys of the associative list at `path`; empty for every other list."""
    dotted = _dotted(path)
    return _KEYED_LISTS.get((kind, dotted)) or _KEYED_LISTS.get(("*", dotted)) or ()


def is_set(kind: str, path: Path) -> bool:
    """Whether the list at `path` is a set of scalars."""
    return _listed(_SETS, kind, path)


def is_granular(kind: str, path: Path) -> bool:
    """Whether the map at `path` is owned field by field rather than as a whole."""
    return not _listed(_ATOMIC_MAPS, kind, path)


def item_element(keys: tuple[str, ...], item: Mapping[str, Any]) -> str:
    """Return the path element of one item of an associative list."""
    chosen = {key: item.get(key, _KEY_DEFAULTS.get(key)) for key in keys}
    return "k:" + json.dumps(chosen, sort_keys=True, separators=(",", ":"))


def value_element(value: Any) -> str:
    """Return the path element of one item of a set."""
    return "v:" + json.dumps(value)


def children(kind: str, value: Any, path: Path) -> list[tuple[str, Any]] | None:
    """Return the elements below `path` with their values; None when the value is owned as a whole."""
    if isinstance(value, dict) and is_granular(kind, path):
        return [(f"f:{name}", below) for name, below in value.items()]
    if isinstance(value, list) and (keys := list_keys(kind, path)):
        return [(item_element(keys, item), item) for item in value]
    if isinstance(value, list) and is_set(kind, path):
        return [(value_element(item), item) for item in value]
    return None


def fields_of(kind: str, value: Any, path: Path = ()) -> Fields:
    """Return the paths that an applier of `value` owns."""
    below = children(kind, value, path)
    own = {path} if path and (not below or path[-1].startswith("k:")) else set()
    found = own.union(*(fields_of(kind, item, (*path, element)) for element, item in below or ()))
    return frozenset(found - _UNOWNED)


def value_at(kind: str, value: Any, path: Path) -> Any:
    """Return what is at `path` in `value`, or MISSING."""
    here: Path = ()
    for element in path:
        found = dict(children(kind, value, here) or ())
        if element not in found:
            return MISSING
        value, here = found[element], (*here, element)
    return value


def to_fields_v1(fields: Iterable[Path]) -> dict[str, Any]:
    """Return the nested form of `managedFields[].fieldsV1`."""
    tree: dict[str, Any] = {}
    for path in sorted(fields):
        node = tree
        for element in path:
            node = node.setdefault(element, {})
        if path[-1].startswith("k:"):
            node["."] = {}
    return tree


def from_fields_v1(tree: Mapping[str, Any], path: Path = ()) -> Fields:
    """Return the paths of a `fieldsV1` tree."""
    if not tree:
        return frozenset({path}) if path else frozenset()
    found: set[Path] = set()
    for element, below in tree.items():
        found |= {path} if element == "." else from_fields_v1(below, (*path, element))
    return frozenset(found)


def spelled(path: Path) -> str:
    """Return the path as the API server spells it in a conflict: `.spec.ingress`, `.status.conditions[type="Ready"]`."""
    words = []
    for element in path:
        kind, rest = element[0], element[2:]
        if kind == "f":
            words.append(f".{rest}")
        elif kind == "k":
            keys = ",".join(f"{key}={json.dumps(value)}" for key, value in json.loads(rest).items())
            words.append(f"[{keys}]")
        else:
            words.append(f"[={rest}]")
    return "".join(words)

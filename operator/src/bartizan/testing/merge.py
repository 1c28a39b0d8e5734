"""What an API server does to an object on an apply or an update, as pure functions on values.

The rules are those of structured-merge-diff: an applier owns what it sends, differs from another owner only by force, and
what it no longer sends goes away unless somebody else owns it. An update takes whatever it changes.
"""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from bartizan.api.names import KubeObject
from bartizan.kube.errors import FIELD_CONFLICT, Cause
from bartizan.testing.fields import (
    MISSING,
    Fields,
    Path,
    children,
    fields_of,
    from_fields_v1,
    is_granular,
    spelled,
    to_fields_v1,
    value_at,
)

Operation = Literal["Apply", "Update"]


@dataclass(frozen=True, slots=True)
class Owner:
    """One entry of managedFields without its fields."""

    manager: str
    operation: Operation
    subresource: str = ""


def owners(item: KubeObject) -> dict[Owner, Fields]:
    """Return who owns which fields of `item`."""
    return {
        Owner(entry["manager"], entry["operation"], entry.get("subresource", "")): from_fields_v1(entry["fieldsV1"])
        for entry in item["metadata"].get("managedFields", ())
    }


def with_owners(item: KubeObject, claims: dict[Owner, Fields], before: KubeObject | None, now: datetime) -> KubeObject:
    """Return `item` with managedFields for `claims`; an entry that did not change keeps its time."""
    known = owners(before) if before else {}
    times = {
        Owner(entry["manager"], entry["operation"], entry.get("subresource", "")): entry["time"]
        for entry in (before["metadata"].get("managedFields", ()) if before else ())
    }
    stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    entries = []
    for owner, fields in claims.items():
        if not fields:
            continue
        entry = {
            "manager": owner.manager,
            "operation": owner.operation,
            "apiVersion": item["apiVersion"],
            "time": times[owner] if known.get(owner) == fields else stamp,
            "fieldsType": "FieldsV1",
            "fieldsV1": to_fields_v1(fields),
        }
        entries.append({**entry, "subresource": owner.subresource} if owner.subresource else entry)
    return {**item, "metadata": {**item["metadata"], "managedFields": entries}}


def conflicts(live: KubeObject, applied: KubeObject, owner: Owner) -> tuple[dict[Owner, Fields], tuple[Cause, ...]]:
    """Return the fields of other owners that `applied` would change, and the same in the API server's words."""
    kind = live["kind"]
    claimed = fields_of(kind, applied)
    found: dict[Owner, Fields] = {}
    causes: list[Cause] = []
    for other, fields in owners(live).items():
        if other == owner:
            continue
        disputed = frozenset(path for path in claimed & fields if _differs(kind, live, applied, path))
        found[other] = disputed
        using = f'conflict with "{other.manager}"' + (
            f' with subresource "{other.subresource}"' if other.subresource else ""
        )
        causes += [
            Cause(FIELD_CONFLICT, spelled(path), f"{using} using {live['apiVersion']}") for path in sorted(disputed)
        ]
    return found, tuple(causes)


def _differs(kind: str, live: KubeObject, applied: KubeObject, path: Path) -> bool:
    if path[-1].startswith("k:"):
        return False
    theirs, mine = value_at(kind, live, path), value_at(kind, applied, path)
    if mine == {} and is_granular(kind, path):
        return theirs is not MISSING and not isinstance(theirs, dict)
    return bool(theirs != mine)


def apply_to(
    live: KubeObject, applied: KubeObject, owner: Owner, lost: dict[Owner, Fields], now: datetime
) -> KubeObject:
    """Return `live` after `owner` applied `applied`, with the fields in `lost` taken from their owners."""
    kind = live["kind"]
    before = owners(live)
    claims = {other: fields - lost.get(other, frozenset()) for other, fields in before.items() if other != owner}
    mine = fields_of(kind, applied)
    merged = merge(kind, copy.deepcopy(live), applied)
    kept = mine.union(*claims.values())
    for path in sorted(before.get(owner, frozenset()) - kept, key=len):
        if not any(other[: len(path)] == path for other in kept):
            remove(kind, merged, path)
    return with_owners(merged, {**claims, owner: mine}, live, now)


def update_to(live: KubeObject | None, new: KubeObject, owner: Owner, now: datetime) -> KubeObject:
    """Return `new` as an update by `owner`, who takes every field that differs from `live`."""
    kind = new["kind"]
    if live is None:
        return with_owners(new, {owner: owned_fields(new)}, None, now)
    old, wanted = owned_fields(live), owned_fields(new)
    changed = frozenset(
        path for path in wanted if path not in old or value_at(kind, live, path) != value_at(kind, new, path)
    )
    gone = old - wanted
    claims = {other: fields - changed - gone for other, fields in owners(live).items()}
    claims[owner] = claims.get(owner, frozenset()) | changed
    return with_owners(new, claims, live, now)


_SERVER_OWN = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
    "managedFields",
)


def without_server_fields(item: KubeObject) -> KubeObject:
    """Return `item` without the metadata only the server writes."""
    meta = {key: value for key, value in item["metadata"].items() if key not in _SERVER_OWN}
    return {**item, "metadata": meta}


def owned_fields(item: KubeObject) -> Fields:
    """Return the fields of a whole object that somebody can own."""
    return fields_of(item["kind"], without_server_fields(item))


def merge(kind: str, live: Any, new: Any, path: Path = ()) -> Any:
    """Return `live` with `new` laid over it; `live` may be changed."""
    below = children(kind, new, path)
    if below is None or children(kind, live, path) is None:
        return copy.deepcopy(new)
    if isinstance(live, dict):
        for name, value in new.items():
            here = (*path, f"f:{name}")
            live[name] = merge(kind, live[name], value, here) if name in live else copy.deepcopy(value)
        return live
    places = {element: index for index, (element, _) in enumerate(children(kind, live, path) or ())}
    for element, item in below:
        if element in places:
            live[places[element]] = merge(kind, live[places[element]], item, (*path, element))
        else:
            live.append(copy.deepcopy(item))
    return live


def remove(kind: str, item: Any, path: Path) -> None:
    """Take what is at `path` out of `item`, and maps and lists that are left empty with it."""
    if value_at(kind, item, path) is MISSING:
        return
    parent = value_at(kind, item, path[:-1]) if len(path) > 1 else item
    if isinstance(parent, dict):
        del parent[path[-1][2:]]
    else:
        keep = [value for element, value in children(kind, parent, path[:-1]) or () if element != path[-1]]
        parent[:] = keep
    above = path[:-1]
    if not parent and above and not above[-1].startswith("k:"):
        remove(kind, item, above)


def only(item: KubeObject, parts: Iterable[str]) -> KubeObject:
    """Return `item` with no more than its identity and `parts` of its top level."""
    meta = item["metadata"]
    identity = {key: meta[key] for key in ("name", "namespace") if key in meta}
    chosen = {part: item[part] for part in parts if part in item}
    return {"apiVersion": item["apiVersion"], "kind": item["kind"], "metadata": identity, **chosen}

"""What the fake API server knows of single objects: where they belong, what may not change, what is whose subresource."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from bartizan.api.kinds import (
    BY_NAME,
    CERTIFICATE_REQUEST,
    CILIUM_NETWORK_POLICY,
    CLUSTER_NETWORK_POLICY,
    EVENT,
    MUTATING_BINDING,
    MUTATING_POLICY,
    NAMESPACE,
    NETWORK_POLICY,
    NODE,
    POD,
    POD_CERTIFICATE_REQUESTS,
    POLICY,
    POLICY_INDEX,
    SECRET,
    SECURITY_BASELINE,
    SERVICE,
    SERVICE_CIDR,
    SIGNING_REQUEST,
    TRUST_DOMAIN,
    VALIDATING_BINDING,
    VALIDATING_POLICY,
    Kind,
)
from bartizan.api.names import KubeObject
from bartizan.core.model import ObjectRef
from bartizan.kube.errors import Call, ConflictError, InvalidError, NotFoundError
from bartizan.testing.merge import only, owners, without_server_fields

_WITH_STATUS: Final = frozenset(
    {
        POLICY,
        TRUST_DOMAIN,
        NAMESPACE,
        NODE,
        POD,
        SERVICE,
        SERVICE_CIDR,
        VALIDATING_POLICY,
        CILIUM_NETWORK_POLICY,
        CLUSTER_NETWORK_POLICY,
        CERTIFICATE_REQUEST,
        SIGNING_REQUEST,
        *POD_CERTIFICATE_REQUESTS.values(),
    }
)
_WITH_GENERATION: Final = frozenset(
    {
        POLICY,
        TRUST_DOMAIN,
        SECURITY_BASELINE,
        POLICY_INDEX,
        NETWORK_POLICY,
        CILIUM_NETWORK_POLICY,
        CLUSTER_NETWORK_POLICY,
        VALIDATING_POLICY,
        VALIDATING_BINDING,
        MUTATING_POLICY,
        MUTATING_BINDING,
    }
)
_OMITTED_IN_METADATA: Final = frozenset({"labels", "annotations", "ownerReferences", "finalizers"})
_WHOLE: Final = frozenset({"apiVersion", "kind", "metadata", "data"})
_ROOT: Final = frozenset({"data", "subjects", "rules"})
_TLS: Final = "kubernetes.io/tls"


def kind_of(ref: ObjectRef) -> Kind:
    """Return the kind of `ref`; raises NotFoundError for one that `api.kinds` does not have."""
    kind = BY_NAME.get((ref.api_version, ref.kind))
    if kind is None:
        msg = f"{ref.kind} of {ref.api_version} is not in bartizan.api.kinds: the operator cannot touch it"
        raise NotFoundError(msg)
    return kind


def placed(item: KubeObject) -> tuple[ObjectRef, Kind]:
    """Return where `item` belongs; raises InvalidError when its namespace does not fit its scope."""
    ref = ObjectRef.of(item)
    kind = kind_of(ref)
    if kind.namespaced != bool(ref.namespace):
        wanted = "needs metadata.namespace" if kind.namespaced else "must not have metadata.namespace"
        msg = f"{kind.kind} {ref.name} {wanted}"
        raise InvalidError(msg, code=400, reason="BadRequest")
    return ref, kind


def newborn(ref: ObjectRef, kind: Kind, *, uid: str, now: datetime) -> KubeObject:
    """Return an object that exists and says nothing yet."""
    meta: dict[str, Any] = {"name": ref.name, "uid": uid, "creationTimestamp": now.strftime("%Y-%m-%dT%H:%M:%SZ")}
    if kind.namespaced:
        meta["namespace"] = ref.namespace
    if kind in _WITH_GENERATION:
        meta["generation"] = 1
    item: KubeObject = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta}
    return {**item, "type": "Opaque"} if kind == SECRET else item


def with_server_fields(item: KubeObject, live: KubeObject) -> KubeObject:
    """Return `item` with the metadata the server gave to `live`."""
    meta, own = live["metadata"], without_server_fields(item)
    kept = {
        key: meta[key]
        for key in ("uid", "creationTimestamp", "resourceVersion", "generation", "managedFields", "deletionTimestamp")
        if key in meta
    }
    chosen = {
        key: item["metadata"][key] for key in ("uid", "generation", "deletionTimestamp") if key in item["metadata"]
    }
    merged = {**own, "metadata": {**own["metadata"], **kept, **chosen}}
    return {"type": "Opaque", **merged} if item["kind"] == SECRET.kind else merged


def check_apply(call: Call, item: KubeObject, live: KubeObject | None) -> None:
    """Raise what an API server says to an apply it cannot take."""
    meta = item["metadata"]
    if not call.manager:
        msg = f"{call}: 422 Invalid: fieldManager: Required value: is required for apply patch"
        raise InvalidError(msg)
    if meta.get("managedFields"):
        msg = f"{call}: 400 BadRequest: metadata.managedFields must be nil"
        raise InvalidError(msg, code=400, reason="BadRequest")
    if call.verb == "apply-status" and call.kind not in _WITH_STATUS:
        msg = f"{call}: 404 NotFound: the kind has no status subresource"
        raise NotFoundError(msg)
    version, uid = meta.get("resourceVersion"), meta.get("uid")
    found = live["metadata"] if live else {}
    # The real one, too, ignores a resourceVersion on an object that is not there, but not a uid.
    if (version and live and version != found["resourceVersion"]) or (uid and uid != found.get("uid")):
        msg = f"{call}: 409 Conflict: the object has been modified; please apply your changes to the latest version"
        raise ConflictError(msg)


def check_immutable(call: Call, live: KubeObject | None, new: KubeObject) -> None:
    """Raise InvalidError for what a Secret or an Event must not become (KEP-1412, KEP-383, and the Secret type's demands)."""
    kind = new["kind"]
    if kind == SECRET.kind and new["type"] == _TLS and not {"tls.crt", "tls.key"} <= set(new.get("data", {})):
        raise _withheld(call)
    if live is None:
        return
    if kind == SECRET.kind:
        sealed = live.get("immutable") and any(live.get(part) != new.get(part) for part in ("data", "immutable"))
        if sealed or live["type"] != new["type"]:
            raise _withheld(call)
    if kind == EVENT.kind:
        for name in sorted((live.keys() | new.keys()) - {"metadata", "series"}):
            if live.get(name) != new.get(name):
                msg = f"{call}: 422 Invalid: {name}: Invalid value: {new.get(name)!r}: field is immutable"
                raise InvalidError(msg)


def _withheld(call: Call) -> InvalidError:
    msg = f"{call}: 422 Invalid: the server's message is withheld because it may quote the Secret"
    return InvalidError(msg)


def appliable(item: KubeObject, kind: Kind, *, status: bool) -> KubeObject:
    """Return the part of `item` that an apply to this (sub)resource looks at, without nulls."""
    bare: KubeObject = _without_nulls(without_server_fields(item))
    if status:
        return only(bare, ("status",))
    return {key: value for key, value in bare.items() if key != "status" or kind not in _WITH_STATUS}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(below) for key, below in value.items() if below is not None}
    return [_without_nulls(below) for below in value] if isinstance(value, list) else value


def stored_form(item: KubeObject) -> KubeObject:
    """Return `item` as it comes out of storage: Go's `omitempty` drops empty lists and label maps of built-in kinds."""
    meta = {key: value for key, value in item["metadata"].items() if value or key not in _OMITTED_IN_METADATA}
    bare = {**item, "metadata": meta}
    if "bartizan.dev/" in item["apiVersion"]:
        return bare
    parts = {key: value for key, value in bare.items() if key not in _ROOT or value}
    return {key: value if key in _WHOLE else _without_empties(value) for key, value in parts.items()}


def _without_empties(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_empties(below) for below in value]
    if not isinstance(value, dict):
        return value
    kept = {key: below for key, below in value.items() if below != [] and (key != "matchLabels" or below)}
    return {key: _without_empties(below) for key, below in kept.items()}


def restless(kind: Kind, new: KubeObject) -> bool:
    """Whether applying `new` counts as a change every time.

    A NetworkPolicy with an empty list in its spec is compared, before it is stored, with one that came out of storage
    without it: every such apply raises the generation (seen on Kubernetes 1.36).
    """
    return kind == NETWORK_POLICY and _without_empties(new.get("spec")) != new.get("spec")


def differs(live: KubeObject, new: KubeObject) -> bool:
    """Whether storing `new` changes anything, ownership included."""
    return _comparable(live) != _comparable(new) or owners(live) != owners(new)


def _comparable(item: KubeObject) -> KubeObject:
    ignored = ("resourceVersion", "managedFields")
    return {**item, "metadata": {key: value for key, value in item["metadata"].items() if key not in ignored}}


def bumps_generation(kind: Kind, live: KubeObject, new: KubeObject) -> bool:
    """Whether the change from `live` to `new` is one of what is desired, for kinds that count those."""
    if kind not in _WITH_GENERATION or new["metadata"].get("generation") != live["metadata"].get("generation"):
        return False
    return _desired(live) != _desired(new)


def _desired(item: KubeObject) -> KubeObject:
    return {key: value for key, value in item.items() if key not in {"metadata", "status"}}


def orphaned(item: KubeObject, others: Iterable[KubeObject]) -> bool:
    """Whether `item` has owners and none of them lives."""
    wanted = {owner["uid"] for owner in item["metadata"].get("ownerReferences", ())}
    return bool(wanted) and not any(other["metadata"]["uid"] in wanted for other in others)


def selected(item: KubeObject, namespace: str) -> bool:
    """Whether `item` is in `namespace`; an empty one means all."""
    return not namespace or item["metadata"].get("namespace") == namespace


def labels_of(item: KubeObject) -> Mapping[str, str]:
    """Return the item's labels."""
    labels: Mapping[str, str] = item["metadata"].get("labels") or {}
    return labels


def absent(call: Call) -> NotFoundError:
    """Return the error for an object, or its namespace, that is not there."""
    msg = f'{call}: 404 NotFound: {call.kind.plural} "{call.name}" not found, or its namespace is not'
    return NotFoundError(msg)

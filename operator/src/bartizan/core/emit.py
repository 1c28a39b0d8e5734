"""What every emitted object has in common: labels, owner, and the hash of what was meant.

The hash lets drift be seen without comparing defaulted fields: whoever edits the object by hand leaves the hash behind, and
the comparison of our own fields (`same_intent`) finds the rest.
"""

import hashlib
import json
from typing import Any, Final

from bartizan.api.names import (
    API_VERSION,
    HASH_ANNOTATION,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    POLICY_LABEL,
    KubeObject,
)
from bartizan.core.model import PolicyView

_HASH_LENGTH: Final = 16
_SEALED_LABELS: Final = frozenset({MANAGED_BY_LABEL, POLICY_LABEL})


def fingerprint(value: Any) -> str:
    """Return the first 16 hex digits of the SHA-256 of a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]


def owned_by(policy: PolicyView, item: KubeObject) -> KubeObject:
    """Return `item` with the policy's namespace, labels, owner reference and hash; `item` itself is left alone."""
    meta = {
        "namespace": policy.namespace,
        **item["metadata"],
        "labels": {
            **item["metadata"].get("labels", {}),
            MANAGED_BY_LABEL: MANAGED_BY,
            POLICY_LABEL: policy.name,
        },
        "ownerReferences": [
            {
                "apiVersion": API_VERSION,
                "kind": "ServiceSecurityPolicy",
                "name": policy.name,
                "uid": policy.uid,
                "controller": True,
                "blockOwnerDeletion": False,
            }
        ],
    }
    return sealed({**item, "metadata": meta})


def sealed(item: KubeObject) -> KubeObject:
    """Return `item` with the annotation that holds the hash of everything else in it."""
    meta = item["metadata"]
    digest = fingerprint(item)
    return {**item, "metadata": {**meta, "annotations": {**meta.get("annotations", {}), HASH_ANNOTATION: digest}}}


def sealed_hash(item: KubeObject | None) -> str:
    """Return the hash that `item` was sealed with; empty if it bears none, or there is no item."""
    annotations = ((item or {}).get("metadata") or {}).get("annotations") or {}
    return str(annotations.get(HASH_ANNOTATION, ""))


def intact(item: KubeObject) -> bool:
    """Whether an observed NetworkPolicy still is, byte of meaning by byte, what bartizan last sealed.

    One that somebody edited says nothing about what held before: it is repaired, never taken for a step of a rollout.
    """
    meta = item["metadata"]
    labels = {key: value for key, value in (meta.get("labels") or {}).items() if key in _SEALED_LABELS}
    kept = {"name": meta["name"], "namespace": meta["namespace"], "labels": labels}
    if "ownerReferences" in meta:
        kept["ownerReferences"] = meta["ownerReferences"]
    spec = {key: value for key, value in item["spec"].items() if value or key not in {"ingress", "egress"}}
    meant = {"apiVersion": item["apiVersion"], "kind": item["kind"], "metadata": kept, "spec": spec}
    return sealed_hash(item) == fingerprint(meant)


def same_intent(desired: Any, observed: Any) -> bool:
    """Whether `observed` still says everything that `desired` says.

    Fields that the API server or others added to a mapping don't count; lists must agree in length and order, because a
    longer list of peers or ports is a wider policy. An empty mapping or list is the same as none: the API server drops either.
    """
    if isinstance(desired, dict):
        found = {} if observed is None else observed
        return isinstance(found, dict) and all(same_intent(value, found.get(key)) for key, value in desired.items())
    if isinstance(desired, list):
        found = [] if observed is None else observed
        return (
            isinstance(found, list)
            and len(desired) == len(found)
            and all(same_intent(mine, theirs) for mine, theirs in zip(desired, found, strict=True))
        )
    return bool(desired == observed)

"""What of an object the picture holds: all but the part of its `managedFields` that no decision reads.

The API server's record of who owns which field is often larger than the object itself, and of ten thousand policies it would
fill more memory than everything else. Of our own writes the name is enough; that of others is kept whole in Secrets only,
where a contest asks what they took.
"""

from bartizan.api.kinds import SECRET
from bartizan.api.names import POLICY_LABEL, KubeObject

_OURS = "bartizan/"


def kept(item: KubeObject) -> KubeObject:
    """Return the object as it is held; the one given is left alone."""
    meta = item["metadata"]
    entries = meta.get("managedFields")
    if not entries:
        return item
    whole = item["kind"] == SECRET.kind
    return {**item, "metadata": {**meta, "managedFields": [_short(entry, whole=whole) for entry in entries]}}


def policy_of(item: KubeObject) -> str:
    """Return the policy that an object says it was made for, or nothing: by that its Secrets are found."""
    return str((item["metadata"].get("labels") or {}).get(POLICY_LABEL) or "")


def _short(entry: KubeObject, *, whole: bool) -> KubeObject:
    if whole and not str(entry.get("manager", "")).startswith(_OURS):
        return entry
    return {key: entry[key] for key in ("manager", "operation", "subresource") if key in entry}

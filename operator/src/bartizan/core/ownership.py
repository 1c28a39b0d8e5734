"""Whose object is it? bartizan repairs what it made and leaves alone what somebody else made under the same name.

Labels and owner references can be edited away; the API server's own record of writers (`managedFields`) stays, so either of
them proves that an object is ours.
"""

from typing import Final

from bartizan.api.names import MANAGED_BY, MANAGED_BY_LABEL, KubeObject
from bartizan.core.conditions import lean
from bartizan.core.emit import same_intent
from bartizan.core.model import ObjectRef
from bartizan.core.plan import Apply, Delete, FieldManager

_PREFIX: Final = "bartizan/"


def is_ours(item: KubeObject, *, owner_uid: str = "") -> bool:
    """Whether bartizan made `item`.

    It did if the item belongs to the policy with `owner_uid`, or if one of bartizan's field managers wrote it, or if it belongs
    to nobody and bears our label.
    """
    if owner_uid and belongs(item, owner_uid):
        return True
    meta = item["metadata"]
    writers = {entry.get("manager", "") for entry in meta.get("managedFields") or ()}
    labelled = (meta.get("labels") or {}).get(MANAGED_BY_LABEL) == MANAGED_BY
    return any(writer.startswith(_PREFIX) for writer in writers) or (labelled and not meta.get("ownerReferences"))


def is_foreign(item: KubeObject | None, *, owner_uid: str = "") -> bool:
    """Whether `item` bears the name of an object of ours and somebody else made it."""
    return item is not None and not is_ours(item, owner_uid=owner_uid)


def belongs(item: KubeObject, owner_uid: str) -> bool:
    """Whether the object with `owner_uid` is an owner of `item`."""
    return any(owner.get("uid") == owner_uid for owner in item["metadata"].get("ownerReferences") or ())


def spelled_out(network_policy: KubeObject) -> KubeObject:
    """Return the NetworkPolicy with both lists of rules, empty or not.

    Server-side apply takes a field from another writer only if it is in what is applied: a rule that somebody added to a
    direction in which nothing is open would stay otherwise.
    """
    return {**network_policy, "spec": {"ingress": [], "egress": [], **network_policy["spec"]}}


def upkeep(desired: KubeObject, observed: KubeObject | None, *, manager: FieldManager) -> tuple[Apply, ...]:
    """Return the write that makes `observed` say what is `desired`; nothing if it already does.

    What exists is ours (the caller has checked) and taken back by force; what does not exist is made without force, so that an
    object somebody else made in the meantime is refused by the API server instead of overwritten.
    """
    if observed is not None and _as_meant(desired, observed):
        return ()
    return (Apply(item=desired, manager=manager, force=observed is not None),)


def without_intruders(desired: KubeObject, observed: KubeObject, *, manager: FieldManager) -> tuple[Apply, ...]:
    """Return the writes that leave a Secret with the entries that are `desired` and no others; nothing if there are none.

    Server-side apply removes only what the applier owns. So an entry that somebody added is first taken over, which needs
    another value than theirs (an equal one would be owned by both), and then dropped.
    """
    extra = {key: value for key, value in (observed.get("data") or {}).items() if key not in desired["data"]}
    if not extra:
        return ()
    taken = {key: "" if value else "eA==" for key, value in extra.items()}
    whole = {**desired, "data": {**desired["data"], **taken}}
    return (
        Apply(item=whole, manager=manager, force=True),
        Apply(item=desired, manager=manager, force=True),
    )


def _as_meant(desired: KubeObject, observed: KubeObject) -> bool:
    """Whether nothing has to be written.

    Others may add labels and annotations. Everything else must be exactly as meant: a requirement more in a selector, or an
    entry more in the index, means something else. (Entries more in a Secret are the business of `without_intruders`.)
    """
    loose = {"metadata", "data"}
    return all(
        same_intent(part, observed.get(name)) if name in loose else lean(part) == lean(observed.get(name) or {})
        for name, part in desired.items()
    )


def removal(observed: KubeObject | None) -> tuple[Delete, ...]:
    """Return the deletion of an object of ours; nothing if there is none or it is going already."""
    if observed is None or "deletionTimestamp" in observed["metadata"]:
        return ()
    return (Delete(ref=ObjectRef.of(observed), uid=observed["metadata"].get("uid", "")),)


def abandoned(observed: KubeObject | None, *, owner_uid: str = "") -> tuple[Delete, ...]:
    """Return the deletion of what bears the name of an object that is not wanted any more; others' are left alone."""
    return () if is_foreign(observed, owner_uid=owner_uid) else removal(observed)

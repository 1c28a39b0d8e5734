"""The local copy of the cluster that decisions are gathered from, one writer per kind and namespace: its reflector.

Kopf's indices keep what vanished while a watch was down; here a fresh listing replaces everything, and says what changed.
"""

from collections.abc import Callable, Iterable

from bartizan.api.kinds import Kind
from bartizan.api.names import KubeObject
from bartizan.core.model import ObjectRef


class Store:
    """Objects by kind, namespace and name. What it returns is shared: read it, never change it."""

    def __init__(self, keep: Callable[[KubeObject], KubeObject] = lambda item: item) -> None:
        """Hold of each object what `keep` returns, which must have its kind, names, uid and resourceVersion."""
        self._keep = keep
        self._items: dict[tuple[str, str], dict[str, dict[str, KubeObject]]] = {}

    def apply(self, item: KubeObject) -> bool:
        """Hold `item` unless it is already held in this or a newer version; return whether it is now held anew."""
        ref = ObjectRef.of(item)
        held = self.get(ref)
        if held is not None and not _newer(item, held):
            return False
        self._namespace(ref)[ref.name] = self._keep(item)
        return True

    def delete(self, ref: ObjectRef) -> bool:
        """Let go of the object; return whether it was held."""
        return self._namespace(ref).pop(ref.name, None) is not None

    def replace(self, kind: Kind, items: Iterable[KubeObject], *, namespace: str = "") -> set[ObjectRef]:
        """Hold exactly `items` of `kind` (in `namespace`, if given); return what changed, came or vanished.

        A listing is the truth whatever the versions say: after a restore of etcd they count from an earlier number.
        """
        listed = {ObjectRef.of(item): item for item in items}
        held = {ObjectRef.of(item): item for item in self.list(kind, namespace)}
        for ref in held.keys() - listed.keys():
            self.delete(ref)
        for ref, item in listed.items():
            self._namespace(ref)[ref.name] = self._keep(item)
        return {ref for ref in held.keys() | listed.keys() if _identity(held.get(ref)) != _identity(listed.get(ref))}

    def get(self, ref: ObjectRef) -> KubeObject | None:
        """Return the object, or None."""
        return self._items.get((ref.api_version, ref.kind), {}).get(ref.namespace, {}).get(ref.name)

    def list(self, kind: Kind, namespace: str = "") -> list[KubeObject]:
        """Return all objects of `kind`, of one namespace if given."""
        of_kind = self._items.get((kind.api_version, kind.kind), {})
        chosen = [of_kind.get(namespace, {})] if namespace else of_kind.values()
        return [item for items in chosen for item in items.values()]

    def _namespace(self, ref: ObjectRef) -> dict[str, KubeObject]:
        return self._items.setdefault((ref.api_version, ref.kind), {}).setdefault(ref.namespace, {})


def _identity(item: KubeObject | None) -> tuple[str, str] | None:
    return (item["metadata"].get("uid", ""), item["metadata"].get("resourceVersion", "")) if item else None


def _newer(item: KubeObject, held: KubeObject) -> bool:
    """Compare resourceVersions as numbers (KEP-5504); where they are not numbers, the later message wins."""
    new, old = (str(one["metadata"].get("resourceVersion", "")) for one in (item, held))
    return int(new) > int(old) if new.isdigit() and old.isdigit() else new != old

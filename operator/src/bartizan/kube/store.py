"""The local copy of the cluster that decisions are gathered from, one writer per kind and namespace: its reflector.

What vanished while a watch was down must not live on: a fresh listing replaces everything, and says what changed.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Final

from bartizan.api.kinds import Kind
from bartizan.api.names import KubeObject
from bartizan.core.model import ObjectRef
from bartizan.kube.packed import Packed, Packer

_RECENT: Final = 256
"""How many packed objects are at hand as they are: one that was just written is looked at a dozen times."""


@dataclass(frozen=True, slots=True)
class _Held:
    uid: str
    version: str
    mark: str
    body: KubeObject | Packed

    @property
    def identity(self) -> tuple[str, str]:
        return (self.uid, self.version)

    @property
    def item(self) -> KubeObject:
        return self.body.unpack() if isinstance(self.body, Packed) else self.body


class Store:
    """Objects by kind, namespace and name. What it returns is shared: read it, never change it."""

    def __init__(
        self,
        keep: Callable[[KubeObject], KubeObject] = lambda item: item,
        *,
        packed: Collection[Kind] = (),
        mark: Callable[[KubeObject], str] = lambda _: "",
    ) -> None:
        """Hold of each object what `keep` returns, which must have its kind, names, uid and resourceVersion.

        Kinds in `packed` are held as few bytes. `mark` is a word by which some objects of a namespace are found.
        """
        self._keep = keep
        self._mark = mark
        self._packed = {(kind.api_version, kind.kind) for kind in packed}
        self._packer = Packer()
        self._recent: OrderedDict[ObjectRef, KubeObject] = OrderedDict()
        self._items: dict[tuple[str, str], dict[str, dict[str, _Held]]] = {}

    def apply(self, item: KubeObject) -> bool:
        """Hold `item` unless it is already held in this or a newer version; return whether it is now held anew."""
        ref = ObjectRef.of(item)
        held = self._held(ref)
        if held is not None and not _newer(_version(item), held.version):
            return False
        self._hold(ref, item)
        return True

    def delete(self, ref: ObjectRef) -> bool:
        """Let go of the object; return whether it was held."""
        self._recent.pop(ref, None)
        return self._namespace(ref).pop(ref.name, None) is not None

    def replace(self, kind: Kind, items: Iterable[KubeObject], *, namespace: str = "") -> set[ObjectRef]:
        """Hold exactly `items` of `kind` (in `namespace`, if given); return what changed, came or vanished.

        A listing is the truth whatever the versions say: after a restore of etcd they count from an earlier number.
        """
        before = self.versions(kind, namespace)
        changed = set(before)
        for item in items:
            ref = ObjectRef.of(item)
            if before.pop(ref, None) == (_uid(item), _version(item)):
                changed.discard(ref)
            else:
                changed.add(ref)
            self._hold(ref, item)
        for ref in before:
            self.delete(ref)
        return changed

    def get(self, ref: ObjectRef) -> KubeObject | None:
        """Return the object, or None."""
        held = self._held(ref)
        if held is None:
            return None
        if not isinstance(held.body, Packed):
            return held.body
        found = self._recent.get(ref)
        if found is None:
            found = held.body.unpack()
            self._at_hand(ref, found)
        else:
            self._recent.move_to_end(ref)
        return found

    def list(self, kind: Kind, namespace: str = "", *, mark: str | None = None) -> list[KubeObject]:
        """Return all objects of `kind`, of one namespace if given, of one `mark` if given."""
        return [
            held.item
            for name in self._places(kind, namespace)
            for held in self._of(kind, name).values()
            if mark is None or held.mark == mark
        ]

    def versions(self, kind: Kind, namespace: str = "") -> dict[ObjectRef, tuple[str, str]]:
        """Return uid and resourceVersion of all objects of `kind`, of one namespace if given."""
        return {
            ObjectRef(api_version=kind.api_version, kind=kind.kind, namespace=place, name=name): held.identity
            for place in self._places(kind, namespace)
            for name, held in self._of(kind, place).items()
        }

    def _hold(self, ref: ObjectRef, item: KubeObject) -> None:
        kept: KubeObject = self._keep(item)
        body: KubeObject | Packed = kept
        if (ref.api_version, ref.kind) in self._packed:
            body = self._packer.pack(kept)
            self._at_hand(ref, kept)
        self._namespace(ref)[ref.name] = _Held(_uid(item), _version(item), self._mark(item), body)

    def _at_hand(self, ref: ObjectRef, item: KubeObject) -> None:
        self._recent[ref] = item
        self._recent.move_to_end(ref)
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)

    def _held(self, ref: ObjectRef) -> _Held | None:
        return self._items.get((ref.api_version, ref.kind), {}).get(ref.namespace, {}).get(ref.name)

    def _of(self, kind: Kind, namespace: str) -> dict[str, _Held]:
        return self._items.get((kind.api_version, kind.kind), {}).get(namespace, {})

    def _places(self, kind: Kind, namespace: str) -> Iterable[str]:
        return (namespace,) if namespace else self._items.get((kind.api_version, kind.kind), {})

    def _namespace(self, ref: ObjectRef) -> dict[str, _Held]:
        return self._items.setdefault((ref.api_version, ref.kind), {}).setdefault(ref.namespace, {})


def _uid(item: KubeObject) -> str:
    return str(item["metadata"].get("uid", ""))


def _version(item: KubeObject) -> str:
    return str(item["metadata"].get("resourceVersion", ""))


def _newer(new: str, old: str) -> bool:
    """Compare resourceVersions as numbers (KEP-5504); where they are not numbers, the later message wins."""
    return int(new) > int(old) if new.isdigit() and old.isdigit() else new != old

"""Where changes of the cluster come in: they go into the picture, and whoever has to look is queued.

Every source (kopf, a reflector, a resync, the answer to our own write) speaks to this one door, so that an object is treated
the same however it was learnt about. Sources may lag behind each other: what is older than what is known is dropped here.
"""

from collections.abc import Callable, Iterable

from bartizan.api.kinds import Kind
from bartizan.api.names import KubeObject
from bartizan.controller.keys import Key
from bartizan.controller.order import by_urgency
from bartizan.controller.world import World
from bartizan.core.model import ObjectRef
from bartizan.kube.api import Listing


class Intake:
    """Takes objects in. Belongs to the event loop of the controller; other threads must call through it."""

    def __init__(self, world: World, enqueue: Callable[[Key], None]) -> None:
        """Queue with `enqueue`."""
        self._world = world
        self._enqueue = enqueue
        self._listed_at: dict[str, int] = {}

    def seen(self, item: KubeObject) -> None:
        """An object exists and looks like this."""
        if self._world.store.apply(item):
            self.changed(ObjectRef.of(item))

    def gone(self, item: KubeObject) -> None:
        """An object does not exist any more; this is how it looked last.

        If a newer one of the same name is known, it was made again meanwhile, and the news is old.
        """
        ref = ObjectRef.of(item)
        held = self._world.store.version(ref)
        if held is not None and _number(held) <= _version(item) and self._world.store.delete(ref):
            self.changed(ref)

    def listed(self, kind: Kind, listing: Listing) -> None:
        """These were all the objects of `kind` at the listing's version: what was known before and is not there has gone."""
        reached = int(listing.resource_version) if listing.resource_version.isdigit() else 0
        store, before = self._world.store, self._listed_at.get(kind.kind, 0)
        self._listed_at[kind.kind] = reached
        if reached < before:
            # The cluster was restored from a backup: versions count from an earlier number and can't be compared.
            for ref in store.replace(kind, listing.items):
                self.changed(ref)
            return
        missing = store.versions(kind)
        for item in listing.items:
            missing.pop(ObjectRef.of(item), None)
            self.seen(item)
        for ref, (_, version) in missing.items():
            if _number(version) <= reached and store.delete(ref):
                self.changed(ref)

    def changed(self, ref: ObjectRef) -> None:
        """The object at `ref` came, changed or went, and the store knows: for sources that write to the store themselves."""
        self._queue(self._world.changed(ref))

    def template_changed(self, ref: ObjectRef) -> None:
        """The same for a workload with a pod template, which is held apart."""
        self._queue(self._world.template_changed(ref))

    def _queue(self, keys: Iterable[Key]) -> None:
        for key in by_urgency(self._world, keys):
            self._enqueue(key)


def _version(item: KubeObject) -> int:
    return _number(str(item["metadata"].get("resourceVersion", "")))


def _number(version: str) -> int:
    return int(version) if version.isdigit() else 0

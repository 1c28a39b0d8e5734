"""Where changes of the cluster come in: they go into the picture, and whoever has to look is queued.

Every source (a reflector, the answer to our own write) speaks to this one door, so that an object is treated the same however
it was learnt about. Sources may lag behind each other: the store drops what is older than what it knows.
"""

from collections.abc import Callable, Iterable

from bartizan.api.names import KubeObject
from bartizan.controller.keys import Key
from bartizan.controller.order import by_urgency
from bartizan.controller.world import World
from bartizan.core.echo import as_meant
from bartizan.core.model import ObjectRef
from bartizan.core.plan import Apply


class Intake:
    """Takes objects in. Belongs to the event loop of the controller; other threads must call through it."""

    def __init__(self, world: World, enqueue: Callable[[Key], None]) -> None:
        """Queue with `enqueue`."""
        self._world = world
        self._enqueue = enqueue

    def seen(self, item: KubeObject) -> None:
        """An object exists and looks like this."""
        if self._world.store.apply(item):
            self.changed(ObjectRef.of(item))

    def answered(self, answer: KubeObject, apply: Apply, by: Key | None) -> None:
        """The API server answered a write of our own so; `by` has not to look for what was meant to the letter."""
        ref = ObjectRef.of(answer)
        told = {by} if by and as_meant(apply, self._world.store.get(ref), answer) else set()
        if self._world.store.apply(answer):
            self._queue(self._world.changed(ref) - told)

    def changed(self, ref: ObjectRef) -> None:
        """The object at `ref` came, changed or went, and the store knows: for sources that write to the store themselves."""
        self._queue(self._world.changed(ref))

    def template_changed(self, ref: ObjectRef) -> None:
        """The same for a workload with a pod template, which is held apart."""
        self._queue(self._world.template_changed(ref))

    def _queue(self, keys: Iterable[Key]) -> None:
        for key in by_urgency(self._world, keys):
            self._enqueue(key)

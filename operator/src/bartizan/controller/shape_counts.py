"""Objects counted by shape, so that one more of a kind that is there already is no news.

What decisions look at is which shapes there are, not how many of each: the picture says only when one comes that was not there
or the last of one goes.
"""

from collections import Counter
from collections.abc import Collection, Hashable
from typing import Generic, TypeVar

from bartizan.core.model import ObjectRef

S = TypeVar("S", bound=Hashable)


class ShapeCounts(Generic[S]):
    """Shapes by namespace, each as often as there are objects of it."""

    def __init__(self) -> None:
        """Start empty."""
        self._shape_of: dict[ObjectRef, S] = {}
        self._counts: dict[str, Counter[S]] = {}

    def changed(self, ref: ObjectRef, after: S | None) -> frozenset[S]:
        """Take in that an object is of shape `after`, or gone (None); return the shapes that are new or gone by that."""
        before = self._shape_of.pop(ref, None)
        if after is not None:
            self._shape_of[ref] = after
        if before == after:
            return frozenset()
        counts = self._counts.setdefault(ref.namespace, Counter())
        news = set()
        if before is not None:
            counts[before] -= 1
            if not counts[before]:
                del counts[before]
                news.add(before)
        if after is not None:
            counts[after] += 1
            if counts[after] == 1:
                news.add(after)
        return frozenset(news)

    def of(self, namespace: str) -> Collection[S]:
        """Return the shapes there are in a namespace, in no order."""
        return self._counts.get(namespace, Counter()).keys()

"""The controller's picture of what runs: shapes of pods and templates, counted, so that a replica more is no news.

Pods change many times a minute and decisions look at labels and port names only. Everything else is dropped before it is held,
and policies look again only when a shape comes that was not there or the last of a shape goes.
"""

from collections import Counter
from collections.abc import Mapping

from bartizan.api.names import KubeObject
from bartizan.core.model import ObjectRef, WorkloadShape
from bartizan.core.shapes import in_order, lean_workload, read_shape
from bartizan.kube.store import Store


class Workloads:
    """Shapes by namespace. Synchronous, like the rest of the picture."""

    def __init__(self) -> None:
        """Start empty; reflectors of `core.shapes.TEMPLATES` feed `templates`."""
        self.templates = Store(lean_workload)
        self._shape_of: dict[ObjectRef, WorkloadShape] = {}
        self._counts: dict[str, Counter[WorkloadShape]] = {}
        self._ordered: dict[str, tuple[WorkloadShape, ...]] = {}

    def template_changed(self, ref: ObjectRef) -> frozenset[WorkloadShape]:
        """Take in that a workload came, changed or went; return the shapes that are new or gone by that."""
        item = self.templates.get(ref)
        return self._changed(ref, read_shape(item) if item else None)

    def pod_changed(self, ref: ObjectRef, pod: KubeObject | None) -> frozenset[WorkloadShape]:
        """The same for a pod, which is held elsewhere."""
        return self._changed(ref, read_shape(lean_workload(pod)) if pod else None)

    def _changed(self, ref: ObjectRef, after: WorkloadShape | None) -> frozenset[WorkloadShape]:
        before = self._shape_of.pop(ref, None)
        if after:
            self._shape_of[ref] = after
        if before == after:
            return frozenset()
        counts = self._counts.setdefault(ref.namespace, Counter())
        news = set()
        if before:
            counts[before] -= 1
            if not counts[before]:
                del counts[before]
                news.add(before)
        if after:
            counts[after] += 1
            if counts[after] == 1:
                news.add(after)
        if news:
            self._ordered[ref.namespace] = in_order(counts)
        return frozenset(news)

    def of(self, namespace: str) -> tuple[WorkloadShape, ...]:
        """Return the shapes of a namespace."""
        return self._ordered.get(namespace, ())

    def by_namespace(self) -> Mapping[str, tuple[WorkloadShape, ...]]:
        """Return all shapes; the value is the caller's."""
        return dict(self._ordered)

"""The controller's picture of what runs: shapes of pods and templates, counted, so that a replica more is no news.

Pods change many times a minute and decisions look at labels and port names only. Everything else is dropped before it is held,
and policies look again only when a shape comes that was not there or the last of a shape goes.
"""

from collections.abc import Mapping

from bartizan.api.names import KubeObject
from bartizan.controller.shape_counts import ShapeCounts
from bartizan.core.model import ObjectRef, WorkloadShape
from bartizan.core.shapes import in_order, lean_workload, read_shape
from bartizan.kube.store import Store


class Workloads:
    """Shapes by namespace. Synchronous, like the rest of the picture."""

    def __init__(self) -> None:
        """Start empty; reflectors of `core.shapes.TEMPLATES` feed `templates`."""
        self.templates = Store(lean_workload)
        self._counts = ShapeCounts[WorkloadShape]()
        self._ordered: dict[str, tuple[WorkloadShape, ...]] = {}

    def template_changed(self, ref: ObjectRef) -> frozenset[WorkloadShape]:
        """Take in that a workload came, changed or went; return the shapes that are new or gone by that."""
        item = self.templates.get(ref)
        return self._changed(ref, read_shape(item) if item else None)

    def pod_changed(self, ref: ObjectRef, pod: KubeObject | None) -> frozenset[WorkloadShape]:
        """The same for a pod, which is held elsewhere."""
        return self._changed(ref, read_shape(lean_workload(pod)) if pod else None)

    def _changed(self, ref: ObjectRef, after: WorkloadShape | None) -> frozenset[WorkloadShape]:
        news = self._counts.changed(ref, after)
        if news:
            self._ordered[ref.namespace] = in_order(self._counts.of(ref.namespace))
        return news

    def of(self, namespace: str) -> tuple[WorkloadShape, ...]:
        """Return the shapes of a namespace."""
        return self._ordered.get(namespace, ())

    def by_namespace(self) -> Mapping[str, tuple[WorkloadShape, ...]]:
        """Return all shapes; the value is the caller's."""
        return dict(self._ordered)

"""What bartizan asks of a Kubernetes API server, and nothing more.

The whole operator is written against this protocol: the real client and the in-memory fake keep the same promises, and one
contract suite holds both to them. Every write is a server-side apply, but for evictions and for `create`: whoever may apply may
also change what is there, and the prober must not be able to change a running pod.
"""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, Protocol, TypeAlias

from bartizan.api.kinds import Kind
from bartizan.api.names import KubeObject
from bartizan.core.model import ObjectRef

WatchEventType: TypeAlias = Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]


@dataclass(frozen=True, slots=True)
class Listing:
    """A whole collection at one moment; `resource_version` is where a watch may go on."""

    items: Sequence[KubeObject]
    resource_version: str


@dataclass(frozen=True, slots=True)
class WatchEvent:
    """One change; a BOOKMARK's item carries nothing but the resourceVersion reached."""

    type: WatchEventType
    item: KubeObject


class KubeApi(Protocol):
    """The verbs. Each raises an error of `bartizan.kube.errors` and retries nothing by itself."""

    async def get(self, ref: ObjectRef) -> KubeObject:
        """Return the object; raises NotFoundError."""
        ...

    async def list(
        self, kind: Kind, *, namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> Listing:
        """Return the collection, of all namespaces when none is given. Pages by itself; items bear apiVersion and kind."""
        ...

    async def apply(
        self, item: KubeObject, *, manager: str, force: bool = False, status: bool = False, dry_run: bool = False
    ) -> KubeObject:
        """Server-side apply `item` (KEP-555) and return the object as it then is.

        With `metadata.resourceVersion` in `item` the write succeeds only on exactly that version. `status` writes the
        status subresource. Raises ConflictError when another manager owns a field and `force` is off.
        """
        ...

    async def create(self, item: KubeObject, *, manager: str) -> KubeObject:
        """Create `item` and return it as it then is; raises ConflictError if one of that name exists."""
        ...

    async def delete(self, ref: ObjectRef, *, uid: str | None = None) -> None:
        """Delete in the background; an absent object is success. Raises ConflictError if it has another `uid`."""
        ...

    async def evict(self, ref: ObjectRef, *, uid: str) -> None:
        """Ask for the eviction of the very pod (policy/v1 Eviction); an absent one is success.

        Raises TooManyRequestsError, with a cause DisruptionBudget, while a PodDisruptionBudget does not allow it, and
        ConflictError if the pod of that name has another `uid`.
        """
        ...

    def watch(
        self,
        kind: Kind,
        *,
        namespace: str = "",
        label_selector: str = "",
        resource_version: str,
        timeout: timedelta,
    ) -> AsyncGenerator[WatchEvent, None]:
        """Yield what changes after `resource_version`, bookmarks included, until the server ends it after `timeout`.

        Raises GoneError when the version is too old. Close it (`contextlib.aclosing`) when leaving early.
        """
        ...

    async def served(self, api_version: str) -> frozenset[str]:
        """Return the plurals of the kinds that the server serves in `api_version`; nothing if it does not know it."""
        ...

    async def close(self) -> None:
        """Let go of connections; the object is of no use afterwards."""
        ...

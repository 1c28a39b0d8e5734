"""The real API server behind `KubeApi`: raw JSON over HTTPS, every write but `create` a server-side apply."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

import orjson

from bartizan.api.kinds import BY_NAME, Kind
from bartizan.api.names import KubeObject
from bartizan.core.model import ObjectRef
from bartizan.kube.api import Listing, WatchEvent
from bartizan.kube.clock import Clock, SystemClock
from bartizan.kube.credentials import Credentials
from bartizan.kube.errors import Call, GoneError, InvalidError, NotFoundError, UnavailableError, from_status
from bartizan.kube.limit import DEFAULT_BURST, DEFAULT_RATE
from bartizan.kube.packed import PackedItems
from bartizan.kube.transport import Transport

_PAGE: Final = 500
"""Objects per page of a list, as client-go's pager asks for: bounds the server's memory per request."""
_APPLY: Final = "application/apply-patch+yaml"
"""The one content type every version knows for server-side apply; JSON is YAML."""

Keep: TypeAlias = Callable[[KubeObject], KubeObject]
"""Returns what is kept of an object: its kind, names, uid and resourceVersion at least."""


def _everything(item: KubeObject) -> KubeObject:
    return item


class Client:
    """`bartizan.kube.api.KubeApi` over HTTPS; `await Client.connect(...)` makes one, `close` has to end it."""

    def __init__(self, transport: Transport, *, page: int = _PAGE, keep: Keep = _everything) -> None:
        self._transport = transport
        self._page = page
        self._keep = keep

    @classmethod
    async def connect(
        cls,
        kubeconfig: Path | None = None,
        *,
        clock: Clock | None = None,
        rate: float = DEFAULT_RATE,
        burst: int = DEFAULT_BURST,
        page: int = _PAGE,
        keep: Keep = _everything,
    ) -> Self:
        """Return a client of `kubeconfig`'s current context, or of the pod's own cluster if None.

        `rate` is requests a second, `burst` requests at once. `keep` cuts objects of collections down, page by page, so
        that a large one is never held whole. Nothing is sent yet. Raises ClientConfigError.
        """
        clock = clock or SystemClock()
        credentials = await Credentials.load(kubeconfig, clock)
        return cls(Transport.over(credentials, clock, rate=rate, burst=burst), page=page, keep=keep)

    async def get(self, ref: ObjectRef) -> KubeObject:
        """Return the object; raises NotFoundError."""
        call = _call("get", ref)
        found: KubeObject = await self._transport.request(call, "GET", call.kind.path(ref.namespace, ref.name))
        return found

    async def list(
        self, kind: Kind, *, namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> Listing:
        """Return the whole collection, page by page; starts over once if the server forgot the first page's moment."""
        query = {"labelSelector": label_selector, "fieldSelector": field_selector}
        chosen = {key: value for key, value in query.items() if value}
        call = Call("list", kind, namespace)
        try:
            return await self._pages(call, {**chosen, "limit": str(self._page)})
        except GoneError:
            return await self._pages(call, chosen)

    async def _pages(self, call: Call, query: dict[str, str]) -> Listing:
        kind, token = call.kind, ""
        items = PackedItems()  # a collection of several pages may not fit into memory as it is
        while True:
            more = {**query, "continue": token} if token else query
            page = await self._transport.request(call, "GET", kind.path(call.namespace), query=more)
            typed = {"apiVersion": kind.api_version, "kind": kind.kind}
            found = [self._keep({**typed, **item}) for item in page["items"] or ()]
            token = page["metadata"].get("continue", "")
            if not token and not items:
                return Listing(found, page["metadata"]["resourceVersion"])
            for item in found:
                items.add(item)
            if not token:
                return Listing(items, page["metadata"]["resourceVersion"])

    async def apply(
        self, item: KubeObject, *, manager: str, force: bool = False, status: bool = False, dry_run: bool = False
    ) -> KubeObject:
        """Server-side apply; raises ConflictError when another manager owns a field and `force` is off."""
        ref = ObjectRef.of(item)
        call = _call("apply-status" if status else "apply", ref, manager)
        path = call.kind.path(ref.namespace, ref.name) + ("/status" if status else "")
        query = {"fieldManager": manager, "force": str(force).lower()}
        if dry_run:
            query["dryRun"] = "All"
        done: KubeObject = await self._transport.request(
            call, "PATCH", path, query=query, body=item, content_type=_APPLY
        )
        return done

    async def create(self, item: KubeObject, *, manager: str) -> KubeObject:
        """Create; an object of that name is ConflictError."""
        ref = ObjectRef.of(item)
        call = _call("create", ref, manager)
        made: KubeObject = await self._transport.request(
            call, "POST", call.kind.path(ref.namespace), query={"fieldManager": manager}, body=item
        )
        return made

    async def delete(self, ref: ObjectRef, *, uid: str | None = None) -> None:
        """Delete in the background; absent is success, another uid is ConflictError."""
        call = _call("delete", ref)
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        try:
            await self._transport.request(call, "DELETE", call.kind.path(ref.namespace, ref.name), body=options)
        except NotFoundError:
            return

    async def evict(self, ref: ObjectRef, *, uid: str) -> None:
        """Evict; absent is success, another uid is ConflictError, a PodDisruptionBudget is TooManyRequestsError."""
        call = _call("evict", ref)
        body = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": ref.name, "namespace": ref.namespace},
            "deleteOptions": {"preconditions": {"uid": uid}},
        }
        path = f"{call.kind.path(ref.namespace, ref.name)}/eviction"
        try:
            await self._transport.request(call, "POST", path, body=body)
        except NotFoundError:
            return

    async def watch(
        self,
        kind: Kind,
        *,
        namespace: str = "",
        label_selector: str = "",
        resource_version: str,
        timeout: timedelta,  # noqa: ASYNC109 -- the server's own deadline for the stream
    ) -> AsyncGenerator[WatchEvent, None]:
        """Yield changes and bookmarks until the server ends the stream after `timeout`."""
        call = Call("watch", kind, namespace)
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(max(1, round(timeout.total_seconds()))),
        }
        if label_selector:
            query["labelSelector"] = label_selector
        async with aclosing(self._transport.lines(call, kind.path(namespace), query, timeout)) as lines:
            async for line in lines:
                event = _event(call, line)
                yield event if event.type == "BOOKMARK" else WatchEvent(event.type, self._keep(event.item))

    async def served(self, api_version: str) -> frozenset[str]:
        """Ask the server's discovery."""
        call = Call("discover", Kind(api_version, "APIResourceList", "", namespaced=False))
        try:
            found = await self._transport.request(call, "GET", call.kind.path().rstrip("/"))
        except NotFoundError:
            return frozenset()
        return frozenset(entry["name"] for entry in found.get("resources") or ())

    async def close(self) -> None:
        """Close every connection."""
        await self._transport.close()


def _call(verb: str, ref: ObjectRef, manager: str = "") -> Call:
    kind = BY_NAME.get((ref.api_version, ref.kind))
    if kind is None:
        msg = f"{verb} {ref.kind} {ref.name}: {ref.api_version} {ref.kind} is not in bartizan.api.kinds, add it there"
        raise InvalidError(msg)
    if kind.namespaced != bool(ref.namespace):
        wanted = "needs a namespace" if kind.namespaced else "has no namespace"
        msg = f"{verb} {ref.kind} {ref.name}: the kind {wanted}, metadata.namespace is {ref.namespace!r}"
        raise InvalidError(msg)
    return Call(verb, kind, ref.namespace, ref.name, manager)


def _event(call: Call, line: bytes) -> WatchEvent:
    try:
        said = orjson.loads(line)
    except orjson.JSONDecodeError:
        msg = f"{call}: a line of the stream is not JSON; something between us and the API server answers for it"
        raise UnavailableError(msg, reason="Unreachable") from None
    if said["type"] == "ERROR":
        raise from_status(call, said["object"])
    return WatchEvent(said["type"], said["object"])

"""An API server in memory: the same promises as the real one wherever bartizan relies on them.

Server-side apply keeps managedFields and refuses conflicts, resourceVersions count up, watches replay history and lose it.
What it does not do: schemas, defaulting, admission, RBAC. The contract suite runs against it and a real API server.
"""

import asyncio
import copy
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias
from uuid import UUID

from bartizan.api.kinds import BACK_ENDS, BY_NAME, NAMESPACE, Kind
from bartizan.api.names import KubeObject
from bartizan.core.model import ObjectRef
from bartizan.kube.api import Listing, WatchEvent
from bartizan.kube.clock import Clock, SystemClock
from bartizan.kube.errors import Call, ConflictError
from bartizan.testing import rules
from bartizan.testing.history import Change, History
from bartizan.testing.merge import Owner, apply_to, conflicts, update_to
from bartizan.testing.selectors import matches_fields, matches_labels

Items: TypeAlias = list[KubeObject]
Verb: TypeAlias = Literal["apply", "apply-status", "create", "delete", "evict"]


@dataclass(frozen=True, slots=True)
class Write:
    """One write asked for through the API; `changed` is False when the object already was as wished."""

    verb: Verb
    ref: ObjectRef
    manager: str = ""
    changed: bool = True


@dataclass(slots=True)
class _Fault:
    error: Exception
    matches: Callable[[Call], bool]
    after: bool


class FakeKube:
    """`bartizan.kube.api.KubeApi` in memory.

    `put` and `remove` are what other people do to the cluster; they are not in `writes`. Objects handed in and out are
    copies. Raises the errors of `bartizan.kube.errors`, as the client does.
    """

    def __init__(self, *items: KubeObject, clock: Clock | None = None, check_namespaces: bool = False) -> None:
        self.writes: list[Write] = []
        self.calls: list[Call] = []
        self.also_served: dict[str, frozenset[str]] = {}
        self._clock = clock or SystemClock()
        self._check_namespaces = check_namespaces
        self._items: dict[ObjectRef, KubeObject] = {}
        self._history = History()
        self._version = 0
        self._born = 0
        self._faults: list[_Fault] = []
        for item in items:
            self.put(item)

    # What a test does behind the API.

    def put(self, item: KubeObject, *, manager: str = "somebody-else") -> KubeObject:
        """Make the object exactly `item`, status included, as an update by `manager`; return it as stored."""
        ref, kind = rules.placed(item)
        live = self._items.get(ref)
        base = live or self._newborn(ref, kind)
        new = rules.with_server_fields(copy.deepcopy(item), base)
        updated = update_to(live, new, Owner(manager, "Update"), self._clock.now())
        return self._store(ref, kind, live, updated)

    def remove(self, ref: ObjectRef) -> None:
        """Take the object away, as somebody else would; a namespace takes what is in it along."""
        before = self._items.pop(ref)
        self._version += 1
        self._history.add(Change(self._version, BY_NAME[ref.api_version, ref.kind], before, None))
        if ref.kind == NAMESPACE.kind:
            for inside in [other for other in self._items if other.namespace == ref.name]:
                self.remove(inside)

    def peek(self, ref: ObjectRef) -> KubeObject | None:
        """Return the object without a call."""
        return copy.deepcopy(self._items.get(ref))

    def objects(self, kind: Kind, namespace: str = "") -> Items:
        """Return all objects of `kind` without a call, in order of namespace and name."""
        return copy.deepcopy(self._matching(kind, namespace, "", ""))

    def collect(self) -> set[ObjectRef]:
        """Collect garbage: remove, and return, what has owners and all of them gone."""
        gone: set[ObjectRef] = set()
        while orphans := [ref for ref, item in self._items.items() if rules.orphaned(item, self._items.values())]:
            for ref in orphans:
                self.remove(ref)
            gone.update(orphans)
        return gone

    def fail_next(
        self,
        error: Exception,
        *,
        matching: Callable[[Call], bool] = lambda _: True,
        times: int = 1,
        after: bool = False,
    ) -> None:
        """Raise `error` from the next `times` calls that match; `after`: the call takes effect, its answer is lost."""
        self._faults += [_Fault(error, matching, after) for _ in range(times)]

    def compact(self) -> None:
        """Forget history: a watch that has not read all of it ends in GoneError."""
        self._history.compact(self._version)

    def break_watches(self, error: Exception | None = None) -> None:
        """End every open watch, with `error` if given, before it reads on."""
        self._history.break_streams(error)

    @property
    def open_watches(self) -> int:
        """How many watches are being served."""
        return self._history.open_streams

    # The API.

    async def get(self, ref: ObjectRef) -> KubeObject:
        """Return the object; raises NotFoundError."""
        with self._call(Call("get", rules.kind_of(ref), ref.namespace, ref.name)) as call:
            await asyncio.sleep(0)
            return copy.deepcopy(self._existing(ref, call))

    async def list(
        self, kind: Kind, *, namespace: str = "", label_selector: str = "", field_selector: str = ""
    ) -> Listing:
        """Return the collection at this moment."""
        with self._call(Call("list", kind, namespace)):
            await asyncio.sleep(0)
            items = self._matching(kind, namespace, label_selector, field_selector)
            return Listing(copy.deepcopy(items), str(self._version))

    async def apply(
        self, item: KubeObject, *, manager: str, force: bool = False, status: bool = False, dry_run: bool = False
    ) -> KubeObject:
        """Server-side apply, with conflicts, pruning and managedFields."""
        ref, kind = rules.placed(item)
        verb: Verb = "apply-status" if status else "apply"
        with self._call(Call(verb, kind, ref.namespace, ref.name, manager)) as call:
            await asyncio.sleep(0)
            live = self._items.get(ref)
            rules.check_apply(call, item, live)
            if live is None and (status or (self._check_namespaces and not self._has_home(ref))):
                raise rules.absent(call)
            owner = Owner(manager, "Apply", "status" if status else "")
            base = live or self._newborn(ref, kind)
            applied = rules.appliable(item, kind, status=status)
            disputed, causes = conflicts(base, applied, owner)
            if causes and not force:
                listed = "; ".join(f"{cause.message}: {cause.field}" for cause in causes)
                msg = f"{call}: 409 Conflict: Apply failed with {len(causes)} conflict(s): {listed}"
                raise ConflictError(msg, causes=causes)
            merged = apply_to(base, applied, owner, disputed, self._clock.now())
            rules.check_immutable(call, live, merged)
            if dry_run:
                return copy.deepcopy(merged)
            stored = self._store(ref, kind, live, merged)
            changed = live is None or stored["metadata"]["resourceVersion"] != live["metadata"]["resourceVersion"]
            self.writes.append(Write(verb, ref, manager, changed))
            return stored

    async def create(self, item: KubeObject, *, manager: str) -> KubeObject:
        """Create; an object of that name is ConflictError."""
        ref, kind = rules.placed(item)
        with self._call(Call("create", kind, ref.namespace, ref.name, manager)) as call:
            await asyncio.sleep(0)
            if ref in self._items:
                msg = f"{call}: 409 AlreadyExists: {kind.plural} {ref.name!r} already exists"
                raise ConflictError(msg, reason="AlreadyExists")
            made = self.put(item, manager=manager)
            self.writes.append(Write("create", ref, manager))
            return made

    async def delete(self, ref: ObjectRef, *, uid: str | None = None) -> None:
        """Delete; absent is success, another uid is ConflictError."""
        await self._taken("delete", ref, uid)

    async def evict(self, ref: ObjectRef, *, uid: str) -> None:
        """Take the pod away at once; budgets are a test's (`fail_next`)."""
        await self._taken("evict", ref, uid)

    async def _taken(self, verb: Verb, ref: ObjectRef, uid: str | None) -> None:
        with self._call(Call(verb, rules.kind_of(ref), ref.namespace, ref.name)) as call:
            await asyncio.sleep(0)
            live = self._items.get(ref)
            if live is None:
                return
            found = live["metadata"]["uid"]
            if uid is not None and found != uid:
                msg = f"{call}: 409 Conflict: the UID in the precondition is {uid}, the object's is {found}"
                raise ConflictError(msg)
            self.remove(ref)
            self.writes.append(Write(verb, ref))

    async def watch(
        self,
        kind: Kind,
        *,
        namespace: str = "",
        label_selector: str = "",
        resource_version: str,
        timeout: timedelta,  # noqa: ASYNC109 -- the server's own deadline for the stream
    ) -> AsyncGenerator[WatchEvent, None]:
        """Yield changes after `resource_version`; a bookmark closes the stream after `timeout`."""
        with self._call(Call("watch", kind, namespace)):
            self._history.since(int(resource_version), kind)

        def selects(item: KubeObject) -> bool:
            return rules.selected(item, namespace) and matches_labels(label_selector, rules.labels_of(item))

        stream = self._history.follow(kind, selects, int(resource_version), self._clock.sleep(timeout))
        async with aclosing(stream) as events:
            async for event in events:
                yield event

    async def served(self, api_version: str) -> frozenset[str]:
        """Return the plurals of the kinds known in `api_version`, and of those that a test has added to `also_served`."""
        with self._call(Call("discover", Kind(api_version, "APIResourceList", "", namespaced=False))):
            await asyncio.sleep(0)
        own = (kind for kind in BY_NAME.values() if kind not in BACK_ENDS)
        known = {kind.plural for kind in own if kind.api_version == api_version}
        return frozenset(known | self.also_served.get(api_version, frozenset()))

    async def close(self) -> None:
        """Nothing is held open."""

    # Within.

    @contextmanager
    def _call(self, call: Call) -> Iterator[Call]:
        self.calls.append(call)
        if call.kind in BACK_ENDS and call.kind.plural not in self.also_served.get(call.kind.api_version, ()):
            raise rules.absent(call)
        fault = next((fault for fault in self._faults if fault.matches(call)), None)
        if fault:
            self._faults.remove(fault)
            if not fault.after:
                raise fault.error
        yield call
        if fault:
            raise fault.error

    def _existing(self, ref: ObjectRef, call: Call) -> KubeObject:
        if ref not in self._items:
            raise rules.absent(call)
        return self._items[ref]

    def _has_home(self, ref: ObjectRef) -> bool:
        home = ObjectRef(api_version="v1", kind="Namespace", namespace="", name=ref.namespace)
        return not ref.namespace or home in self._items

    def _matching(self, kind: Kind, namespace: str, labels: str, fields: str) -> Items:
        chosen = [
            item
            for ref, item in self._items.items()
            if (ref.api_version, ref.kind) == (kind.api_version, kind.kind)
            and rules.selected(item, namespace)
            and matches_labels(labels, rules.labels_of(item))
            and matches_fields(fields, item)
        ]
        return sorted(chosen, key=lambda item: (item["metadata"].get("namespace", ""), item["metadata"]["name"]))

    def _newborn(self, ref: ObjectRef, kind: Kind) -> KubeObject:
        return rules.newborn(ref, kind, uid=str(UUID(int=self._born + 1)), now=self._clock.now())

    def _store(self, ref: ObjectRef, kind: Kind, live: KubeObject | None, new: KubeObject) -> KubeObject:
        if live is None:
            self._born += 1
        elif not rules.differs(live, rules.stored_form(new)) and not rules.restless(kind, new):
            return copy.deepcopy(live)
        self._version += 1
        meta = {**new["metadata"], "resourceVersion": str(self._version)}
        if live is not None and rules.bumps_generation(kind, live, new):
            meta["generation"] = live["metadata"]["generation"] + 1
        stored = rules.stored_form({**new, "metadata": meta})
        self._items[ref] = stored
        self._history.add(Change(self._version, kind, live, stored))
        return copy.deepcopy(stored)

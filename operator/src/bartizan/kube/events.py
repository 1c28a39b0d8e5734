"""Kubernetes Events for people: one object per sentence, counted rather than repeated, and never in anybody's way.

Everything in an `events.k8s.io/v1` Event but its series is immutable. So its name follows from what it says, and a replica that
finds one made by another takes over that one's birth and counts on.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import structlog

from bartizan.api.kinds import EVENT
from bartizan.api.names import MANAGED_BY, MANAGED_BY_LABEL, KubeObject
from bartizan.core.model import ObjectRef
from bartizan.core.plan import Event
from bartizan.kube.api import KubeApi
from bartizan.kube.clock import Clock, SystemClock, micro_time
from bartizan.kube.errors import InvalidError
from bartizan.kube.limit import TokenBucket

_log = structlog.get_logger(__name__)

MANAGER: Final = "bartizan/events"
CONTROLLER: Final = "bartizan.dev/controller"
_NOTE: Final = 1024
"""Bytes the API server takes in a note."""
_NAME: Final = 253 - 17
"""Characters of the object's name that leave room for a dot and the hash."""


@dataclass(slots=True)
class _Series:
    """What is known of one event: when it was first said and by whom, and how often."""

    born: str
    instance: str
    count: int = 0
    written_at: float | None = None


class EventRecorder:
    """Writes Events by server-side apply; `record` never raises, because an Event is never worth a failed reconcile."""

    def __init__(
        self,
        api: KubeApi,
        *,
        instance: str = "bartizan",
        clock: Clock | None = None,
        rate: float = 1.0,
        burst: int = 25,
        quiet: timedelta = timedelta(minutes=1),
        remembered: int = 4096,
    ) -> None:
        """`rate` and `burst` bound all writes (client-go's burst); a repetition within `quiet` is counted, not written."""
        self._api = api
        self._instance = instance
        self._clock = clock or SystemClock()
        self._limit = TokenBucket(self._clock, rate=rate, burst=burst)
        self._quiet = quiet.total_seconds()
        self._remembered = remembered
        self._known: OrderedDict[tuple[str, str], _Series] = OrderedDict()
        self.dropped = 0
        """Events that were not written because there were too many."""

    async def record(self, event: Event) -> None:
        """Say `event`, or count it if it was said just now; what goes wrong is logged and forgotten."""
        try:
            await self._record(event)
        except Exception as error:  # noqa: BLE001 -- the promise of this class
            _log.warning("event not recorded", about=str(event.about), reason=event.reason, error=str(error))

    async def _record(self, event: Event) -> None:
        name, namespace = event_name(event), event.about.namespace or "default"
        series = self._remember((namespace, name))
        series.count += 1
        now = self._clock.monotonic()
        if series.written_at is not None and now - series.written_at < self._quiet:
            return
        if not self._limit.try_take():
            self.dropped += 1
            return
        series.written_at = now
        try:
            await self._api.apply(self._object(event, namespace, name, series), manager=MANAGER)
        except InvalidError:
            await self._adopt(namespace, name, series)
            await self._api.apply(self._object(event, namespace, name, series), manager=MANAGER)

    def _remember(self, key: tuple[str, str]) -> _Series:
        if key not in self._known:
            self._known[key] = _Series(micro_time(self._clock.now()), self._instance)
        self._known.move_to_end(key)
        if len(self._known) > self._remembered:
            self._known.popitem(last=False)
        return self._known[key]

    async def _adopt(self, namespace: str, name: str, series: _Series) -> None:
        found = await self._api.get(
            ObjectRef(api_version=EVENT.api_version, kind=EVENT.kind, namespace=namespace, name=name)
        )
        series.born, series.instance = found["eventTime"], found["reportingInstance"]
        series.count += (found.get("series") or {}).get("count", 1)

    def _object(self, event: Event, namespace: str, name: str, series: _Series) -> KubeObject:
        about = event.about
        regarding = {"apiVersion": about.api_version, "kind": about.kind, "name": about.name, "uid": event.uid}
        item: dict[str, Any] = {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {"namespace": namespace, "name": name, "labels": {MANAGED_BY_LABEL: MANAGED_BY}},
            "eventTime": series.born,
            "reportingController": CONTROLLER,
            "reportingInstance": series.instance,
            "action": event.action,
            "reason": event.reason,
            "type": event.type,
            "note": event.message.encode()[:_NOTE].decode(errors="ignore"),
            "regarding": {**regarding, "namespace": about.namespace} if about.namespace else regarding,
        }
        if series.count > 1:
            item["series"] = {"count": series.count, "lastObservedTime": micro_time(self._clock.now())}
        return item


def event_name(event: Event) -> str:
    """Return the Event object's name: the object's own, and a hash of everything about it that may not change."""
    said = (event.uid, event.type, event.reason, event.action, event.message)
    digest = hashlib.sha256("\0".join(said).encode()).hexdigest()[:16]
    return f"{event.about.name[:_NAME].rstrip('.-')}.{digest}"

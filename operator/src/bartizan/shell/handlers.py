"""Kopf as a source of events, and nothing else: the one module that imports it.

Every handler hands the object to the controller's intake and returns; kopf neither decides nor writes. It runs in a thread and
an event loop of its own, because on its way out it cancels every task of the loop it lives in. No finalizers, annotations,
indices, timers or daemons: docs/adr/0001 says why.
"""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, cast

import kopf
import structlog

from bartizan.api.kinds import Kind
from bartizan.api.names import GROUP, KubeObject
from bartizan.controller.intake import Intake
from bartizan.controller.kept import kept
from bartizan.controller.sources import WATCHED, EventSource
from bartizan.kube.clock import Clock
from bartizan.shell.no_diffs import NoDiffs

Deliver = Callable[[str | None, KubeObject], None]
"""Takes a watch event: its type (None: the object was listed) and the object."""

_log: Final = structlog.get_logger("bartizan.kopf")
_PAUSE: Final = timedelta(seconds=5)
"""How long kopf rests before it is begun again."""
_STREAM_SECONDS: Final = 300
"""Both ends of a watch give it up after this long, so that one that died silently is not waited for."""
_IDLE_SECONDS: Final = 0.05
"""How long kopf holds on to an object and a task for it after an event: all of those that change within this time."""
_TOKEN: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
_AUTHORITY: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/ca.crt")


def operator_registry(deliver: Deliver, kinds: Iterable[Kind]) -> kopf.OperatorRegistry:
    """Return handlers that give every event of `kinds` to `deliver`."""
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry)(_login)
    for kind in kinds:
        group, _, version = kind.api_version.rpartition("/")

        # A plain function would be run by a thread of kopf's own for every event.
        async def on_event(event: Any, **_: Any) -> None:
            deliver(event["type"], event["object"])

        kopf.on.event(group, version, kind.plural, id=f"see-{kind.plural}", registry=registry)(on_event)
    return registry


def operator_settings(kinds: Iterable[tuple[Kind, str]]) -> kopf.OperatorSettings:
    """Return settings under which kopf only watches; `kinds` with their label selectors."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.process.ultimate_exiting_timeout = None
    settings.queueing.idle_timeout = _IDLE_SECONDS
    settings.watching.server_timeout = _STREAM_SECONDS
    settings.watching.client_timeout = _STREAM_SECONDS + 10
    settings.watching.connect_timeout = 10
    settings.watching.initial_streaming = True
    for kind, selector in kinds:
        if selector:
            settings.watching.label_selectors[kind.group, kind.plural] = selector
    # Never used; if kopf ever wrote to an object, it would be seen under these names.
    settings.persistence.finalizer = f"{GROUP}/kopf"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=f"kopf.{GROUP}")
    settings.persistence.diffbase_storage = cast("Any", NoDiffs())
    return settings


class KopfSource:
    """Kopf in a thread, begun when `after` has listed everything: by then the kinds exist, which kopf looks up only once.

    Kopf gives up when the API server is away for a minute or so. It is begun again then, and the resync bridges the gap.
    """

    def __init__(
        self,
        intake: Intake,
        *,
        after: EventSource,
        kinds: Iterable[tuple[Kind, str]] = WATCHED,
        clock: Clock,
        run: Callable[..., None] = kopf.run,
    ) -> None:
        """Bring the events of `kinds` to `intake`; `run` is what the thread does."""
        self._intake = intake
        self._after = after
        self._kinds = tuple(kinds)
        self._clock = clock
        self._run = run

    async def run(self) -> None:
        """Watch until cancelled."""
        await self._after.wait_synced()
        while True:
            failure = await self._one_life()
            _log.error("kopf has ended by itself", error=repr(failure), wait_seconds=_PAUSE.total_seconds())
            await self._clock.sleep(_PAUSE)

    async def wait_synced(self) -> None:
        """Return once the listing that comes before kopf is done."""
        await self._after.wait_synced()

    async def _one_life(self) -> BaseException | None:
        """Run kopf in a thread until it ends by itself, and return why; stops it when cancelled."""
        loop, stop = asyncio.get_running_loop(), threading.Event()
        ended: asyncio.Future[BaseException | None] = loop.create_future()

        def tell(callback: Callable[..., object], argument: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody wants to know any more
                loop.call_soon_threadsafe(callback, argument)

        def deliver(kind: str | None, item: KubeObject) -> None:
            tell(self._intake.gone if kind == "DELETED" else self._intake.seen, kept(item))

        def live() -> None:
            """Run kopf until it stops, in a thread and a loop of its own, and tell the caller's loop why it ended."""
            failure: BaseException | None = None
            try:
                registry = operator_registry(deliver, [kind for kind, _ in self._kinds])
                settings = operator_settings(self._kinds)
                # Without an identity kopf asks the system who its user is; in a container there is no such user.
                self._run(registry=registry, settings=settings, clusterwide=True, stop_flag=stop, identity=GROUP)
            except BaseException as error:  # noqa: BLE001 -- the thread's only way to tell why it ended
                failure = error
            tell(lambda found: None if ended.done() else ended.set_result(found), failure)

        threading.Thread(target=live, name="kopf", daemon=True).start()
        try:
            return await ended
        finally:
            stop.set()


def _login(settings: kopf.OperatorSettings, **_: Any) -> kopf.ConnectionInfo | None:
    """Use the kubeconfig named by KUBECONFIG, or the pod's own ServiceAccount at the address its environment gives."""
    if os.environ.get("KUBECONFIG"):
        return kopf.login_with_kubeconfig(settings=settings)
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    return kopf.ConnectionInfo(server=server, ca_path=_AUTHORITY, token=_TOKEN.read_text().strip())

"""Puts the controller's process together and ends it in order: work first, then the Lease, then the sources."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import structlog

from bartizan import __version__
from bartizan.controller.authorities import Release
from bartizan.controller.controller import Controller
from bartizan.controller.intake import Intake
from bartizan.controller.kept import kept
from bartizan.controller.place import Place
from bartizan.controller.sources import EventSource, ReflectorSource
from bartizan.controller.world import World
from bartizan.core.gaps.pods import slim
from bartizan.errors import BartizanError
from bartizan.kube.client import Client
from bartizan.kube.clock import SystemClock
from bartizan.kube.events import EventRecorder
from bartizan.kube.lease import Leadership
from bartizan.resolve.dns import DnsResolver
from bartizan.shell.buffers import small_tls_buffers
from bartizan.shell.logs import configure_logs
from bartizan.shell.settings import ControllerSettings, controller_settings
from bartizan.shell.telemetry import PrometheusMeter, serve_telemetry

_log: Final = structlog.get_logger("bartizan.shell")
_PAGE: Final = 100
"""Objects of a collection that are read at once, everything in them: of policies some four megabytes."""
_END_WITHIN: Final = 25.0
"""Seconds an orderly end may take: below the pod's 30 s of grace, after which the kernel ends it."""


def run_controller(environ: Mapping[str, str]) -> None:
    """Run the controller until SIGTERM or SIGINT.

    Raises:
        BartizanError: settings or credentials can't be used, or the controller can't go on.
    """
    settings = controller_settings(environ)
    configure_logs(settings.log_level)
    small_tls_buffers()
    with first_refusal():
        asyncio.run(_run(settings))


@contextlib.contextmanager
def first_refusal() -> Iterator[None]:
    """Turn a group of errors that comes out of concurrent tasks into the first that a person can act on."""
    try:
        yield
    except BaseExceptionGroup as group:
        matching = group.subgroup(BartizanError)
        if matching is None:
            raise
        raise _first(matching) from None


async def _run(settings: ControllerSettings) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    api = await Client.connect(settings.kubeconfig, page=_PAGE, keep=lambda item: kept(slim(item)))
    meter, clock = PrometheusMeter(), SystemClock()

    def sources(world: World, intake: Intake) -> Sequence[EventSource]:
        return (ReflectorSource(api, world, intake, clock=clock),)

    controller = Controller(
        api,
        Place(
            release=Release(namespace=settings.namespace, webhook_service=settings.webhook_service),
            account=settings.service_account,
            workers=settings.workers,
            prober=settings.prober,
            proof_age=settings.proof_max_age,
            vault_token=settings.vault_token_file,
            issuance_rate=settings.issuance_rate,
        ),
        leadership=Leadership(api, settings.namespace, settings.lease_name, settings.identity, clock=clock),
        recorder=EventRecorder(api),
        sources=sources,
        clock=clock,
        meter=meter,
        resolver=DnsResolver(),
    )
    telemetry = await serve_telemetry(settings.metrics, meter.registry, ready=lambda: controller.synced)
    _log.info("started", version=__version__, namespace=settings.namespace, identity=settings.identity)
    try:
        await _until(stop, controller)
    finally:
        await telemetry.cleanup()
        await api.close()
        _log.info("ended")


async def _until(stop: asyncio.Event, controller: Controller) -> None:
    """Run the controller until `stop` is set, then end it in good time."""
    running = asyncio.create_task(controller.run())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if running.done():
        running.result()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError, TimeoutError):
        await asyncio.wait_for(running, _END_WITHIN)


def _first(group: BaseExceptionGroup[BartizanError]) -> BartizanError:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner

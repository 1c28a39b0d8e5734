"""Starts the prober's process with settings from the environment."""

import asyncio
import contextlib
import signal
from collections.abc import Mapping
from typing import Final

import structlog
from prometheus_client import CollectorRegistry

from bartizan import __version__
from bartizan.kube.client import Client
from bartizan.prober.service import Prober
from bartizan.prober.settings import ProberSettings
from bartizan.shell.logs import configure_logs
from bartizan.shell.settings import ControllerSettings, SettingsError, controller_settings, read_span
from bartizan.shell.telemetry import serve_telemetry
from bartizan.shell.wiring import first_refusal

_log: Final = structlog.get_logger("bartizan.shell")
_MOST_PODS: Final = 32
_MOST_PORT: Final = 65535


def prober_settings(environ: Mapping[str, str]) -> ProberSettings:
    """Return the prober's settings in `environ`.

    Raises:
        SettingsError: a required variable is missing, or a value can't be used.
    """
    shared = controller_settings(environ)
    given = {name.removeprefix("BARTIZAN_PROBER_").lower(): value for name, value in environ.items() if value}
    for name in ("image", "address"):
        if name not in given:
            raise SettingsError(
                f"BARTIZAN_PROBER_{name.upper()} is not set: the chart sets it from the pod and its values"
            )
    defaults = ProberSettings(namespace=shared.namespace, image=given["image"], address=given["address"])
    return ProberSettings(
        namespace=shared.namespace,
        image=given["image"],
        address=given["address"],
        pull_policy=given.get("pull_policy", defaults.pull_policy),
        release=given.get("release", defaults.release),
        port=_number("port", given.get("port", str(defaults.port)), _MOST_PORT),
        interval=read_span("BARTIZAN_PROBER_INTERVAL", given["interval"]) if "interval" in given else defaults.interval,
        concurrency=_number("concurrency", given.get("concurrency", str(defaults.concurrency)), _MOST_PODS),
        webhook_service=shared.webhook_service,
    )


def _number(name: str, text: str, most: int) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= most:
        raise SettingsError(f"BARTIZAN_PROBER_{name.upper()} is {text!r}: it must be a number from 1 to {most}")
    return int(text)


def run_prober(environ: Mapping[str, str]) -> None:
    """Run the prober until SIGTERM or SIGINT.

    Raises:
        BartizanError: settings or credentials can't be used.
    """
    shared, settings = controller_settings(environ), prober_settings(environ)
    configure_logs(shared.log_level)
    with first_refusal():
        asyncio.run(_run(shared, settings))


async def _run(shared: ControllerSettings, settings: ProberSettings) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    api = await Client.connect(shared.kubeconfig)
    prober = Prober(api, settings)
    telemetry = await serve_telemetry(shared.metrics, CollectorRegistry(), ready=lambda: prober.synced)
    _log.info("started", version=__version__, namespace=settings.namespace, interval=str(settings.interval))
    running, stopping = asyncio.create_task(prober.run()), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()
    finally:
        for task in (running, stopping):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await telemetry.cleanup()
        await api.close()
        _log.info("ended")

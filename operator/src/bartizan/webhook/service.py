"""The webhook process from start to drain: reflectors, certificate, two servers, and the order in which they come and go.

It is ready when its own reflectors have listed everything and the certificate is loaded; not before, and no longer once it was
told to stop. The API server's Service then sends reviews elsewhere while those in flight are finished.
"""

import asyncio
import signal
from typing import Final

import structlog

from bartizan.kube.api import KubeApi
from bartizan.kube.client import Client
from bartizan.webhook.certificate import CertificateError, ServingCertificate
from bartizan.webhook.memory import ClusterMemory
from bartizan.webhook.metrics import WebhookMetrics
from bartizan.webhook.probes import ProbeServer
from bartizan.webhook.reviewer import Reviewer
from bartizan.webhook.server import WebhookServer
from bartizan.webhook.settings import WebhookSettings

_log: Final = structlog.get_logger("bartizan.webhook")


async def serve(settings: WebhookSettings) -> None:
    """Run the webhook until SIGTERM or SIGINT, then drain and return.

    Raises:
        BartizanError: the API server can't be reached with the credentials at hand.
        OSError: an address can't be listened on.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    api = await Client.connect(settings.kubeconfig)
    try:
        await WebhookService(settings, api).run(stop)
    finally:
        await api.close()


class WebhookService:
    """One webhook process, apart from signals and credentials."""

    def __init__(self, settings: WebhookSettings, api: KubeApi) -> None:
        self._settings = settings
        self._metrics = WebhookMetrics()
        self._certificate = ServingCertificate(settings.cert_dir)
        self._loaded = asyncio.Event()
        self.certificate_loads = 0
        """How many different serving certificates have been in force."""
        self._memory = ClusterMemory(api, release_namespace=settings.namespace)
        self._reviewer = Reviewer(api, self._memory.snapshot)
        self.server: Final = WebhookServer(
            self._reviewer, self._certificate, self._metrics, settings, ready=lambda: self._memory.synced
        )
        self.probes: Final = ProbeServer(settings.metrics_address, self._metrics, unready=self.unready)

    def unready(self) -> str:
        """Return what is waited for; empty when reviews can be answered."""
        if self.server.draining:
            return "draining"
        if not self._certificate.loaded:
            return f"no certificate in {self._settings.cert_dir} yet"
        missing = self._memory.waiting_for()
        return f"not listed yet: {', '.join(kind.plural for kind in missing)}" if missing else ""

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then drain and return."""
        await self.probes.start()
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(self._memory.run()), tasks.create_task(self._keep_certificate())]
                started = tasks.create_task(self._start())
                await stop.wait()
                started.cancel()
                _log.info("draining")
                await self.server.drain()
                for task in running:
                    task.cancel()
        finally:
            await self.probes.stop()

    async def _start(self) -> None:
        await self._loaded.wait()
        await self.server.start()
        _log.info("listening", port=self.server.port)

    async def _keep_certificate(self) -> None:
        told = ""
        while True:
            try:
                if self._certificate.refresh():
                    self._note_certificate()
                    self._loaded.set()
                told = ""
            except CertificateError as error:
                if str(error) != told:
                    told = str(error)
                    _log.warning("certificate not loaded", problem=told)
            await asyncio.sleep(self._settings.poll.total_seconds())

    def _note_certificate(self) -> None:
        self.certificate_loads += 1
        self._metrics.certificate_loads.inc()
        if ends := self._certificate.not_after:
            self._metrics.certificate_not_after.set(ends.timestamp())
            _log.info("certificate loaded", not_after=ends.isoformat())

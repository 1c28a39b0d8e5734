"""What the kubelet and Prometheus ask, over plain HTTP on a port of its own: it answers before there is a certificate."""

from collections.abc import Callable
from typing import Final

from aiohttp import web
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from bartizan.webhook.metrics import WebhookMetrics
from bartizan.webhook.server import listen

_SHUTDOWN_SECONDS: Final = 1.0


class ProbeServer:
    """Serves /healthz (the event loop turns), /readyz (reviews can be answered) and /metrics."""

    def __init__(self, address: str, metrics: WebhookMetrics, *, unready: Callable[[], str]) -> None:
        self._address = address
        self._metrics = metrics
        self._unready = unready
        self._runner: web.AppRunner | None = None
        self.port = 0
        """The port listened on, once started."""

    async def start(self) -> None:
        """Listen."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._exposition)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await self._runner.setup()
        listener = listen(self._address)
        self.port = listener.getsockname()[1]
        await web.SockSite(self._runner, listener).start()

    async def stop(self) -> None:
        """Close."""
        if self._runner:
            await self._runner.cleanup()

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        reason = self._unready()
        return web.Response(status=503 if reason else 200, text=(reason or "ok") + "\n")

    async def _exposition(self, _: web.Request) -> web.Response:
        body = generate_latest(self._metrics.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})

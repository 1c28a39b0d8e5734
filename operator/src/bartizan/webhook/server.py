"""The HTTPS server that the API server asks, made so that a slow, full or dying webhook is noticed and never waited for.

A review that comes when too many are in flight is answered 429 before its body is read; one that can't be answered by the API
server's own deadline is answered 504. What that means for the write, the configuration's `failurePolicy` decides, not we.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from aiohttp import web

from bartizan.api.duration import parse_duration
from bartizan.webhook.certificate import ServingCertificate
from bartizan.webhook.codec import BadReviewError, read_review, write_answer
from bartizan.webhook.metrics import WebhookMetrics
from bartizan.webhook.reviewer import Reviewer
from bartizan.webhook.settings import WebhookSettings

PATH: Final = "/preview"
"""Where the configuration sends reviews of policies."""
_KEEPALIVE_SECONDS: Final = 120
"""Longer than the 90 s after which Go's client lets an idle connection go, so that the server is never the one who closes."""
_MARGIN: Final = 0.9
"""The share of the caller's deadline that is used: the answer has to travel too."""
_LONGEST: Final = timedelta(seconds=30)
"""The API server allows no longer timeout (admissionregistration.k8s.io/v1, `timeoutSeconds`)."""
_BACKLOG: Final = 512


class WebhookServer:
    """Listens from `start` to the end of `drain`."""

    def __init__(
        self,
        reviewer: Reviewer,
        certificate: ServingCertificate,
        metrics: WebhookMetrics,
        settings: WebhookSettings,
        *,
        ready: Callable[[], bool],
    ) -> None:
        self._reviewer = reviewer
        self._certificate = certificate
        self._metrics = metrics
        self._settings = settings
        self._ready = ready
        self._in_flight = 0
        self._runner: web.AppRunner | None = None
        self.draining = False
        """Whether the end is near: answers ask the caller to connect elsewhere next time."""
        self.port = 0
        """The port listened on, once started."""

    async def start(self) -> None:
        """Listen. The certificate must be loaded: a handshake without one fails."""
        app = web.Application(client_max_size=self._settings.max_body)
        app.router.add_post(PATH, self._review)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            keepalive_timeout=_KEEPALIVE_SECONDS,
            shutdown_timeout=self._settings.drain_deadline.total_seconds(),
        )
        await self._runner.setup()
        listener = listen(self._settings.address)
        self.port = listener.getsockname()[1]
        site = web.SockSite(self._runner, listener, ssl_context=self._certificate.context, backlog=_BACKLOG)
        await site.start()

    async def drain(self) -> None:
        """Take requests a little longer, then no new ones, finish those in flight, and close."""
        self.draining = True
        await asyncio.sleep(self._settings.drain.total_seconds())
        if self._runner:
            await self._runner.cleanup()

    async def _review(self, request: web.Request) -> web.Response:
        response = await self._bounded(request)
        if self.draining:
            response.force_close()
        return response

    async def _bounded(self, request: web.Request) -> web.Response:
        if self._in_flight >= self._settings.max_in_flight:
            return self._failure(
                429, "busy", f"{self._in_flight} reviews are in flight; try again", {"Retry-After": "1"}
            )
        if not self._ready():
            return self._failure(503, "not_ready", "the cluster is not known yet")
        self._in_flight += 1
        try:
            with self._metrics.seconds.time(), self._metrics.in_flight.track_inprogress():
                return await self._answered(request)
        finally:
            self._in_flight -= 1

    async def _answered(self, request: web.Request) -> web.Response:
        try:
            seconds = deadline(request.query.get("timeout"), self._settings.default_timeout).total_seconds()
            async with asyncio.timeout(seconds):
                review = read_review(await request.read())
                answer = await self._reviewer.answer(review)
        except (BadReviewError, ValueError) as error:
            return self._failure(400, "bad_request", str(error))
        except TimeoutError:
            return self._failure(504, "late", "no answer within the caller's deadline")
        self._metrics.reviews.labels("allowed" if answer.allowed else "refused").inc()
        return web.Response(body=write_answer(review.uid, answer), content_type="application/json")

    def _failure(self, status: int, result: str, text: str, headers: dict[str, str] | None = None) -> web.Response:
        self._metrics.reviews.labels(result).inc()
        return web.Response(status=status, text=text + "\n", headers=headers)


def deadline(text: str | None, default: timedelta) -> timedelta:
    """Return how long a review may take, from the `timeout` the API server puts into its URL (such as `3s`).

    Raises:
        ValueError: the text is no Go-style duration.
    """
    wanted = parse_duration(text) if text else default
    return min(wanted, _LONGEST) * _MARGIN


def listen(address: str) -> socket.socket:
    """Return a socket that listens on `host:port`.

    Raises:
        ValueError: the address is not `host:port`.
        OSError: the address can't be had.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise ValueError(f"address is {address!r}; host:port is expected, such as 0.0.0.0:9443 or [::]:9443")
    bare = host.strip("[]")
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((bare, int(port)))
        listener.setblocking(False)
        stack.pop_all()
    return listener

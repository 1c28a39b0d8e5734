"""One HTTP request to the API server: authentication, limits, JSON, and errors in our own words."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import aiohttp
import orjson

from bartizan.api.kinds import LEASE
from bartizan.kube.clock import Clock
from bartizan.kube.credentials import Credentials
from bartizan.kube.errors import Call, KubeError, UnauthorizedError, UnavailableError, from_status
from bartizan.kube.limit import TokenBucket
from bartizan.kube.lines import LineSplitter

_CONNECT: Final = 10.0
"""Seconds for TCP and TLS; a healthy API server needs milliseconds."""
_ANSWER: Final = 30.0
"""Seconds for a whole request; the API server itself gives up webhooks and etcd at 10 to 30."""
_AT_ONCE: Final = 16
"""Requests under way at once, watches aside. More only wait in the API server, and each holds a TLS connection meanwhile."""
_WATCH_MARGIN: Final = timedelta(seconds=10)
"""What a watch may last beyond the server's own deadline before it counts as dead."""
_KEEPALIVE: Final = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 60_000))
"""A peer that vanished without a word is noticed after a minute; the last value is in milliseconds."""


@dataclass(frozen=True, slots=True)
class _Request:
    call: Call
    method: str
    path: str
    query: Mapping[str, str]
    data: bytes | None
    headers: Mapping[str, str]


class Transport:
    """A pool of connections with credentials and a rate limit."""

    def __init__(self, credentials: Credentials, limit: TokenBucket) -> None:
        self._credentials = credentials
        self._limit = limit
        connector = aiohttp.TCPConnector(ssl=credentials.tls(), limit=0, socket_factory=_socket)
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    @classmethod
    def over(cls, credentials: Credentials, clock: Clock, *, rate: float, burst: int) -> "Transport":
        """Return a transport with its own bucket; has to be called in a running loop."""
        return cls(credentials, TokenBucket(clock, rate=rate, burst=burst))

    async def request(
        self,
        call: Call,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> Any:
        """Return the answer's JSON; raises a KubeError."""
        headers = {} if body is None else {"Content-Type": content_type}
        data = None if body is None else orjson.dumps(body)
        request = _Request(call, method, path, query or {}, data, headers)
        # The Lease stands in no line: who may write must not hang on how much there is to write.
        async with contextlib.nullcontext() if call.kind == LEASE else self._slots:
            try:
                return await self._send(request)
            except UnauthorizedError:
                if not await self._credentials.renew():
                    raise
                return await self._send(request)

    async def _send(self, request: _Request) -> Any:
        timeout = aiohttp.ClientTimeout(total=_ANSWER, connect=_CONNECT)
        await self._limit.wait()
        try:
            async with self._session.request(
                request.method,
                self._url(request.path),
                params=request.query,
                data=request.data,
                timeout=timeout,
                **await self._options(request.headers),
            ) as answer:
                content = await answer.read()
                if answer.status >= 400:
                    raise _refusal(request.call, answer, content)
                return orjson.loads(content)
        except (aiohttp.ClientError, TimeoutError, OSError, orjson.JSONDecodeError) as error:
            raise self._unreachable(request.call, error) from error

    async def lines(
        self, call: Call, path: str, query: Mapping[str, str], duration: timedelta
    ) -> AsyncGenerator[bytes, None]:
        """Yield the lines of a streamed answer; raises a KubeError, also when the stream outlives `duration`."""
        await self._limit.wait()
        total = (duration + _WATCH_MARGIN).total_seconds()
        timeout = aiohttp.ClientTimeout(total=total, connect=_CONNECT)
        try:
            async with self._session.get(
                self._url(path), params=query, timeout=timeout, **await self._options({})
            ) as answer:
                if answer.status >= 400:
                    refusal = _refusal(call, answer, await answer.read())
                    if isinstance(refusal, UnauthorizedError):
                        await self._credentials.renew()
                    raise refusal
                splitter = LineSplitter()
                async for chunk in answer.content.iter_any():
                    for line in splitter.feed(chunk):
                        yield line
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(call, error) from error

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    def _url(self, path: str) -> str:
        return self._credentials.server + path

    async def _options(self, headers: Mapping[str, str]) -> dict[str, Any]:
        own = {"Accept": "application/json", "User-Agent": "bartizan", **await self._credentials.headers()}
        options = {"headers": {**own, **headers}, "proxy": self._credentials.proxy, "allow_redirects": False}
        name = self._credentials.server_name
        return {**options, "server_hostname": name} if name else options

    def _unreachable(self, call: Call, error: Exception) -> UnavailableError:
        what = "no answer in time" if isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
        msg = f"{call}: {self._credentials.server} cannot be reached: {what}"
        return UnavailableError(msg, reason="Unreachable")


def _refusal(call: Call, answer: aiohttp.ClientResponse, content: bytes) -> KubeError:
    seconds = answer.headers.get("Retry-After", "")
    retry_after = timedelta(seconds=int(seconds)) if seconds.isdigit() else None
    try:
        status = orjson.loads(content)
    except orjson.JSONDecodeError:
        status = {"message": content[:200].decode(errors="replace").strip()}
    if not isinstance(status, dict) or status.get("kind", "Status") != "Status":
        status = {}
    return from_status(call, status, code=answer.status, retry_after=retry_after)


def _socket(address: Any) -> socket.socket:
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made

"""Says hello to a TLS port and takes the certificate that it shows, as far as the handshake goes without being finished.

Nothing but a ClientHello (and what a HelloRetryRequest asks for) is sent. Where the certificate comes in the clear, up to TLS
1.2, the hello ends there. In TLS 1.3 the library finishes its own side, which shows the certificate, and its last message is
kept back: no server ever sees a finished handshake, asked for a client's certificate or not, so no application ever sees a
connection. Nothing is verified, because what is looked for may be the wrong certificate; the bytes are compared elsewhere.
"""

import asyncio
import contextlib
import ssl
from typing import Final, Literal, TypeAlias

from bartizan.core.served.records import shown_certificate

Hello: TypeAlias = bytes | Literal["plain", "unclear"]
"""The certificate (DER); something that is not TLS; no certificate, and no proof that it is not TLS."""

_MOST_BYTES: Final = 64 * 1024
"""How much of a server's answer is read: a chain of certificates fits several times."""
_CHUNK: Final = 16 * 1024


class _Ended(Exception):  # noqa: N818 -- the way out of a dialogue, not a failure
    """The dialogue is over: what came of it."""

    def __init__(self, found: Hello) -> None:
        super().__init__()
        self.found = found


async def hello(host: str, port: int, *, seconds: float) -> Hello:
    """Return what a TCP port shows within so many seconds; never raises for what a server does or does not do."""
    writer = None
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(host, port, limit=_CHUNK)
            return await _dialogue(reader, writer)
    except (TimeoutError, OSError):
        return "unclear"
    finally:
        if writer is not None:
            # Nothing is said at the end either: no close_notify, and what is unread is thrown away.
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _dialogue(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Hello:
    theirs, ours = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = _context().wrap_bio(theirs, ours, server_side=False)
    heard = bytearray()
    try:
        while True:
            _advance(tls)
            writer.write(ours.read())
            await writer.drain()
            said = await reader.read(_CHUNK)
            heard += said
            _judge(bytes(heard), ended=not said)
            theirs.write(said)
    except _Ended as end:
        return end.found


def _advance(tls: ssl.SSLObject) -> None:
    """Let the library take in what has come; raises _Ended when it has finished or does not want to go on."""
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return
    except (ssl.SSLError, ValueError):
        raise _Ended("unclear") from None
    raise _Ended(tls.getpeercert(binary_form=True) or "unclear")


def _judge(heard: bytes, *, ended: bool) -> None:
    """Raise _Ended where the bytes alone tell."""
    found = shown_certificate(heard)
    if isinstance(found, bytes) or found == "plain":
        raise _Ended(found)
    if ended or len(heard) > _MOST_BYTES:
        raise _Ended("unclear")


def _context() -> ssl.SSLContext:
    """Return a client that takes every certificate, weak ones too: what is wrong must be seen to be told."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context

"""How much memory a TLS connection holds on to.

A controller has a connection for each kind and each namespace that it watches, hundreds in a large cluster, and nearly all
are silent. asyncio gives each a buffer of 256 KiB for as long as it is open; a TLS record is 16 KiB at most (RFC 8446 §5.1).
"""

from asyncio import sslproto
from typing import Final

RECEIVED: Final = 32 * 1024
"""Bytes that one connection takes from the kernel at a time: two records."""


def small_tls_buffers() -> None:
    """Let every TLS connection that this process opens from now on have a buffer of `RECEIVED` bytes."""
    sslproto.SSLProtocol.max_size = RECEIVED

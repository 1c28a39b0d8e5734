"""Silent connections cost little."""

import asyncio
import gc
import ssl
import warnings
from asyncio import sslproto

import pytest

from bartizan.shell.buffers import RECEIVED, small_tls_buffers


@pytest.fixture
def as_before():
    """What other tests find afterwards."""
    size = sslproto.SSLProtocol.max_size
    yield
    sslproto.SSLProtocol.max_size = size


def _held() -> int:
    """How much a connection holds, of which nothing was ever opened."""
    loop = asyncio.new_event_loop()
    connection = sslproto.SSLProtocol(loop, asyncio.Protocol(), ssl.create_default_context(), None)
    try:
        return len(connection.get_buffer(-1))
    finally:
        with warnings.catch_warnings(action="ignore", category=ResourceWarning):
            del connection
            gc.collect()
        loop.close()


def test_a_connection_holds_two_records(as_before):
    """A connection made after the call has the small buffer, one made before it the large one of asyncio."""
    before = _held()
    small_tls_buffers()
    assert (before, _held()) == (256 * 1024, RECEIVED)

"""A hello said to real TLS servers, and to servers that are none, on loopback."""

import asyncio
import base64
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from bartizan.core.network.probe_wire import Target
from bartizan.core.served.leaf import leaf_of
from bartizan.prober.connect import run
from bartizan.prober.hello import hello
from unit.pki.builders import a_pki

QUICK = 2.0
KEYS = {
    "P-256": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "Ed25519": ["-newkey", "ed25519"],
    "RSA of 1024 bits": ["-newkey", "rsa:1024"],
}
VERSIONS = {"TLS 1.2": "-tls1_2", "TLS 1.3": "-tls1_3"}
CLIENTS = {"no client certificate asked": [], "client certificate demanded": ["-Verify", "1", "-verify_return_error"]}


def a_certificate(folder: Path, key: list[str]) -> x509.Certificate:
    """Make a self-signed certificate with its key in `folder`."""
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(
        ["openssl", "req", "-x509", *key, "-nodes", *files, "-subj", "/CN=x", "-days", "2"],
        check=True, capture_output=True,
    )  # fmt: skip
    return x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes())


@asynccontextmanager
async def openssl(folder: Path, *options: str) -> AsyncIterator[tuple[int, asyncio.subprocess.Process]]:
    """Serve with openssl on a port of its own choice; what it says can be read from the process."""
    command = ["s_server", "-accept", "127.0.0.1:0", "-cert", str(folder / "cert.pem"), "-key", str(folder / "key.pem")]
    served = await asyncio.create_subprocess_exec(
        "openssl", *command, *options,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        assert served.stdout
        line = b""
        while not line.startswith(b"ACCEPT"):
            line = await asyncio.wait_for(served.stdout.readline(), 10)
        yield int(line.rpartition(b":")[2]), served
    finally:
        served.kill()
        await served.communicate()


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
@pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS)
@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
async def test_a_server_shows_its_certificate(tmp_path, key, version, client):
    """Whatever version and key, and whether or not a client certificate is demanded: the bytes are the server's own."""
    made = a_certificate(tmp_path, key)
    weak = ["-cipher", "DEFAULT:@SECLEVEL=0"]
    async with openssl(tmp_path, version, *weak, *client) as (port, _):
        assert await hello("127.0.0.1", port, seconds=QUICK) == made.public_bytes(Encoding.DER)


@pytest.mark.parametrize("version", VERSIONS.values(), ids=VERSIONS)
async def test_no_server_sees_a_finished_handshake(tmp_path, version):
    """The server is left in the middle of the handshake: it never has a connection that could carry data."""
    a_certificate(tmp_path, KEYS["P-256"])
    async with openssl(tmp_path, version, "-state") as (port, served):
        assert isinstance(await hello("127.0.0.1", port, seconds=QUICK), bytes)
        assert served.stdout
        said = b""
        while b"ERROR" not in said:
            said += await asyncio.wait_for(served.stdout.readline(), 5)
    assert b"unexpected eof" in said or b"error in" in said.lower()
    assert b"CIPHER is" not in said


async def test_a_hello_retry_is_followed(tmp_path):
    """A server that insists on another group than the first offered still shows its certificate."""
    made = a_certificate(tmp_path, KEYS["P-256"])
    async with openssl(tmp_path, "-tls1_3", "-groups", "P-521") as (port, _):
        assert await hello("127.0.0.1", port, seconds=QUICK) == made.public_bytes(Encoding.DER)


async def test_a_python_server_shows_its_chain_s_leaf(tmp_path):
    """Of a chain the first certificate counts; the server's own handler is never called with a connection."""
    pki, reached = a_pki(), []
    secret = pki.issue()
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).write_bytes(base64.b64decode(secret["data"][name]))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "tls.crt", tmp_path / "tls.key")

    async def handle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached.append(1)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        said = await run([Target("127.0.0.1", port, awaited=True, tls=True)], None)
        await asyncio.sleep(0.1)
    leaf = x509.load_pem_x509_certificates((tmp_path / "tls.crt").read_bytes())[0]
    assert (said.served, said.outcomes, reached) == ((leaf_of(leaf),), (), [])


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[int]:
    """A server that says what `talk` says."""
    tasks = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            await talk(reader, writer)
        except OSError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def saying(*parts: bytes, wait: bool = True) -> Talk:
    """Say the parts, one after another, after the hello if `wait`, and close."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if wait:
            await reader.read(4096)
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0.01)

    return talk


async def _endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """TLS records without end, none of which is a certificate."""
    while True:
        writer.write(b"\x16\x03\x03\x40\x00" + bytes(16384))
        await writer.drain()


async def _slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A byte at a time, for ever."""
    for byte in b"\x16\x03\x03\x40\x00" + bytes(1000):
        writer.write(bytes([byte]))
        await asyncio.sleep(0.05)


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


SERVERS: dict[str, tuple[Talk, str]] = {
    "HTTP": (saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "plain"),
    "one letter": (saying(b"E"), "plain"),
    "a banner before anything is asked": (saying(b"220 mail ESMTP\r\n", wait=False), "plain"),
    "a line in pieces": (saying(b"-", b"ERR ", b"unknown command\r\n"), "plain"),
    "zeros": (saying(bytes(4096)), "plain"),
    "a TLS alert": (saying(b"\x15\x03\x01\x00\x02\x02\x70"), "unclear"),
    "a close at once": (saying(), "unclear"),
    "an empty certificate": (saying(b"\x16\x03\x03\x00\x07\x0b\x00\x00\x03\x00\x00\x00"), "unclear"),
    "a record that stops": (saying(b"\x16\x03\x03\x20\x00\x02\x00\x10"), "unclear"),
    "records without end": (_endless, "unclear"),
    "a byte at a time": (_slow, "unclear"),
    "silence": (_silent, "unclear"),
}


@pytest.mark.parametrize(("talk", "found"), SERVERS.values(), ids=SERVERS)
async def test_hostile_servers_end_in_a_word(talk, found):
    """Whatever a server says, and however long it takes, the answer is a word and comes in time."""
    async with talking(talk) as port:
        began = asyncio.get_running_loop().time()
        assert await hello("127.0.0.1", port, seconds=0.5) == found
        assert asyncio.get_running_loop().time() - began < 1.5


async def test_what_is_sent_is_a_hello_and_nothing_else():
    """One TLS record of type handshake is all that a server without a word of its own ever gets."""
    heard = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read())

    async with talking(talk) as port:
        await hello("127.0.0.1", port, seconds=0.4)
        await asyncio.sleep(0.05)
    (said,) = heard
    assert (said[0], said[5], len(said)) == (0x16, 0x01, 5 + int.from_bytes(said[3:5]))


async def test_a_certificate_that_cannot_be_read_is_unclear():
    """Bytes in the place of a certificate are not repeated to anybody."""
    body = b"\x00\x00\x0a\x00\x00\x07garbage"
    talk = saying(b"\x16\x03\x03" + (4 + len(body)).to_bytes(2) + b"\x0b" + len(body).to_bytes(3) + body)
    async with talking(talk) as port:
        assert (await run([Target("127.0.0.1", port, awaited=True, tls=True)], None)).served == ("unclear",)

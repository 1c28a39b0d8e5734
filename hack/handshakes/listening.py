"""The Python peer: one identity from a volume, read again when it changes, or never.

The reloading one makes new contexts for new connections as soon as `..data` points elsewhere; the frozen one keeps the key,
the chain and the bundle it began with, as many servers do that nobody ever taught better.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from handshakes.calling import PATIENCE, WORD, HandshakeError, Target, exchange
from handshakes.tally import Tally
from handshakes.volume import BUNDLE, CERTIFICATE, KEY, generation

_LOOK = 0.2
_TRIES = 20
_BY_NAME = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@dataclass(frozen=True)
class Contexts:
    """An identity made ready for both roles."""

    server: ssl.SSLContext
    client: dict[str, ssl.SSLContext]


class Identity:
    """Certificate, key and bundle from a volume."""

    def __init__(self, volume: Path, *, frozen: bool) -> None:
        """Read `volume` now, and unless `frozen` whenever it has changed."""
        self._volume = volume
        self._frozen = frozen
        self._generation, self._contexts = _loaded(volume)
        self._looked = time.monotonic()
        self._lock = threading.Lock()

    @property
    def contexts(self) -> Contexts:
        """The contexts for a new connection."""
        with self._lock:
            if not self._frozen and time.monotonic() - self._looked > _LOOK:
                self._looked = time.monotonic()
                if generation(self._volume) != self._generation:
                    self._generation, self._contexts = _loaded(self._volume)
            return self._contexts


def _loaded(volume: Path) -> tuple[str, Contexts]:
    """Read one publication; the one at hand may be taken away while it is read."""
    for _ in range(_TRIES):
        name = generation(volume)
        with contextlib.suppress(FileNotFoundError):
            return name, _contexts(volume / name)
    raise FileNotFoundError(f"{volume} holds no publication that stays long enough to be read")


def _contexts(folder: Path) -> Contexts:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.verify_mode = ssl.CERT_REQUIRED
    server.num_tickets = 0
    clients = {name: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) for name in _BY_NAME}
    for context in (server, *clients.values()):
        context.load_cert_chain(folder / CERTIFICATE, folder / KEY)
        context.load_verify_locations(folder / BUNDLE)
    for name, version in _BY_NAME.items():
        clients[name].minimum_version = clients[name].maximum_version = version
    return Contexts(server, clients)


def _uris(connection: ssl.SSLSocket) -> list[str]:
    names = (connection.getpeercert() or {}).get("subjectAltName", ())
    return [str(entry[1]) for entry in names if isinstance(entry, tuple) and entry[0] == "URI"]


@dataclass(frozen=True)
class PythonClient:
    """Calls with an identity, and holds the server to its name and its SPIFFE ID."""

    name: str
    identity: Identity

    def call(self, target: Target, version: str) -> None:
        """Shake hands and exchange the word."""
        context = self.identity.contexts.client[version]
        with (
            socket.create_connection(("127.0.0.1", target.port), timeout=PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname=target.host) as connection,
        ):
            if _uris(connection) != [target.uri]:
                raise HandshakeError(f"the server is {_uris(connection)} and not {target.uri}")
            exchange(connection)


@dataclass(frozen=True)
class PythonServer:
    """Answers whoever shows a certificate of the trust domain."""

    name: str
    identity: Identity
    accepts: str
    """What the SPIFFE ID of a client begins with."""
    tally: Tally

    def start(self, port: int, *, loops: int) -> None:
        """Listen, and serve in `loops` threads."""
        listener = socket.create_server(("127.0.0.1", port), backlog=256)
        for _ in range(loops):
            threading.Thread(target=self._serve, args=(listener,), daemon=True).start()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            plain, _ = listener.accept()
            plain.settimeout(PATIENCE)
            try:
                self._answer(plain)
            except (OSError, HandshakeError):
                self.tally.answered(self.name, well=False)
            else:
                self.tally.answered(self.name, well=True)
            finally:
                plain.close()

    def _answer(self, plain: socket.socket) -> None:
        with self.identity.contexts.server.wrap_socket(plain, server_side=True) as connection:
            if not any(uri.startswith(self.accepts) for uri in _uris(connection)):
                raise HandshakeError(f"the client is {_uris(connection)}")
            heard = b""
            while len(heard) < len(WORD):
                more = connection.recv(len(WORD) - len(heard))
                if not more:
                    raise HandshakeError("the client closed before it said its word")
                heard += more
            connection.sendall(heard)
            with contextlib.suppress(OSError):
                connection.recv(1)

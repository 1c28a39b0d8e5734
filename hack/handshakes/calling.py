"""Clients' loops: every client calls every server, one new connection after another, in both versions of TLS.

A handshake counts when a word sent over it came back: under TLS 1.3 a client has finished before the server has judged its
certificate, so a completed `connect` alone proves half of it.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from handshakes.tally import Cell, Tally

WORD = b"x\n"
"""What is sent: `s_server -rev` answers with the line turned round, and this one is the same both ways."""
PATIENCE = 20.0
"""Seconds that a step of a handshake may take. Longer than any stall of a busy machine: a slow answer is no failed one."""
VERSIONS = ("1.2", "1.3")
_APART = 7
_IDLE = 0.02
_LATE = 1.0
"""A loop that fell behind its pace catches up with this many seconds of it at most."""


class HandshakeError(Exception):
    """A handshake or the word over it failed; the message says what the client saw."""


@dataclass(frozen=True)
class Target:
    """A server as clients know it."""

    name: str
    port: int
    host: str
    """The DNS name it is called by, which its certificate must bear."""
    uri: str
    """The SPIFFE ID its certificate must bear."""
    one_by_one: bool = False
    """Whether it answers one connection after another: loops of their own call it, so that it holds up nobody else."""


class Client(Protocol):
    """One way to call."""

    @property
    def name(self) -> str:
        """What it is counted under."""

    def call(self, target: Target, version: str) -> None:
        """Shake hands and exchange the word.

        Raises:
            HandshakeError, OSError: it failed (ssl.SSLError is an OSError).
        """


@dataclass
class State:
    """What the clients of a process are told; replaced as a whole, so that a loop reads one of one moment."""

    phase: str = ""
    targets: tuple[Target, ...] = ()
    """Empty: do not call."""
    clients: frozenset[str] = frozenset()
    """Who calls."""
    pace: float = 0.0
    """Seconds from one call of a client to its next at least, where a loop says nothing else."""


class Caller:
    """Runs the loops of a process's clients."""

    def __init__(self, tally: Tally) -> None:
        """Count into `tally`; nobody calls before `follow` says so."""
        self._tally = tally
        self._state = State()
        self._under: Counter[int] = Counter()
        self._told = 0
        self._lock = threading.Lock()

    def follow(self, state: State) -> None:
        """Let calls that begin from now on be as `state` says."""
        with self._lock:
            self._state, self._told = state, self._told + 1

    @property
    def stale(self) -> int:
        """How many calls are under way that began before the last `follow`."""
        with self._lock:
            return sum(count for told, count in self._under.items() if told < self._told)

    def start(self, client: Client, *, share: float, first: int, one_by_one: bool = False) -> None:
        """Begin a loop of a client, `share` times the pace between its calls, to the servers that are `one_by_one` or not.

        Loops of one client begin at different turns.
        """
        threading.Thread(target=self._loop, args=(client, first, share, one_by_one), daemon=True).start()

    def _loop(self, client: Client, first: int, share: float, one_by_one: bool) -> None:  # noqa: FBT001 -- a thread's
        turn, due = first * _APART, time.monotonic()
        while True:
            with self._lock:
                state, told = self._state, self._told
                self._under[told] += 1
            try:
                targets = [target for target in state.targets if target.one_by_one is one_by_one]
                idle = not targets or client.name not in state.clients
                if not idle:
                    ways = [(target, version) for target in targets for version in VERSIONS]
                    self._call(client, *ways[turn % len(ways)], state.phase)
            finally:
                with self._lock:
                    self._under[told] -= 1
            turn += not idle
            due = time.monotonic() + _IDLE if idle else max(due + state.pace * share, time.monotonic() - _LATE)
            time.sleep(max(0.0, due - time.monotonic()))

    def _call(self, client: Client, target: Target, version: str, phase: str) -> None:
        cell = Cell(client.name, target.name, version, phase)
        try:
            client.call(target, version)
        except (HandshakeError, OSError) as error:
            self._tally.fell(cell, f"{type(error).__name__}: {error}"[:300])
        else:
            self._tally.succeeded(cell)


def exchange(connection: socket.socket) -> None:
    """Send the word and await it back.

    Raises:
        HandshakeError: the other end closed instead.
    """
    connection.sendall(WORD)
    heard = b""
    while len(heard) < len(WORD):
        more = connection.recv(len(WORD) - len(heard))
        if not more:
            raise HandshakeError("the connection was closed before the word came back")
        heard += more
    if heard != WORD:
        raise HandshakeError(f"{heard!r} came back instead of {WORD!r}")


@dataclass(frozen=True)
class EnvoyClient:
    """Calls through an Envoy, which shakes hands anew for every connection to one of its plain ports."""

    name: str
    ports: dict[str, int]
    """`<target> <version>`: the port that leads there."""

    def call(self, target: Target, version: str) -> None:
        """Send the word in plain to Envoy."""
        port = self.ports[f"{target.name} {version}"]
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            exchange(connection)

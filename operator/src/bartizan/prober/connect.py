"""Tries connections: the whole of what a probe pod does, and what the witness does itself.

A connection is opened and closed and not a byte is sent, but to ports that are asked for their certificate
(`bartizan.prober.hello`). Networks need a moment to learn about a new pod, so nothing is believed at once: what should be open
is tried until it is, and what should be shut is tried until it is shut, both for a while.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from bartizan.core.network.probe_wire import Answer, Outcome, Target
from bartizan.core.served.wire import Shown

_AT_ONCE: Final = 16
"""Connections tried at once: a probe is a guest."""
_DNS_PORT: Final = 53


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait."""

    connection: timedelta = timedelta(seconds=2)
    """For one connection: a first packet that is lost on the way is sent again after one second (RFC 6298)."""
    settling: timedelta = timedelta(seconds=10)
    """For the network to behave as expected."""
    pause: timedelta = timedelta(milliseconds=500)
    """Between two tries."""
    hello: timedelta = timedelta(seconds=3)
    """For a port to show its certificate, the connection included."""


async def attempt(target: Target, patience: Patience) -> Outcome:
    """Return what comes of one connection."""
    try:
        opening = asyncio.open_connection(target.host, target.port)
        _, writer = await asyncio.wait_for(opening, patience.connection.total_seconds())
    except TimeoutError:
        return "timeout"
    except ConnectionRefusedError:
        return "refused"
    except OSError:
        return "failed"
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        await asyncio.wait_for(writer.wait_closed(), patience.connection.total_seconds())
    return "open"


async def settled(target: Target, patience: Patience) -> Outcome:
    """Return what comes of connections to `target` once they come out as awaited, or when patience ends."""
    loop = asyncio.get_running_loop()
    end = loop.time() + patience.settling.total_seconds()
    while True:
        outcome = await attempt(target, patience)
        if (outcome == "open") is target.awaited or loop.time() >= end:
            return outcome
        await asyncio.sleep(patience.pause.total_seconds())


async def run(targets: Sequence[Target], control: Target | None, patience: Patience | None = None) -> Answer:
    """Return what became of `targets`: first what should be open, then, when the network is known to work, the rest.

    Ports are asked for their certificates last. `control` is an address that every policy admits; alive is whoever reached
    it, or anything else.
    """
    patience = patience or Patience()
    known = control is not None and await settled(control, patience) == "open"
    plain = [target for target in targets if not target.tls]
    found: dict[int, Outcome] = {}
    for awaited in (True, False):
        places = [place for place, target in enumerate(plain) if target.awaited is awaited]
        outcomes = await _all([plain[place] for place in places], patience)
        found.update(zip(places, outcomes, strict=True))
    outcomes = [found[place] for place in range(len(plain))]
    served = await _asked([target for target in targets if target.tls], patience)
    return Answer(alive=known or "open" in outcomes, outcomes=tuple(outcomes), served=served)


async def _asked(targets: Sequence[Target], patience: Patience) -> tuple[Shown, ...]:
    """Return what ports show, after the network has settled for the rest."""
    if not targets:
        return ()
    # Only here, because reading certificates takes memory that most runs can do without.
    from bartizan.core.served.leaf import read_served
    from bartizan.prober.hello import hello

    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(target: Target) -> Shown:
        async with limit:
            said = await hello(target.host, target.port, seconds=patience.hello.total_seconds())
        return said if isinstance(said, str) else read_served(said) or "unclear"

    return tuple(await asyncio.gather(*(one(target) for target in targets)))


async def _all(targets: Sequence[Target], patience: Patience) -> list[Outcome]:
    limit = asyncio.Semaphore(_AT_ONCE)

    async def one(target: Target) -> Outcome:
        async with limit:
            return await settled(target, patience)

    return list(await asyncio.gather(*(one(target) for target in targets)))


def dns_service(resolver: Path = Path("/etc/resolv.conf")) -> Target | None:
    """Return the DNS server that the kubelet wrote into the pod, which answers over TCP too (RFC 7766)."""
    try:
        lines = resolver.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    words = [line.split() for line in lines]
    server = next((line[1] for line in words if len(line) > 1 and line[0] == "nameserver"), None)
    return Target(server, _DNS_PORT, awaited=True) if server else None


async def listen(host: str, port: int) -> asyncio.Server:
    """Return a listener that accepts every connection and closes it: what a probe tries and must not reach."""

    async def close(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    return await asyncio.start_server(close, host, port)

"""Runs inside a pod: answers on its ports and calls everybody else all the time, a new socket for every attempt.

Needs nothing but the standard library. Each attempt is one line on standard output: number, start (Unix time), target, port,
protocol, outcome. On SIGTERM it stops calling, waits for what is under way, says how many lines there were, and goes on answering
for a while, as a well-behaved server does until every node has taken it off its Services.
"""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

PATIENCE = 8.0
"""Seconds until an attempt at what is allowed is given up: a caller's usual limit, which also a busy machine keeps."""
BRIEF = 2.5
"""The same for what must not pass: a repeated SYN (after 1 s) and three datagrams fit in."""
LINGER = 6.0
"""Seconds to go on answering after the last call, until every node has taken the pod off its Services."""


class Answering(asyncio.DatagramProtocol):
    """Answers a datagram with the service's name."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.transport = None

    def connection_made(self, transport) -> None:
        """Keep the way to answer."""
        self.transport = transport

    def datagram_received(self, _data, address) -> None:
        """Answer."""
        self.transport.sendto(self.name, address)


class Asking(asyncio.DatagramProtocol):
    """Waits for the answer to a datagram."""

    def __init__(self) -> None:
        self.answer = asyncio.get_running_loop().create_future()

    def datagram_received(self, data, _address) -> None:
        """Take the first answer."""
        if not self.answer.done():
            self.answer.set_result(data)

    def error_received(self, error) -> None:
        """Take a refusal (ICMP port unreachable)."""
        if not self.answer.done():
            self.answer.set_exception(error)


class Serving(asyncio.Protocol):
    """Answers whoever says something with the service's name, and hangs up."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.transport = None

    def connection_made(self, transport) -> None:
        """Keep the way to answer."""
        self.transport = transport

    def data_received(self, _data) -> None:
        """Answer."""
        self.transport.write(self.name)
        self.transport.close()


async def serve(name: bytes, ports) -> None:
    """Answer on every port, TCP and UDP."""
    loop = asyncio.get_running_loop()
    for port in ports:
        await loop.create_server(lambda: Serving(name), "0.0.0.0", port, backlog=512)
        await loop.create_datagram_endpoint(lambda: Answering(name), local_addr=("0.0.0.0", port))


async def over_tcp(address, port) -> bytes:
    """Ask over a new connection."""
    reader, writer = await asyncio.open_connection(address, port)
    try:
        writer.write(b"?")
        return await reader.read(100)
    finally:
        writer.close()


async def over_udp(address, port) -> bytes:
    """Ask with a datagram from a new socket, again after each second without an answer."""
    loop = asyncio.get_running_loop()
    transport, asking = await loop.create_datagram_endpoint(Asking, remote_addr=(address, port))
    try:
        while True:
            transport.sendto(b"?")
            await asyncio.wait([asking.answer], timeout=1)
            if asking.answer.done():
                return asking.answer.result()
    finally:
        transport.close()
        if asking.answer.done():
            asking.answer.exception()  # else a refusal after the last look is complained about at exit


class Calls:
    """All attempts of one pod."""

    def __init__(self) -> None:
        self.number = 0
        self.running = set()
        self.stopping = asyncio.Event()

    async def attempt(self, target, number: int) -> None:
        """Make one attempt and write its line."""
        ask = over_tcp if target["protocol"] == "TCP" else over_udp
        patience = PATIENCE if target["steady"] else BRIEF
        began = time.time()
        try:
            said = await asyncio.wait_for(ask(target["address"], target["port"]), patience)
            outcome = "ok" if said.decode() == target["to"] else f"answered by {said!r}"
        except TimeoutError:
            outcome = "timeout"
        except OSError as error:
            outcome = f"{type(error).__name__}: {error}"
        line = [number, round(began, 3), target["to"], target["port"], target["protocol"], outcome]
        sys.stdout.write(json.dumps(line) + "\n")

    async def keep_calling(self, target, delay: float) -> None:
        """Call one target at its pace until told to stop, however long each attempt takes."""
        await asyncio.sleep(delay)
        while not self.stopping.is_set():
            self.number += 1
            task = asyncio.create_task(self.attempt(target, self.number))
            self.running.add(task)
            task.add_done_callback(self.running.discard)
            await asyncio.sleep(target["every"])


async def main(config) -> None:
    """Serve and call until SIGTERM."""
    calls = Calls()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, calls.stopping.set)
    addresses = {}
    for target in config["targets"]:
        if target["host"] not in addresses:
            addresses[target["host"]] = await _resolve(target["host"])
        target["address"] = addresses[target["host"]]
    # Only now: who is ready calls, and the old pod, told to end by that, leaves no gap in the traffic.
    await serve(config["name"].encode(), config["ports"])
    targets = config["targets"]
    loops = [
        asyncio.create_task(calls.keep_calling(target, target["every"] * number / len(targets)))
        for number, target in enumerate(targets)
    ]
    while not calls.stopping.is_set():
        await asyncio.sleep(0.25)
        sys.stdout.flush()
    await asyncio.sleep(0)
    for loop in loops:
        loop.cancel()
    if calls.running:
        await asyncio.wait(set(calls.running))
    sys.stdout.write(json.dumps({"end": calls.number}) + "\n")
    sys.stdout.flush()
    await asyncio.sleep(LINGER)
    os._exit(0)  # an orderly end of the loop complains about connections that are just being accepted


async def _resolve(host: str) -> str:
    while True:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None, family=socket.AF_INET)
        except OSError:
            await asyncio.sleep(0.2)
        else:
            return found[0][4][0]


if __name__ == "__main__":
    asyncio.run(main(json.loads(Path(os.environ["PROBER_CONFIG"]).read_text(encoding="utf-8"))))

"""Connections tried against listeners of our own, on loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from bartizan.core.network.probe_wire import Answer, Target
from bartizan.prober.connect import Patience, attempt, dns_service, listen, run, settled

QUICK = Patience(connection=timedelta(seconds=0.3), settling=timedelta(seconds=0.6), pause=timedelta(seconds=0.05))


@asynccontextmanager
async def listening() -> AsyncIterator[int]:
    """A listener on a port of its own."""
    server = await listen("127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def unused() -> int:
    """A port on which nothing listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """A port that answers nobody: its queue of connections is full, so that the kernel drops what comes."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        await asyncio.sleep(0.05)
        yield full.getsockname()[1]


async def test_each_outcome_has_its_word():
    """Connected, refused, not answered, and no way there."""
    async with listening() as port, silent() as mute:
        found = [
            await attempt(Target(host, number, awaited=True), QUICK)
            for host, number in (("127.0.0.1", port), ("127.0.0.1", unused()), ("127.0.0.1", mute), ("256.0.0.1", 80))
        ]
    assert found == ["open", "refused", "timeout", "failed"]


async def test_what_should_be_open_is_given_time_to_open():
    """A network that learns late about a new pod does not fail the probe."""
    port = unused()
    waiting = asyncio.create_task(settled(Target("127.0.0.1", port, awaited=True), QUICK))
    await asyncio.sleep(0.15)
    async with await listen("127.0.0.1", port):
        assert await waiting == "open"


async def test_what_should_be_shut_is_given_time_to_shut():
    """A connection that is made only until the network knows the pod is not held against it; one that stays open is."""
    server = await listen("127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    waiting = asyncio.create_task(settled(Target("127.0.0.1", port, awaited=False), QUICK))
    await asyncio.sleep(0.1)
    server.close()
    await server.wait_closed()
    assert await waiting == "refused"
    async with listening() as still:
        assert await settled(Target("127.0.0.1", still, awaited=False), QUICK) == "open"


async def test_a_run_answers_in_the_order_of_its_targets():
    """Whatever is tried first, the answer keeps the order; alive is whoever reached anything."""
    async with listening() as port:
        closed = Target("127.0.0.1", unused(), awaited=False)
        opened = Target("127.0.0.1", port, awaited=True)
        assert await run([closed, opened, closed], None, QUICK) == Answer(
            alive=True, outcomes=("refused", "open", "refused")
        )
        assert (await run([closed], opened, QUICK)).alive
        assert not (await run([closed], Target("127.0.0.1", unused(), awaited=True), QUICK)).alive


def test_the_dns_service_is_read_from_the_pod(tmp_path):
    """The first nameserver is the control; without one there is none."""
    file = tmp_path / "resolv.conf"
    file.write_text("search svc.cluster.local\nnameserver 10.96.0.10\nnameserver 10.0.0.1\n")
    assert dns_service(file) == Target("10.96.0.10", 53, awaited=True)
    assert dns_service(tmp_path / "none") is None

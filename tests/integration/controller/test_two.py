"""Two controllers: one writes, the other takes over."""

import asyncio
import socket

import pytest

from bartizan.api.kinds import NAMESPACE, POLICY

pytestmark = [pytest.mark.api, pytest.mark.timeout(180)]
SYSTEM = "ctl-two-system"
NS = "ctl-two"


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def written(metrics):
    """Return how many writes a replica counted."""
    return sum(value for name, value in metrics.items() if name.startswith("bartizan_writes_total"))


async def test_one_writes_and_the_other_takes_over(world, controller, until, trust_domain, policy):
    """Exactly one of two replicas writes; when it is killed the other does, and hands over at once when asked to end."""
    await world.govern(SYSTEM, None)
    await world.govern(NS)
    await world.put(trust_domain("ctl-two"), policy("first", NS, identity={"trustDomain": "ctl-two"}))

    async def ready(name):
        status = (await world.get(POLICY, name, NS)).get("status", {})
        return any(one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions", []))

    ports = {"one": free_port(), "two": free_port(), "three": free_port()}

    def replica(name):
        return controller(
            SYSTEM, log=f"{name}.log", BARTIZAN_IDENTITY=name, BARTIZAN_METRICS_ADDRESS=f"127.0.0.1:{ports[name]}"
        )

    async with replica("one") as one:
        await until(lambda: ready("first"))
        async with replica("two") as two:

            async def listening():
                try:
                    return (await two.metrics(ports["two"]))["bartizan_leader"] == 0
                except OSError:
                    return False

            await until(listening)
            await asyncio.sleep(2)
            assert written(await one.metrics(ports["one"])) > 0
            assert written(await two.metrics(ports["two"])) == 0
            await one.end(9)
            await world.put(policy("second", NS, identity={"trustDomain": "ctl-two"}))
            await until(lambda: ready("second"), within=25)
            assert (await two.metrics(ports["two"]))["bartizan_leader"] == 1
            async with replica("three"):
                await asyncio.sleep(3)
                assert await two.end() == 0
                await world.put(policy("third", NS, identity={"trustDomain": "ctl-two"}))
                await until(lambda: ready("third"), within=8)
    await world.delete(NAMESPACE, NS)

"""`bartizan pki` beside a running controller: what is asked for happens, and it happens as was foretold."""

import asyncio
from datetime import timedelta

from bartizan.api.kinds import SECRET, TRUST_DOMAIN
from bartizan.cli.pki import standing
from bartizan.cli.pki_options import question
from bartizan.cli.pki_reading import observe
from bartizan.cli.pki_writing import Progress, follow, write
from bartizan.core.model import ObjectRef
from bartizan.core.pki import asking
from bartizan.core.pki.forecast import forecast
from bartizan.signers.stand_ins import StandInSigner
from bartizan.testing import a_namespace, a_policy
from simulation.conftest import RELEASE

TRUST = ObjectRef(api_version=TRUST_DOMAIN.api_version, kind=TRUST_DOMAIN.kind, namespace="", name="default")
MINUTE = timedelta(minutes=1)
HTTP = {"name": "http", "port": 8080}
LATE = timedelta(minutes=6)
"""How much later than at the earliest a phase may begin: the controller looks every minute or so."""


def the_shop():
    """Return two policies of which one calls the other, with the shortest certificates."""
    hour = {"lifetime": "1h", "onRotation": {"strategy": "Restart"}}
    web = a_policy("web", mtls=hour, network={"egress": [{"to": {"service": "orders"}}]})
    orders = a_policy("orders", mtls=hour, network={"ports": [HTTP], "ingress": [{"from": {"service": "web"}}]})
    return a_namespace(), web, orders


async def seen(cluster):
    """Return everything that `bartizan pki` reads."""
    return await observe(cluster.kube, "default", release=RELEASE, pods=True, now=cluster.clock.now())


async def foretold(cluster, what, **parts):
    """Return the forecast from what is there now."""
    return forecast(question(await seen(cluster), what, cluster.clock.now(), **parts), StandInSigner())


async def carried_out(cluster, decide, *, minutes=300):
    """Write a wish and follow it as `--wait` does; return what that says, a line for each phase."""
    said = []
    written = await write(cluster.kube, "default", decide)
    progress = Progress(said.append, live=False)
    following = asyncio.create_task(follow(cluster.kube, "default", written, progress, clock=cluster.clock))
    for _ in range(minutes * 2):
        if following.done():
            break
        await cluster.clock.advance(MINUTE / 2)
    assert following.done(), said
    return [line.split()[:2] for line in said]


def as_foretold(found, lines):
    """Whether the phases began in the order foretold, none earlier, and none much later."""
    moments = {one.phase: one.at for one in found.stages} | {"Stable": found.over}
    begun = {phase: moment for moment, phase in lines if phase != "Stable"}
    order = [one.phase for one in found.stages]
    assert set(begun) <= set(order)
    assert [phase for phase in order if phase in begun] == list(begun)
    for phase, moment in begun.items():
        at = moments[phase].strftime("%Y-%m-%dT%H:%M:%SZ")
        latest = (moments[phase] + LATE).strftime("%Y-%m-%dT%H:%M:%SZ")
        assert at <= moment <= latest, (phase, at, moment, latest)


async def test_a_rotation_goes_as_was_foretold(rig):
    """Asked for from the command line, a root rotates in the phases and at the times that the forecast names."""
    async with rig(*the_shop()) as cluster:
        found = await foretold(cluster, "Root")
        lines = await carried_out(cluster, lambda item: asking.request(item, "Root", "first", cluster.clock.now()))
        assert [phase for _, phase in lines][-1] == "Stable"
        assert (len(lines) >= 4, found.refusals) == (True, ())
        as_foretold(found, lines)


async def test_a_forecast_writes_nothing_and_reads_no_secret(rig):
    """Status and forecast take the right to read, and not even that for Secrets."""
    async with rig(*the_shop()) as cluster:
        cluster.kube.writes.clear()
        cluster.kube.calls.clear()
        text = standing(await seen(cluster), cluster.clock.now(), output="text")
        await foretold(cluster, "Root")
        read = [call for call in cluster.kube.calls if call.kind == SECRET and call.verb != "watch"]
        assert (cluster.kube.writes, read) == ([], [])
        assert "2 policies, 2 with a certificate" in text
        assert "Issuing  1           Active" in text


async def test_an_abort_gives_the_rotation_up(rig):
    """It is stable again with the old root alone, and the next request takes the abort back and begins."""
    async with rig(*the_shop()) as cluster:
        clock = cluster.clock
        await write(cluster.kube, "default", lambda item: asking.request(item, "Root", "first", clock.now()))
        await cluster.settle(30)
        assert cluster.kube.peek(TRUST)["status"]["rotation"]["phase"] == "Publishing"
        lines = await carried_out(cluster, asking.abort)
        assert lines[-1][1] == "Stable"
        assert [one["generation"] for one in cluster.kube.peek(TRUST)["status"]["authorities"]] == [1, 1]
        await write(cluster.kube, "default", lambda item: asking.request(item, "Root", "second", clock.now()))
        await cluster.settle(30)
        domain = cluster.kube.peek(TRUST)
        assert domain["spec"]["rotation"] == {"request": {"id": "second", "role": "Root"}}
        assert domain["status"]["rotation"]["phase"] == "Publishing"


async def test_distrust_goes_as_was_foretold(rig):
    """The old root goes at the deadline that was given, and the forecast said when."""
    async with rig(*the_shop()) as cluster:
        root = cluster.kube.peek(TRUST)["status"]["authorities"][0]["id"]
        deadline = timedelta(minutes=20)
        found = await foretold(cluster, "Distrust", distrusted=(root,), deadline=deadline)
        lines = await carried_out(cluster, lambda item: asking.distrust(item, (root,), deadline))
        assert found.refusals == ()
        as_foretold(found, lines)
        assert [one["generation"] for one in cluster.kube.peek(TRUST)["status"]["authorities"]] == [2, 2]

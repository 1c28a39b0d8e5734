"""Kopf as an event source: what it is told to do, and what it must never do."""

import ast
import asyncio
from datetime import timedelta
from pathlib import Path

import kopf

import bartizan
from bartizan.controller.intake import Intake
from bartizan.controller.sources import NODE_LOCAL, OURS, SERVERS, WATCHED
from bartizan.controller.world import World
from bartizan.shell.handlers import KopfSource, operator_registry, operator_settings
from bartizan.testing import FakeClock

SOURCES = Path(bartizan.__file__).parent


def test_every_kind_has_one_handler_that_only_looks():
    """There are event handlers and a login, and none of the kinds that write to objects: no finalizer can ever be added."""
    registry = operator_registry(lambda _, __: None, [kind for kind, _ in WATCHED])
    watching = registry._watching.get_all_handlers()
    assert [handler.id for handler in watching] == [f"see-{kind.plural}" for kind, _ in WATCHED]
    assert registry._changing.get_all_handlers() == []
    assert registry._spawning.get_all_handlers() == []
    assert registry._indexing.get_all_handlers() == []
    assert registry._webhooks.get_all_handlers() == []


async def test_events_are_handed_over_as_they_come():
    """Type and object of an event reach the intake, also those of a listing, which have no type."""
    seen = []
    kinds = [kind for kind, _ in WATCHED]
    registry = operator_registry(lambda kind, item: seen.append((kind, item["metadata"]["name"])), kinds)
    for handler, kind in zip(registry._watching.get_all_handlers(), (None, "ADDED", "DELETED"), strict=False):
        await handler.fn(event={"type": kind, "object": {"metadata": {"name": "x"}}}, logger=None)
    assert seen == [(None, "x"), ("ADDED", "x"), ("DELETED", "x")]


def test_kopf_watches_and_nothing_else():
    """No peering, no scanning, no events, both ends of a watch time-limited, our own objects by their label."""
    settings = operator_settings(WATCHED)
    assert isinstance(settings, kopf.OperatorSettings)
    watching = settings.watching
    assert (settings.peering.standalone, settings.scanning.disabled, settings.posting.enabled) == (True, True, False)
    assert (watching.server_timeout, watching.client_timeout, watching.initial_streaming) == (300, 310, True)
    assert 0 < settings.queueing.idle_timeout < 0.5
    assert sorted(set(watching.label_selectors.values())) == sorted((OURS, SERVERS, NODE_LOCAL))


def test_kopf_compares_and_keeps_nothing():
    """Whatever an object holds, kopf sees no change in it, has nothing to store, and does not read it for that."""
    storage = operator_settings(WATCHED).persistence.diffbase_storage
    unread = kopf.Body({})
    assert storage.build(body=unread) == storage.fetch(body=unread) == {}
    patch = kopf.Patch()
    storage.store(body=unread, patch=patch, essence=storage.build(body=unread))
    assert dict(patch) == {}


def test_kopf_is_imported_in_one_short_file():
    """The one file that imports kopf has at most 150 lines."""
    importing = [
        path.relative_to(SOURCES).as_posix()
        for path in sorted(SOURCES.rglob("*.py"))
        if any(
            "kopf" in {alias.name.partition(".")[0] for alias in getattr(node, "names", [])}
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import | ast.ImportFrom)
        )
    ]
    assert importing == ["shell/handlers.py"]
    assert len((SOURCES / "shell" / "handlers.py").read_text().splitlines()) <= 150


class Listed:
    """A source that has listed everything."""

    async def run(self):
        """Have nothing to bring."""

    async def wait_synced(self):
        """Be synced."""


async def until(happened):
    """Wait for what another thread does."""
    async with asyncio.timeout(5):
        while not happened():  # noqa: ASYNC110 -- the other side is a thread without a loop
            await asyncio.sleep(0.01)


async def test_kopf_that_ends_by_itself_is_begun_again():
    """When kopf gives up, it is begun again after five seconds; when the source is cancelled, kopf is told to stop."""
    lives, stops = [], []

    def life(*, stop_flag, **_):
        lives.append(len(lives))
        if len(lives) == 1:
            raise RuntimeError("the API server is away")
        stops.append(stop_flag.wait(5))

    clock = FakeClock()
    source = KopfSource(Intake(World(release_namespace="s"), lambda _: None), after=Listed(), clock=clock, run=life)
    running = asyncio.create_task(source.run())
    await until(lambda: clock._sleepers)
    await clock.advance(timedelta(seconds=5))
    await until(lambda: len(lives) == 2)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await until(lambda: stops)
    assert (lives, stops) == ([0, 1], [True])

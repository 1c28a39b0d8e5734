"""Reading, deleting, listing and watching."""

import asyncio
from datetime import timedelta

import pytest

from bartizan.api.kinds import NETWORK_POLICY, SECRET
from bartizan.core.model import ObjectRef
from bartizan.kube.errors import ConflictError, NotFoundError
from bartizan.kube.reflector import Reflector
from bartizan.kube.store import Store


async def test_absent_object_is_not_found(place):
    """Get of what is not there raises NotFoundError."""
    with pytest.raises(NotFoundError):
        await place.api.get(ObjectRef.of(place.an_object(SECRET, "nope")))


async def test_delete_is_content_with_absence(place):
    """Deleting twice is success twice."""
    item = place.an_object(SECRET, "s", data={"k": "QQ=="})
    await place.api.apply(item, manager="one")
    await place.api.delete(ObjectRef.of(item))
    await place.api.delete(ObjectRef.of(item), uid="u-1")
    with pytest.raises(NotFoundError):
        await place.api.get(ObjectRef.of(item))


async def test_delete_spares_another_object_of_the_name(place):
    """With a uid only that very object is deleted."""
    item = place.an_object(SECRET, "s", data={"k": "QQ=="})
    stored = await place.api.apply(item, manager="one")
    with pytest.raises(ConflictError):
        await place.api.delete(ObjectRef.of(item), uid="u-1")
    await place.api.delete(ObjectRef.of(item), uid=stored["metadata"]["uid"])
    with pytest.raises(NotFoundError):
        await place.api.get(ObjectRef.of(item))


async def test_list_is_whole_and_typed(place):
    """A list brings all its pages, in order of name, and every item says what it is."""
    stored = [
        await place.api.apply(place.an_object(SECRET, f"s{n}", data={"k": "QQ=="}), manager="one") for n in range(5)
    ]
    listing = await place.api.list(SECRET, namespace=place.namespace)
    assert list(listing.items) == stored
    everywhere = await place.api.list(SECRET)
    assert [item for item in everywhere.items if item["metadata"]["namespace"] == place.namespace] == stored


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        pytest.param("tier=web", ["a"], id="equal"),
        pytest.param("tier!=web", ["b", "c"], id="not equal, or without the label"),
        pytest.param("tier in (web, db)", ["a", "b"], id="one of"),
        pytest.param("tier notin (web)", ["b", "c"], id="none of, or without the label"),
        pytest.param("tier", ["a", "b"], id="has the label"),
        pytest.param("!tier", ["c"], id="lacks the label"),
        pytest.param("tier,kept=yes", ["b"], id="both"),
    ],
)
async def test_label_selectors(place, selector, names):
    """A label selector chooses as the API server's documentation says."""
    for name, labels in {"a": {"tier": "web"}, "b": {"tier": "db", "kept": "yes"}, "c": {"kept": "yes"}}.items():
        await place.api.apply(place.an_object(SECRET, name, {"labels": labels}, data={"k": "QQ=="}), manager="one")
    listing = await place.api.list(SECRET, namespace=place.namespace, label_selector=selector)
    assert [item["metadata"]["name"] for item in listing.items] == names


async def test_field_selector_chooses_by_name(place):
    """A field selector on the name finds the one object."""
    for name in ("a", "b"):
        await place.api.apply(place.an_object(SECRET, name, data={"k": "QQ=="}), manager="one")
    listing = await place.api.list(SECRET, namespace=place.namespace, field_selector="metadata.name=b")
    assert [item["metadata"]["name"] for item in listing.items] == ["b"]


async def test_watch_tells_what_came_after_the_list(place):
    """From a listing's version on, a watch tells every change once and in order."""
    await place.api.apply(place.an_object(SECRET, "before", data={"k": "QQ=="}), manager="one")
    listing = await place.api.list(SECRET, namespace=place.namespace)
    item = place.an_object(SECRET, "s", data={"k": "QQ=="})
    added = await place.api.apply(item, manager="one")
    changed = await place.api.apply(place.an_object(SECRET, "s", data={"k": "Qg=="}), manager="one")
    await place.api.delete(ObjectRef.of(item))
    events = await place.watched(SECRET, listing.resource_version)
    assert [event.type for event in events] == ["ADDED", "MODIFIED", "DELETED"]
    assert [event.item for event in events[:2]] == [added, changed]
    assert events[2].item["data"] == {"k": "Qg=="}
    assert int(events[2].item["metadata"]["resourceVersion"]) > int(changed["metadata"]["resourceVersion"])


async def test_object_that_leaves_a_selector_is_deleted_for_its_watchers(place):
    """Who watches by label sees an object come and go with the label."""
    listing = await place.api.list(SECRET, namespace=place.namespace)
    for labels in ({}, {"a": "1"}, {"a": "2"}):
        await place.api.apply(place.an_object(SECRET, "s", {"labels": labels}, data={"k": "QQ=="}), manager="one")
    events = await place.watched(SECRET, listing.resource_version, selector="a=1")
    assert [event.type for event in events] == ["ADDED", "DELETED"]


async def test_watch_of_another_kind_hears_nothing(place):
    """A watch ends by itself after its time, having told only of its own kind."""
    listing = await place.api.list(NETWORK_POLICY, namespace=place.namespace)
    await place.api.apply(place.an_object(SECRET, "s", data={"k": "QQ=="}), manager="one")
    assert await place.watched(NETWORK_POLICY, listing.resource_version) == []


async def test_reflector_follows(place):
    """The store is in step with the collection, and every change was told after the store had it."""
    kept = place.an_object(SECRET, "kept", data={"k": "QQ=="})
    gone = place.an_object(SECRET, "gone", data={"k": "QQ=="})
    await place.api.apply(gone, manager="one")
    store, told, all_told = Store(), [], asyncio.Event()

    def on_change(ref: ObjectRef) -> None:
        told.append((ref.name, store.get(ref) is not None))
        if len(told) == 3:
            all_told.set()

    reflector = Reflector(
        place.api, SECRET, store, on_change, namespace=place.namespace, watch_timeout=timedelta(seconds=1)
    )
    running = asyncio.create_task(reflector.run())
    try:
        await reflector.wait_synced()
        last = await place.api.apply(kept, manager="one")
        await place.api.delete(ObjectRef.of(gone))
        async with asyncio.timeout(20):
            await all_told.wait()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert told == [("gone", True), ("kept", True), ("gone", False)]
    assert store.list(SECRET, place.namespace) == [last]


async def test_discovery_names_what_is_served(place):
    """Plurals of a version that is served; of one that is not, nothing."""
    assert "networkpolicies" in await place.api.served("networking.k8s.io/v1")
    assert await place.api.served("nobody.example/v1") == frozenset()

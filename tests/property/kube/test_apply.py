"""Laws of server-side apply that plans rest on, held to the fake (the contract suite holds the fake to the real one)."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.api.kinds import SECRET
from bartizan.core.model import ObjectRef
from bartizan.testing import FakeKube, a_secret

maps = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["QQ==", "Qg=="]), max_size=3)
owners = st.lists(st.sampled_from(["u-1", "u-2"]), unique=True)


def item_of(labels, data, uids):
    """Return a Secret that says so much."""
    item = a_secret("s", data=data)
    item["metadata"]["labels"] = labels
    item["metadata"]["ownerReferences"] = [
        {"apiVersion": "v1", "kind": "Secret", "name": "o", "uid": uid} for uid in uids
    ]
    return item


items = st.builds(item_of, maps, maps, owners)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["one", "two"]), items), min_size=1, max_size=6))
def test_last_forced_apply_holds_and_rests(applies):
    """After any history, what was applied last by force is there, and applying it again changes nothing."""

    async def run() -> None:
        kube = FakeKube()
        for manager, item in applies:
            await kube.apply(item, manager=manager, force=True)
        manager, item = applies[-1]
        stored = kube.objects(SECRET)[0]
        assert item["data"].items() <= stored.get("data", {}).items()
        assert item["metadata"]["labels"].items() <= stored["metadata"].get("labels", {}).items()
        assert await kube.apply(item, manager=manager) == stored

    asyncio.run(run())


@settings(max_examples=200, deadline=None)
@given(items, items)
def test_managers_that_leave_take_what_is_theirs(mine, theirs):
    """When one of two managers withdraws everything, exactly the other's intent remains."""

    async def run() -> None:
        kube, bare = FakeKube(), a_secret("s")
        await kube.apply(theirs, manager="two")
        alone = kube.objects(SECRET)[0]
        await kube.apply(mine, manager="one", force=True)
        await kube.apply(theirs, manager="two", force=True)
        stored = await kube.apply(bare, manager="one")
        assert stored.get("data") == alone.get("data")
        for part in ("labels", "ownerReferences"):
            found, wanted = (item["metadata"].get(part) for item in (stored, alone))
            assert sorted(found or [], key=str) == sorted(wanted or [], key=str)
        assert ObjectRef.of(stored) == ObjectRef.of(alone)

    asyncio.run(run())

"""The local copy of a collection."""

import pytest

from bartizan.api.kinds import NAMESPACE, SECRET
from bartizan.core.model import ObjectRef
from bartizan.kube.store import Store


def secret(name, version, *, namespace="shop", uid="u"):
    """Return a Secret of that version."""
    meta = {"name": name, "namespace": namespace, "resourceVersion": str(version), "uid": uid}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta}


def ref(name, namespace="shop"):
    """Return the reference of that Secret."""
    return ObjectRef(api_version="v1", kind="Secret", namespace=namespace, name=name)


@pytest.mark.parametrize(
    ("versions", "held", "taken"),
    [
        pytest.param((5,), "5", [True], id="the first is taken"),
        pytest.param((5, 6), "6", [True, True], id="a newer one is taken"),
        pytest.param((10, 9), "10", [True, False], id="an older one is not, and 9 is older than 10"),
        pytest.param((5, 5), "5", [True, False], id="the same again is no change"),
        pytest.param(("a", "b"), "b", [True, True], id="versions that are not numbers: the later message"),
    ],
)
def test_only_newer_versions_are_taken(versions, held, taken):
    """A stale event never overwrites newer state."""
    store = Store()
    assert [store.apply(secret("s", version)) for version in versions] == taken
    found = store.get(ref("s"))
    assert found is not None
    assert found["metadata"]["resourceVersion"] == held


def test_replace_tells_what_changed_came_and_vanished():
    """A listing is compared with what was held; what stayed the same is not told."""
    store = Store()
    for item in (secret("same", 1), secret("changed", 1), secret("gone", 1), secret("elsewhere", 1, namespace="other")):
        store.apply(item)
    listed = [secret("same", 1), secret("changed", 2), secret("new", 3)]
    told = store.replace(SECRET, listed, namespace="shop")
    assert told == {ref("changed"), ref("gone"), ref("new")}
    assert store.list(SECRET, "shop") == [secret("same", 1), secret("changed", 2), secret("new", 3)]
    assert store.list(SECRET) == [*store.list(SECRET, "shop"), secret("elsewhere", 1, namespace="other")]


def test_replace_believes_a_listing_whose_versions_went_back():
    """After a restore of etcd an older number is the truth."""
    store = Store()
    store.apply(secret("s", 100))
    assert store.replace(SECRET, [secret("s", 7)]) == {ref("s")}
    assert store.list(SECRET) == [secret("s", 7)]


def test_replace_sees_an_object_made_anew():
    """The same name with another uid is a change."""
    store = Store()
    store.apply(secret("s", 7))
    assert store.replace(SECRET, [secret("s", 7, uid="other")]) == {ref("s")}


def test_delete_tells_whether_it_was_there():
    """Deleting what is not held is no change."""
    store = Store()
    store.apply(secret("s", 1))
    assert [store.delete(ref("s")), store.delete(ref("s"))] == [True, False]
    assert (store.get(ref("s")), store.list(SECRET), store.list(NAMESPACE)) == (None, [], [])


@pytest.mark.parametrize("kinds", [pytest.param((), id="as they are"), pytest.param((SECRET,), id="packed")])
def test_what_is_held_is_told_the_same_however_it_is_held(kinds):
    """Packed or not: an object, its version, all versions and listings by namespace and mark are the same."""
    store = Store(packed=kinds, mark=lambda item: item["metadata"]["name"][:1])
    items = [secret(f"{letter}{number:03d}", number) for number in range(400) for letter in "ab"]
    for item in (*items, secret("a", 1, namespace="other")):
        store.apply(item)
    assert store.list(SECRET, "shop") == items
    assert store.list(SECRET, "shop", mark="b") == items[1::2]
    assert [store.get(ref(item["metadata"]["name"])) for item in items] == items
    versions = store.versions(SECRET, "shop")
    assert (versions[ref("a399")][1], versions.get(ref("c"))) == ("399", None)
    assert store.versions(SECRET, "other") == {ref("a", "other"): ("u", "1")}
    assert len(store.versions(SECRET)) == 801
    assert (store.delete(ref("a399")), store.delete(ref("a399")), store.get(ref("a399"))) == (True, False, None)


def test_a_packed_object_that_changes_is_told_as_it_is_now():
    """What is at hand is never older than what is held, also after a listing."""
    store = Store(packed=(SECRET,))
    store.apply(secret("s", 1))
    store.get(ref("s"))
    store.apply(secret("s", 2, uid="v"))
    assert store.get(ref("s")) == secret("s", 2, uid="v")
    store.replace(SECRET, [secret("s", 3)], namespace="shop")
    assert store.get(ref("s")) == secret("s", 3)
    store.replace(SECRET, [], namespace="shop")
    assert store.get(ref("s")) is None

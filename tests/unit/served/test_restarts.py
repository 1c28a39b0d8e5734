"""One pod at a time, for all reasons at once."""

from datetime import UTC, datetime, timedelta

import pytest

from bartizan.api.names import PROBE_LABEL
from bartizan.api.v1alpha1 import Restarted
from bartizan.core.gaps.pods import slim_pod
from bartizan.core.restarts import GLANCE, PATIENCE, next_restart
from bartizan.core.served.pods import PodFacts, pods_of
from bartizan.testing import a_pod, a_policy_view

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
LAST = Restarted(pod="a", uid="uid-a", at=NOW - timedelta(minutes=1), of=2)


def pod(name, minutes=60, **changes):
    """A pod that has run for so many minutes."""
    return PodFacts(namespace="shop", name=name, uid=f"uid-{name}", started=NOW - timedelta(minutes=minutes), **changes)


def step(pods, wanted, last=None, **changes):
    """Whom the next step evicts, what is remembered, and what is said."""
    found = next_restart(pods, {f"uid-{name}": "reason" for name in wanted}, last, now=NOW, **changes)
    return found.evict.ref.name if found.evict else None, found.restarted, found.words


CASES = {
    "nothing is wanted": ((pod("a"), pod("b")), "", None, None, ()),
    "the oldest first": ((pod("a", 5), pod("b", 50)), "ab", None, "b", ("pod b is to be evicted",)),
    "one that serves nobody before one that does": ((pod("a", 50), pod("b", 5, ready=False)), "ab", None, "b", ("pod b is to be evicted",)),
    "not while another one leaves": ((pod("a", leaving=True), pod("b")), "ab", LAST, None, ("waits until a is gone",)),
    "not while a successor is not ready": ((pod("b"), pod("c", 0, ready=False)), "b", LAST, None, ("waits until c is ready",)),
    "not before there is a successor": ((pod("b"),), "b", LAST, None, ("waits for the successor of pod a",)),
    "then the next one": ((pod("b"), pod("c", 0)), "b", LAST, "b", ("pod b is to be evicted",)),
    "fewer pods for good": ((pod("b"),), "b", LAST.model_copy(update={"at": NOW - PATIENCE}), "b", ("pod b is to be evicted",)),
    "the one that was chosen until it goes": ((pod("a", 5), pod("b", 50)), "ab", LAST, "a", ("pod a is to be evicted",)),
    "nobody replaces it": ((pod("a", replaced=False),), "a", None, None, ("nothing replaces a: delete it yourself",)),
    "one of two is replaced": ((pod("a", replaced=False), pod("b")), "ab", None, "b", ("nothing replaces a: delete it yourself", "pod b is to be evicted")),
}  # fmt: skip


@pytest.mark.parametrize(("pods", "wanted", "last", "evicted", "words"), CASES.values(), ids=CASES)
def test_one_at_a_time(pods, wanted, last, evicted, words):
    """The next pod goes only when all others are there and ready."""
    found, _, said = step(pods, wanted, last)
    assert (found, said) == (evicted, words)


def test_what_is_chosen_is_remembered_and_kept():
    """A choice bears its time and how many pods there were; asking again about the same pod does not change it."""
    pods = (pod("a"), pod("b", 5))
    chosen = Restarted(pod="a", uid="uid-a", at=NOW, of=2)
    assert step(pods, "ab")[1] == chosen
    assert step(pods, "ab", chosen)[1] == chosen
    assert step(pods, "", chosen)[1] == chosen
    held = step(pods, "ab", chosen, refused="no")
    assert held == ("a", chosen, ("pod a is to be evicted and may not leave yet: no",))


def test_the_very_pod_is_evicted_and_looked_after():
    """The eviction names the uid, and the next look is soon."""
    found = next_restart((pod("a"),), {"uid-a": ""}, None, now=NOW)
    assert found.evict is not None
    assert (found.evict.uid, found.evict.ref.namespace, found.look_after) == ("uid-a", "shop", GLANCE)


ORDERS = a_policy_view("orders")
BEGAN = {"state": {"running": {"startedAt": "2026-06-01T11:00:00Z"}}}


def observed(name="orders-0", *, owner="ReplicaSet", labels=None, meta=None, **status):
    """A pod as the API server has it."""
    item = a_pod(name, labels={"app": "orders", **(labels or {})})
    owners = [{"kind": owner, "name": "x", "uid": "u", "controller": True}] if owner else []
    item["metadata"] = {**item["metadata"], "uid": f"uid-{name}", "ownerReferences": owners, **(meta or {})}
    return {**item, "status": {"phase": "Running", "containerStatuses": [BEGAN], **status}}


FACTS = {
    "running": (observed(), {"ready": False}),
    "ready": (observed(conditions=[{"type": "Ready", "status": "True"}]), {}),
    "the oldest container counts": (observed(containerStatuses=[{"state": {"running": {"startedAt": "2026-06-01T11:30:00Z"}}}, BEGAN, {"state": {"waiting": {}}}]), {"ready": False}),
    "no container runs": (observed(containerStatuses=[{"state": {"waiting": {"reason": "x"}}}]), {"ready": False, "started": None}),
    "leaving": (observed(meta={"deletionTimestamp": "2026-06-01T12:00:00Z"}), {"ready": False, "leaving": True}),
    "nobody's": (observed(owner=None), {"ready": False, "replaced": False}),
    "a job's": (observed(owner="Job"), {"ready": False, "replaced": False}),
}  # fmt: skip


@pytest.mark.parametrize(("item", "changes"), FACTS.values(), ids=FACTS)
def test_pods_are_read_slimmed_or_not(item, changes):
    """What restarts need of a pod survives the slimming that keeps memory small."""
    began = {"started": NOW - timedelta(hours=1), **changes}
    facts = (PodFacts(namespace="shop", name="orders-0", uid="uid-orders-0", **began),)
    assert (pods_of(ORDERS, [item]), pods_of(ORDERS, [slim_pod(item)])) == (facts, facts)


def test_whose_pods_they_are():
    """Pods that the selector selects; no finished ones, no probes, no other namespace's."""
    others = (
        observed("finished", phase="Succeeded"), observed("probe", labels={PROBE_LABEL: "orders"}),
        observed("far", meta={"namespace": "elsewhere"}), observed("other", labels={"app": "web"}),
    )  # fmt: skip
    assert [one.name for one in pods_of(ORDERS, [*others, observed("b"), observed("a")])] == ["a", "b"]

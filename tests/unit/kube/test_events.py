"""Events: one object per sentence, counted, bounded, and never an error."""

from datetime import timedelta

import pytest

from bartizan.api.kinds import EVENT
from bartizan.core.model import ObjectRef
from bartizan.core.plan import Event
from bartizan.kube.errors import ForbiddenError
from bartizan.kube.events import EventRecorder, event_name
from bartizan.testing import FakeClock, FakeKube, a_policy

ABOUT = ObjectRef.of(a_policy())


def an_event(message="The Secret belongs to Helm.", **parts):
    """Return a Warning about the policy orders."""
    fixed = {"about": ABOUT, "uid": "u-1", "type": "Warning", "reason": "SecretNotOurs"}
    return Event(**{**fixed, "message": message, **parts})


@pytest.fixture
def clock():
    """A clock under the test's control."""
    return FakeClock()


@pytest.fixture
def kube(clock):
    """An API server in memory."""
    return FakeKube(clock=clock)


async def test_what_is_written(kube, clock):
    """An Event says about whom, what, why and by whom, in the words of events.k8s.io/v1."""
    await EventRecorder(kube, instance="pod-1", clock=clock).record(an_event())
    (stored,) = kube.objects(EVENT)
    stored["metadata"] = {key: stored["metadata"][key] for key in ("name", "namespace", "labels")}
    assert stored == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {
            "name": event_name(an_event()),
            "namespace": "shop",
            "labels": {"app.kubernetes.io/managed-by": "bartizan"},
        },
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reportingController": "bartizan.dev/controller",
        "reportingInstance": "pod-1",
        "action": "Reconcile",
        "reason": "SecretNotOurs",
        "type": "Warning",
        "note": "The Secret belongs to Helm.",
        "regarding": {
            "apiVersion": "bartizan.dev/v1alpha1",
            "kind": "ServiceSecurityPolicy",
            "name": "orders",
            "namespace": "shop",
            "uid": "u-1",
        },
    }


async def test_repetitions_are_counted_and_written_once_a_minute(kube, clock):
    """Ten times in a minute is one write; the next one afterwards carries the whole count."""
    recorder = EventRecorder(kube, clock=clock)
    for _ in range(10):
        await recorder.record(an_event())
    assert len(kube.writes) == 1
    await clock.advance(timedelta(minutes=1))
    await recorder.record(an_event())
    (stored,) = kube.objects(EVENT)
    assert stored["series"] == {"count": 11, "lastObservedTime": "2026-01-01T00:01:00.000000Z"}


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"message": "Something else."}, id="message"),
        pytest.param({"reason": "CAKeyLost"}, id="reason"),
        pytest.param({"type": "Normal"}, id="type"),
        pytest.param({"action": "Issue"}, id="action"),
        pytest.param({"uid": "u-2"}, id="an object made anew"),
    ],
)
def test_whatever_is_immutable_is_in_the_name(other):
    """Events that differ in anything that may not change are different objects."""
    assert event_name(an_event()) != event_name(an_event(**other))


async def test_flood_is_bounded(kube, clock):
    """Beyond the burst, events are dropped and counted; time makes room again."""
    recorder = EventRecorder(kube, clock=clock, rate=1, burst=3)
    for number in range(10):
        await recorder.record(an_event(f"number {number}"))
    assert (len(kube.writes), recorder.dropped) == (3, 7)
    await clock.advance(timedelta(seconds=1))
    await recorder.record(an_event("later"))
    assert len(kube.writes) == 4


async def test_memory_is_bounded(kube, clock):
    """Only so many series are remembered; a forgotten one is taken up again from the object."""
    recorder = EventRecorder(kube, clock=clock, remembered=1)
    for message in ("a", "b", "a"):
        await recorder.record(an_event(message))
        await clock.advance(timedelta(seconds=5))
    counts = {item["note"]: (item.get("series") or {}).get("count", 1) for item in kube.objects(EVENT)}
    assert counts == {"a": 2, "b": 1}


async def test_refusal_is_not_the_callers_trouble(kube, clock):
    """Without permission nothing is raised, and the next event is tried."""
    recorder = EventRecorder(kube, clock=clock)
    kube.fail_next(ForbiddenError("no events for you"))
    await recorder.record(an_event("a"))
    await recorder.record(an_event("b"))
    assert [item["note"] for item in kube.objects(EVENT)] == ["b"]


async def test_note_is_cut_to_what_the_server_takes(kube, clock):
    """A note has at most 1024 bytes and no half characters."""
    await EventRecorder(kube, clock=clock).record(an_event("ä" * 600 + "x"))
    (stored,) = kube.objects(EVENT)
    assert stored["note"] == "ä" * 512


def test_name_fits():
    """The longest object name still makes a valid Event name."""
    about = ObjectRef(api_version="v1", kind="Secret", namespace="shop", name="a" * 253)
    name = event_name(an_event(about=about))
    assert len(name) == 253

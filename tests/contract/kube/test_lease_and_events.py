"""Leadership and Events need nothing from the API server but apply and get."""

import asyncio
from datetime import timedelta

from bartizan.api.kinds import EVENT, LEASE, SECRET
from bartizan.core.model import ObjectRef
from bartizan.core.plan import Event
from bartizan.kube.errors import ConflictError
from bartizan.kube.events import EventRecorder, event_name
from bartizan.kube.lease import HOLDER, MAKER, Leadership, Timing

QUICK = Timing(
    duration=timedelta(seconds=3), renew_deadline=timedelta(seconds=2), retry_period=timedelta(milliseconds=200)
)


class Candidate:
    """A Leadership that runs in a task and remembers what it was told."""

    def __init__(self, place, identity):
        self.told = []
        self.started = asyncio.Event()
        self.leadership = Leadership(place.api, place.namespace, "leader", identity, timing=QUICK)
        self._task = None

    def _start(self):
        self.told.append("started")
        self.started.set()

    async def __aenter__(self):
        self._task = asyncio.create_task(self.leadership.run(self._start, lambda: self.told.append("stopped")))
        return self

    async def __aexit__(self, *_):
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def test_one_of_two_leads_and_hands_over(place):
    """Of two candidates one leads; when it leaves, the other leads, and the lease ends up released and tidy."""
    one, two = Candidate(place, "one"), Candidate(place, "two")
    async with asyncio.timeout(30), two:
        async with one:
            await asyncio.sleep(1)
            assert sorted((one.told, two.told)) == [[], ["started"]]
            assert [one.leadership.is_leader, two.leadership.is_leader].count(True) == 1
        await two.started.wait()
        assert one.told in ([], ["started", "stopped"])
    assert two.told == ["started", "stopped"]
    lease = await place.api.get(ObjectRef.of(place.an_object(LEASE, "leader")))
    assert lease["spec"]["holderIdentity"] == ""
    assert {entry["manager"] for entry in lease["metadata"]["managedFields"]} == {MAKER, HOLDER}


async def test_two_writers_of_one_version_make_one_winner(place):
    """Of two applies under one manager on one resourceVersion, exactly one succeeds: what the election rests on."""
    made = await place.api.apply(place.an_object(LEASE, "l", spec={"leaseDurationSeconds": 15}), manager=MAKER)
    version = made["metadata"]["resourceVersion"]
    tries = [
        place.api.apply(
            place.an_object(LEASE, "l", {"resourceVersion": version}, spec={"holderIdentity": name}), manager=HOLDER
        )
        for name in ("one", "two")
    ]
    results = await asyncio.gather(*tries, return_exceptions=True)
    assert sorted(isinstance(result, ConflictError) for result in results) == [False, True]


async def test_repeated_event_is_counted_and_survives_its_writer(place):
    """One sentence is one Event object; its count goes on when another replica says it."""
    about = ObjectRef.of(place.an_object(SECRET, "s"))
    event = Event(about=about, uid="u-1", type="Warning", reason="FieldConflict", message="It belongs to Helm.")
    one = EventRecorder(place.api, instance="one", quiet=timedelta(0))
    await one.record(event)
    await one.record(event)
    await EventRecorder(place.api, instance="two").record(event)
    stored = await place.api.get(
        ObjectRef(api_version=EVENT.api_version, kind=EVENT.kind, namespace=place.namespace, name=event_name(event))
    )
    assert stored["series"]["count"] == 3
    assert (stored["reportingInstance"], stored["note"], stored["regarding"]["name"]) == ("one", event.message, "s")


async def test_event_about_a_cluster_wide_object(place):
    """An object without a namespace has its Events in `default`, which a real cluster always has."""
    await place.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}, manager="one")
    about = ObjectRef(api_version="bartizan.dev/v1alpha1", kind="TrustDomain", namespace="", name="default")
    event = Event(about=about, uid=place.namespace, type="Normal", reason="Issued", message="An authority was made.")
    await EventRecorder(place.api).record(event)
    ref = ObjectRef(api_version=EVENT.api_version, kind=EVENT.kind, namespace="default", name=event_name(event))
    assert (await place.api.get(ref))["regarding"]["kind"] == "TrustDomain"
    await place.api.delete(ref)

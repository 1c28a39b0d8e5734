"""A reflector ends up in step, and told of every change, whatever happened to its stream."""

import asyncio
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.api.kinds import SECRET
from bartizan.core.model import ObjectRef
from bartizan.kube.errors import UnavailableError
from bartizan.kube.reflector import Reflector
from bartizan.kube.store import Store
from bartizan.testing import FakeClock, FakeKube, a_secret

names = st.sampled_from(["a", "b", "c"])
step = st.one_of(
    st.tuples(st.just("put"), names, st.sampled_from(["QQ==", "Qg=="])),
    st.tuples(st.just("remove"), names, st.none()),
    st.tuples(st.just("end streams"), st.none(), st.none()),
    st.tuples(st.just("break streams"), st.none(), st.none()),
    st.tuples(st.just("forget history"), st.none(), st.none()),
    st.tuples(st.just("remove in a gap"), names, st.none()),
    st.tuples(st.just("put in a gap"), names, st.sampled_from(["QQ==", "Qg=="])),
    st.tuples(st.just("refuse"), st.none(), st.integers(1, 3)),
    st.tuples(st.just("wait"), st.none(), st.floats(0, 400)),
)


async def do(kube: FakeKube, clock: FakeClock, what: str, name: str, value: object) -> None:
    """Do one step."""
    ref = ObjectRef.of(a_secret(name or "none"))
    match what:
        case "put":
            kube.put(a_secret(name, data={"k": value}))
        case "remove":
            if kube.peek(ref):
                kube.remove(ref)
        case "remove in a gap" | "put in a gap":
            kube.break_watches()
            await do(kube, clock, what.split(maxsplit=1)[0], name, value)
            kube.compact()
        case "end streams":
            kube.break_watches()
        case "break streams":
            kube.break_watches(UnavailableError("reset"))
        case "forget history":
            kube.compact()
        case "refuse":
            kube.fail_next(UnavailableError("down"), times=int(str(value)))
        case _:
            await clock.advance(timedelta(seconds=float(str(value))))


async def live_through(steps) -> None:
    """Mirror the collection by what on_change tells alone, and compare at the end."""
    clock = FakeClock()
    kube, store, mirror = FakeKube(clock=clock), Store(), {}

    def on_change(ref: ObjectRef) -> None:
        mirror[ref] = store.get(ref)

    task = asyncio.create_task(Reflector(kube, SECRET, store, on_change, clock=clock).run())
    try:
        for each in steps:
            await do(kube, clock, *each)
            await clock.settle()
        # As many refusals as a run can queue, each waited out for at most half a minute.
        await clock.advance(timedelta(minutes=40))
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    expected = {ObjectRef.of(item): item for item in kube.objects(SECRET)}
    assert {ObjectRef.of(item): item for item in store.list(SECRET)} == expected
    assert {ref: item for ref, item in mirror.items() if item is not None} == expected


@settings(max_examples=80, deadline=None)
@given(st.lists(step, max_size=25))
def test_in_step_in_the_end(steps):
    """Whoever listens to on_change alone knows the collection as it is, once the server has answered again."""
    asyncio.run(live_through(steps))

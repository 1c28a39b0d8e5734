"""Rotations from beginning to end, with kills, clocks, wishes and two controllers at once: what must hold always holds."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.kube.errors import KubeError
from property.pki.cluster import Cluster, Process


async def rotated(role, *, crash=None, takes_effect=False) -> Cluster:
    """Tell the story of one forced rotation, killed at the write numbered `crash`."""
    cluster = Cluster()
    await cluster.until_stable()
    cluster.wish(request={"id": "first", "role": role})
    cluster.kube.writes.clear()
    cluster.kube.writes_left, cluster.kube.takes_effect = crash, takes_effect
    await cluster.until_stable()
    return cluster


@pytest.mark.parametrize("role", ["Root", "Issuing"])
async def test_a_rotation_ends(role):
    """A forced rotation ends with the next generation alone: in Secrets, status, chains and bundles."""
    cluster = await rotated(role)
    root, issuing = (2, 2) if role == "Root" else (1, 2)
    assert cluster.summary() == {
        "authorities": [("Root", root, "Active"), ("Issuing", issuing, "Active")],
        "secrets": [f"Issuing-{issuing}", f"Root-{root}"],
        "phase": "Stable",
        "request": "first",
        "certificates": {name: ([f"Issuing-{issuing}"], [f"Root-{root}"]) for name in ("orders-tls", "stock-tls")},
    }


@pytest.mark.parametrize("role", ["Root", "Issuing"])
@pytest.mark.parametrize("takes_effect", [False, True], ids=["before", "after"])
def test_killed_at_any_write_it_ends_the_same(role, takes_effect):
    """Killed before or after any one write, a controller that remembers nothing comes to the same end (I4), and I1 to I3, I5 hold."""

    async def tell() -> None:
        quiet = await rotated(role)
        end = quiet.summary()
        for crash in range(len(quiet.kube.writes)):
            cluster = await rotated(role, crash=crash, takes_effect=takes_effect)
            assert cluster.kube.writes_left is None, f"nobody was killed at write {crash}"
            assert cluster.summary() == end, f"killed at write {crash}"

    asyncio.run(tell())


WISHES = st.sampled_from(
    [
        {"request": {"id": "a", "role": "Root"}},
        {"request": {"id": "b", "role": "Issuing"}},
        {"request": {"id": "c", "role": "Root"}, "abort": "c"},
        {"request": {"id": "a", "role": "Root"}, "abort": "a"},
        {"abort": "current"},
        {},
    ]
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(1, 90)),
        st.tuples(st.just("days"), st.integers(1, 6)),
        st.tuples(st.just("crash"), st.tuples(st.integers(0, 6), st.booleans())),
        st.tuples(st.just("wish"), WISHES),
        st.tuples(st.just("restart"), st.none()),
        st.tuples(st.just("two"), st.lists(st.integers(0, 6), max_size=12)),
    ),
    min_size=4,
    max_size=24,
)


async def two_at_once(cluster, delays) -> None:
    """Let two controllers look at the same time, each answered when `delays` says."""
    other = Process(cluster.kube, cluster.clock)
    cluster.kube.delays = list(delays)
    answers = await asyncio.gather(cluster.process.look(), other.look(), return_exceptions=True)
    cluster.kube.delays = []
    for answer in answers:
        assert answer is None or isinstance(answer, KubeError), repr(answer)
    cluster.judge()


async def walk(cluster, steps) -> None:
    """Let everything happen that may; `Cluster.judge` asserts at each look."""
    await cluster.settle_down()
    for what, how in steps:
        match what:
            case "wait":
                cluster.clock.at += timedelta(minutes=how)
            case "days":
                for _ in range(how * 24):
                    cluster.clock.at += timedelta(hours=1)
                    await cluster.look()
            case "crash":
                cluster.kube.writes_left, cluster.kube.takes_effect = how
            case "wish":
                cluster.wish(**how)
            case "restart":
                cluster.restart()
            case "two":
                cluster.kube.writes_left = None
                await two_at_once(cluster, how)
        await cluster.look()
        await cluster.look()
    cluster.kube.writes_left = None


@settings(max_examples=30, deadline=None)
@given(steps=STEPS, settle=st.sampled_from(["2m", "1h"]))
def test_whatever_happens_nobody_is_cut_off(steps, settle):
    """Waits, kills, wishes, two controllers: I1 to I3 and I5 hold at every look, and in the end no rotation is left half done."""

    async def play() -> None:
        cluster = Cluster(lifetime="2h", settle=settle)
        await walk(cluster, steps)
        await cluster.until_stable(at_most=2000)
        states = [(one["role"], one["state"]) for one in cluster.status["authorities"]]
        assert states == [("Root", "Active"), ("Issuing", "Active")]

    asyncio.run(play())


@settings(max_examples=10, deadline=None)
@given(
    blows=st.lists(st.tuples(st.integers(0, 90), st.integers(0, 3), st.integers(0, 8)), min_size=1, max_size=4),
    takes_effect=st.booleans(),
)
def test_whatever_is_distrusted_is_gone_in_the_end(blows, takes_effect):
    """Authorities distrusted at any moment, with kills: none of them is left in the end, and somebody signs (I3, I5 hold)."""

    async def play() -> None:
        cluster = Cluster(lifetime="2h", distrusted=True)
        await cluster.settle_down()
        named: set[str] = set()
        for minutes, which, crash in blows:
            cluster.clock.at += timedelta(minutes=minutes)
            listed = [one["id"] for one in cluster.status["authorities"]]
            named.add(listed[which % len(listed)])
            cluster.wish(distrust=sorted(named), request={"id": "root", "role": "Root"})
            cluster.kube.writes_left, cluster.kube.takes_effect = crash, takes_effect
            for _ in range(4):
                await cluster.look()
        cluster.kube.writes_left = None
        await cluster.until_stable(at_most=2000)
        left = {one["id"]: (one["role"], one["state"]) for one in cluster.status["authorities"]}
        assert not named & left.keys()
        assert sorted(left.values()) == [("Issuing", "Active"), ("Root", "Active")]

    asyncio.run(play())

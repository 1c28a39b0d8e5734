"""What the count of handshakes rests on: a volume that is never half new, a sum that loses nothing, calls that are waited for."""

import threading
import time
from collections import Counter

import pytest

from bench import handshakes
from handshakes.calling import Caller, HandshakeError, State, Target
from handshakes.snapshot import take
from handshakes.story import CONTROL, Outcome
from handshakes.tally import KEPT, Cell, Tally, added
from handshakes.volume import Volume, generation

TARGET = Target("server", 1, "server.mesh.svc", "spiffe://mesh.example/ns/mesh/sa/server")


def content(text):
    """Return the files of one publication."""
    leaf = f"{text}\n-----END CERTIFICATE-----\n".encode()
    return {"tls.crt": leaf + b"the rest", "tls.key": text.encode(), "ca.crt": text.encode()}


def test_a_volume_is_swapped_by_one_rename(tmp_path):
    """All files change together, through the link that the kubelet moves, and the ones before are gone."""
    volume = Volume(tmp_path / "identity")
    volume.publish(content("one"))
    first = generation(volume.folder)
    volume.publish(content("two"))
    assert {name: (volume.folder / name).read_bytes() for name in ("tls.key", "ca.crt")} == {
        "tls.key": b"two",
        "ca.crt": b"two",
    }
    assert sorted(path.name for path in volume.folder.iterdir()) == sorted(
        ["..data", generation(volume.folder), "tls.crt", "tls.key", "ca.crt"]
    )
    assert first != generation(volume.folder)


def test_a_snapshot_stays_as_it_was(tmp_path):
    """Who has read a volume once keeps what it read, certificate and chain apart, whatever is published later."""
    volume = Volume(tmp_path / "identity")
    volume.publish(content("one"))
    files = take(volume.folder, tmp_path / "kept")
    volume.publish(content("two"))
    assert [path.read_bytes() for path in (files.certificate, files.chain, files.key, files.bundle)] == [
        b"one\n-----END CERTIFICATE-----\n",
        b"the rest",
        b"one",
        b"one",
    ]


def test_tallies_add_up():
    """Counts of several processes are summed cell by cell; of each phase's failures the first keep their words."""
    cell, other = Cell("a", "b", "1.3", "first"), Cell("a", "b", "1.3", "second")
    tallies = [Tally(), Tally()]
    for tally in tallies:
        tally.succeeded(cell)
        for number in range(KEPT + 5):
            tally.fell(cell, f"no {number}")
        tally.fell(other, "other")
        tally.answered("b", well=True)
    total = added(tally.dumped() for tally in tallies)
    assert (total.ok, total.failed) == (Counter({cell: 2}), Counter({cell: 2 * (KEPT + 5), other: 2}))
    assert [one.error for one in total.failures] == [*(f"no {number}" for number in range(KEPT)), "other"] * 2
    assert (total.served, total.refused) == (Counter({"b": 2}), Counter())


class Slow:
    """A client whose calls end when a test says so."""

    name = "slow"

    def __init__(self):
        self.begun, self.go = threading.Event(), threading.Event()

    def call(self, target, version):
        """Wait, and fail."""
        self.begun.set()
        self.go.wait()
        raise HandshakeError(f"{target.name} {version}")


def test_calls_of_before_are_waited_for():
    """A call that began before the last word to its client is stale until it ends, and is counted under its own phase."""
    tally, client = Tally(), Slow()
    caller = Caller(tally)
    caller.start(client, share=1.0, first=0)
    caller.follow(State("first", (TARGET,), frozenset({"slow"}), 0.0))
    assert client.begun.wait(10)
    caller.follow(State("second", (), frozenset(), 0.0))
    assert caller.stale == 1
    client.go.set()
    deadline = time.monotonic() + 10
    while caller.stale and time.monotonic() < deadline:
        time.sleep(0.001)
    assert (caller.stale, tally.failed) == (0, Counter({Cell("slow", "server", "1.2", "first"): 1}))
    assert [one.error for one in tally.failures] == ["HandshakeError: server 1.2"]


@pytest.fixture
def told():
    """A run of two handshakes and a control of one, which failed."""
    cells = [
        Cell("envoy-1", "python-frozen-a", "1.3", "1. root: before"),
        Cell("python", "envoy-1", "1.2", "1. root: before"),
    ]
    before, control = Tally(), Tally()
    for tally in (before, control):
        for cell in cells:
            tally.succeeded(cell)
    control.fell(Cell("python", "envoy-1", "1.2", CONTROL), "SSLError: unknown issuer")
    none = dict.fromkeys(("handshake", "connection_error", "fail_verify_error"), 0)
    counters = {"envoy-1": {"server": {**none, "handshake": 1}, "python-frozen-a": {**none, "handshake": 1}}}
    return Outcome(
        before=before,
        control=control,
        phases=["1. root: before", CONTROL],
        passed=[("Root", "Prepared"), ("", "Stable")],
        renewals={"python": 3},
        counters=counters,
        control_counters=counters,
        refusals={"envoy-1": []},
        seconds=2.0,
        frozen_lives=[20.0],
    )


def test_the_document_tells_control_and_run_apart(told):
    """The control's failures are in its own row and in no sum."""
    phases, pairs, counters = handshakes.result(told).tables
    assert phases.rows == (
        ("1. root: before", "2", "2", "0"),
        ("**all**", "**2**", "**2**", "**0**"),
        (CONTROL, "1", "0", "1"),
    )
    assert (pairs.head, pairs.rows) == (
        ("client", "→ envoy-1", "→ python-frozen"),
        (("envoy-1", "0 / 0", "1 / 0"), ("python", "1 / 0", "0 / 0")),
    )
    assert counters.rows == (("envoy-1 as server", "1", "1", "0", "0"), ("envoy-1 as client", "1", "1", "0", "0"))

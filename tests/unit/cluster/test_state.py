"""A state file is judged by living processes of this boot, and read back exactly as written."""

import os
import signal
from pathlib import Path

import pytest

from cluster import processes, state, teardown
from cluster.progress import Reporter
from cluster.state import Process, State

OWNER = Process("owner", 10, 100)
ETCD = Process("etcd", 11, 101, ("etcd", "--x"), "/l")
API = Process("kube-apiserver", 12, 102)


def recorded(**changes):
    """Return a running cluster's state with these changes."""
    return State(
        **{
            "name": "dev", "provider": "local", "lane": "1.37", "node": False, "phase": "running", "owner": OWNER,
            "boot": "b", "processes": (ETCD, API), **changes,
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("found", "living", "boot", "verdict"),
    [
        pytest.param(recorded(), {ETCD, API}, "b", "running", id="its processes live"),
        pytest.param(recorded(), {ETCD}, "b", "stale", id="the API server died"),
        pytest.param(recorded(processes=(ETCD,)), {ETCD}, "b", "stale", id="it never had an API server"),
        pytest.param(recorded(), {ETCD, API}, "c", "stale", id="it is of an earlier boot"),
        pytest.param(recorded(phase="starting"), {OWNER}, "b", "busy", id="a living run starts it"),
        pytest.param(recorded(phase="stopping"), {OWNER}, "b", "busy", id="a living run stops it"),
        pytest.param(recorded(phase="starting"), {ETCD, API}, "b", "stale", id="the run that started it died"),
        pytest.param(recorded(provider="kind", processes=()), set(), "b", "running", id="kind keeps its own processes"),
    ],
)
def test_a_state_is_judged_by_what_lives(found, living, boot, verdict):
    """Running, busy or stale follows from phase, boot and processes alone."""
    assert state.judge(found, living.__contains__, boot) == verdict


def test_a_state_is_read_back_as_written():
    """JSON keeps every field; anything else is refused."""
    assert state.from_json(state.to_json(recorded())) == recorded()
    with pytest.raises(ValueError, match="not a state file of this version"):
        state.from_json('{"name": "dev"}')


def test_a_role_has_one_process():
    """A restarted program takes the place of its predecessor."""
    again = Process("etcd", 99, 999)
    assert recorded().with_process(again).processes == (API, again)


def test_a_reused_process_id_is_not_ours():
    """The same id with another start time is somebody else's process and is never signalled."""
    mine = processes.myself()
    somebody = Process("etcd", mine.pid, mine.started - 1)
    assert (processes.alive(mine), processes.alive(somebody)) == (True, False)
    processes.send(somebody, signal.SIGKILL)
    assert processes.alive(mine)


def test_a_program_is_started_apart_and_stopped(tmp_path):
    """A started program has its own session and log, and is gone after `stop`, without a zombie."""
    log = tmp_path / "log"
    process = processes.start("sleeper", ["sh", "-c", "echo up; exec sleep 60"], log)
    assert os.getsid(process.pid) == process.pid
    while log.read_text() != "up\n":
        assert processes.alive(process)
    processes.stop([process])
    assert (processes.alive(process), Path(f"/proc/{process.pid}").exists()) == (False, False)


def test_stale_and_unreadable_runs_are_swept(tmp_path, monkeypatch):
    """The next start removes folders of dead runs and of unreadable states, and leaves a living run alone."""
    monkeypatch.setenv("BARTIZAN_CACHE", str(tmp_path))
    boot = processes.boot_id()
    state.save(recorded(name="dead", boot="an earlier boot"))
    state.save(recorded(name="busy", phase="starting", owner=processes.myself(), boot=boot))
    (tmp_path / "run" / "torn").mkdir()
    (tmp_path / "run" / "torn" / state.FILE).write_text("{")
    said = []
    teardown.sweep(Reporter(said.append, live=False))
    assert (state.names(), said) == (
        ["busy"],
        ["removing what a dead run left of cluster dead", "removing the unreadable leftovers of cluster torn"],
    )


def test_mounts_are_undone_from_the_inside_out():
    """Only mounts at or below the folder count, a longer name beside it does not, and the innermost goes first."""
    table = "\n".join(
        f"x {point} tmpfs rw 0 0" for point in ("/", "/run/a", "/run/a/k", "/run/ab", "/run/a/k/v\\0401", "/var")
    )
    assert teardown.mounts_below(Path("/run/a"), table) == ["/run/a/k/v 1", "/run/a/k", "/run/a"]

"""A cluster must leave the machine as it found it, however it ends: these tests look for every kind of trace."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import cluster
from cluster import cache, state

NAME = f"it-{os.getpid()}"
OTHER = f"other-{os.getpid()}"
HACK = Path(cluster.__file__).parents[1]

pytestmark = [
    pytest.mark.api,
    pytest.mark.skipif(os.geteuid() != 0, reason="the local provider needs root for network namespaces"),
    pytest.mark.skipif(shutil.which("go") is None, reason="the local provider needs Go 1.26"),
]


def traces(name):
    """Return everything on this machine that carries the cluster's name or lives in its folder."""
    folder = str(cache.run_dir(name))
    found = [f"netns {p.name}" for p in Path("/run/netns").glob(f"bartizan-{name}")]
    found += [
        f"mount {line.split()[1]}" for line in Path("/proc/self/mounts").read_text().splitlines() if folder in line
    ]
    found += [f"cgroup {p}" for p in Path("/sys/fs/cgroup").glob(f"**/bartizan-{name}")]
    found += [f"cni {p.name}" for p in Path("/var/lib/cni/results").glob(f"bartizan-{name}-*")]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            argv = (process / "cmdline").read_bytes()
        except OSError:
            continue
        if folder.encode() in argv:
            found.append(f"process {process.name} {argv[:80]!r}")
    if Path(folder).exists():
        found.append(f"folder {folder}")
    return found


def links():
    """Return the harness's host ends of veth pairs."""
    return {p.name for p in Path("/sys/class/net").glob("bzh*")}


def known_links():
    """Return the host ends that the clusters recorded now (of whichever run) own."""
    return {found.host_link for name in state.names() if (found := state.load(name)) is not None}


def cli(*args):
    """Start the command line as a person would, in a process that takes Ctrl-C."""
    code = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from cluster.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, *args],
        env={**os.environ, "PYTHONPATH": str(HACK)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(autouse=True)
def _nothing_left():
    """Whatever a test did, its clusters are gone afterwards."""
    yield
    for name in (NAME, OTHER):
        cluster.down(name)


def test_a_control_plane_starts_serves_and_leaves_nothing():
    """A control plane answers as administrator within 15 s of a warm start, and `down` removes every trace, twice."""
    cluster.tool("kubectl")
    started = time.monotonic()
    made = cluster.up(NAME, node=False, provider="local")
    took = time.monotonic() - started
    found = cluster.find(NAME)
    version = made.kubectl("get", "--raw", "/version").stdout
    made.kubectl("create", "namespace", "probe")
    link = f"bzh{made.host_ip.split('.')[2]}"
    assert found == made
    assert '"minor": "37"' in version
    assert link in links()
    assert '"resource":"namespaces"' in made.audit_log.read_text()
    made.down()
    made.down()
    assert (traces(NAME), link in links(), cluster.find(NAME)) == ([], False, None)
    assert took < 15


def test_two_clusters_stand_side_by_side():
    """Two clusters share nothing: other subnets, and what is made in one is not in the other."""
    one = cluster.up(NAME, node=False, provider="local")
    two = cluster.up(OTHER, node=False, provider="local")
    one.kubectl("create", "namespace", "only-here")
    namespaces = two.kubectl("get", "namespaces", "-o", "name").stdout.split()
    assert one.api_url != two.api_url
    assert "namespace/only-here" not in namespaces
    assert "namespace/default" in namespaces


def test_the_api_server_comes_back_with_its_objects():
    """`restart_apiserver` returns when the server answers again, with what was stored before."""
    made = cluster.up(NAME, node=False, provider="local")
    made.kubectl("create", "namespace", "kept")
    made.restart_apiserver()
    assert made.kubectl("get", "namespace", "kept", "-o", "name").stdout == "namespace/kept\n"


@pytest.mark.parametrize("delay", [0.5, 1.0, 2.5])
def test_an_interrupted_start_leaves_nothing(delay):
    """Ctrl-C at any point of a start ends with exit code 130 and no trace."""
    known = known_links()
    run = cli("up", "--control-plane-only", "--provider", "local", "--name", NAME)
    time.sleep(delay)
    run.send_signal(signal.SIGINT)
    said, _ = run.communicate(timeout=60)
    orphans = links() - known - known_links()
    assert (run.returncode, traces(NAME), orphans) == (130, [], set()), said


@pytest.mark.parametrize("delay", [0.5, 2.0])
def test_a_killed_start_is_swept_by_the_next(delay):
    """What a start killed with SIGKILL leaves is removed when any cluster is started next."""
    run = cli("up", "--control-plane-only", "--provider", "local", "--name", NAME)
    time.sleep(delay)
    run.kill()
    run.communicate(timeout=60)
    cluster.up(OTHER, node=False, provider="local")
    assert traces(NAME) == []


def test_a_cluster_survives_the_command_that_started_it():
    """A cluster started by the command line still answers when the command is long gone, and `down` ends it."""
    run = cli("up", "--control-plane-only", "--provider", "local", "--name", NAME)
    said, _ = run.communicate(timeout=120)
    assert run.returncode == 0, said
    made = cluster.find(NAME)
    assert made.kubectl("get", "--raw", "/readyz").stdout == "ok"
    down = cli("down", "--name", NAME)
    said, _ = down.communicate(timeout=60)
    assert (down.returncode, traces(NAME)) == (0, []), said


def test_an_existing_cluster_is_used_and_left(monkeypatch):
    """With KUBECONFIG set that cluster is used under the run's own name, and `down` does not touch it."""
    made = cluster.up(NAME, node=False, provider="local")
    monkeypatch.setenv("KUBECONFIG", str(made.kubeconfig))
    said = []
    borrowed = cluster.up(OTHER, node=False, progress=said.append)
    borrowed.down()
    assert said == ["provider existing: KUBECONFIG is set"]
    assert (borrowed.name, borrowed.provider, borrowed.api_url) == (OTHER, "existing", made.api_url)
    assert borrowed.kubectl("get", "--raw", "/readyz").stdout == "ok"
    assert cluster.find(NAME) == made

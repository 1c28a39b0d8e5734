"""Orders that ask for certificates, and answers that fit into a termination message."""

import json
from datetime import UTC, datetime

import pytest

from bartizan.core.network.probe_wire import (
    Answer,
    Target,
    UnreadableProbeError,
    answer,
    orders,
    read_answer,
    read_orders,
)
from bartizan.core.network.probing import MOST_CLOSED, MOST_OPEN
from bartizan.core.served.leaf import ServedLeaf
from bartizan.core.served.looks import MOST_LOOKS


def a_leaf(number: int, **changes) -> ServedLeaf:
    """A certificate that differs from those of other numbers."""
    parts = {
        "fingerprint": f"{number:064x}", "authority": f"{number:040x}", "serial": f"{2**159 + number:x}",
        "not_after": datetime(2026, 12, 1, tzinfo=UTC),
    }  # fmt: skip
    return ServedLeaf(**{**parts, **changes})


def test_orders_say_which_ports_are_asked():
    """A port that is asked bears a mark more; the others read as ever."""
    targets = (Target("10.0.0.1", 80, awaited=True), Target("10.0.0.1", 443, awaited=True, tls=True))
    assert orders(targets) == '[["10.0.0.1",80,1],["10.0.0.1",443,1,1]]'
    assert read_orders(orders(targets)) == targets


ANSWERS = {
    "nothing asked": (),
    "one certificate of two pods": (a_leaf(1), a_leaf(1), "plain", "unclear", a_leaf(2)),
    "no authority, no serial": (a_leaf(1, authority="", serial=""),),
    "an odd serial": (a_leaf(1, serial="abc"),),
}


@pytest.mark.parametrize("served", ANSWERS.values(), ids=ANSWERS)
def test_answers_come_back_as_they_were(served):
    """What a probe saw survives the way through the pod's status."""
    said = Answer(alive=True, outcomes=("open", "timeout"), served=served)
    assert read_answer(answer(said), targets=2, looks=len(served)) == said


def test_the_largest_answer_fits():
    """As many connections and different certificates as a run can have stay within what the kubelet keeps."""
    most = Answer(
        alive=False,
        outcomes=("timeout",) * (MOST_OPEN + MOST_CLOSED + 1),
        served=tuple(a_leaf(n) for n in range(MOST_LOOKS)),
    )
    assert len(answer(most).encode()) <= 4096
    assert read_answer(answer(most), targets=len(most.outcomes), looks=MOST_LOOKS).served == most.served


def test_what_does_not_fit_is_not_seen():
    """An answer that would be cut off gives up its last certificates, and nothing else."""
    most = Answer(alive=True, outcomes=("timeout",) * 200, served=tuple(a_leaf(n) for n in range(MOST_LOOKS)))
    kept = read_answer(answer(most), targets=200, looks=MOST_LOOKS)
    seen = [one for one in kept.served if one != "unclear"]
    assert len(answer(most)) <= 4096
    assert (kept.outcomes, 0 < len(seen) < MOST_LOOKS, tuple(seen)) == (most.outcomes, True, most.served[: len(seen)])


GOOD = json.loads(answer(Answer(alive=True, outcomes=(), served=(a_leaf(1),))))
BAD = {
    "a place that is not there": {"served": [1]},
    "a place before the first": {"served": [-1]},
    "a yes for a place": {"served": [True]},
    "another word": {"served": ["open"]},
    "fewer than asked": {"served": []},
    "no list": {"served": "plain"},
    "a fingerprint too short": {"leaves": [["AA", "", "", 1]]},
    "a fingerprint that is none": {"leaves": [["?" * 43, "", "", 1]]},
    "letters of another script": {"leaves": [["ä" * 43, "", "", 1]]},
    "a long authority": {"leaves": [[GOOD["leaves"][0][0], "A" * 80, "", 1]]},
    "a time that is none": {"leaves": [[GOOD["leaves"][0][0], "", "", "soon"]]},
    "a time beyond counting": {"leaves": [[GOOD["leaves"][0][0], "", "", 10**18]]},
    "a field less": {"leaves": [["A" * 43, "", ""]]},
}


@pytest.mark.parametrize("change", BAD.values(), ids=BAD)
def test_other_answers_are_refused(change):
    """An answer in unknown words is no answer, and never an error of another kind."""
    with pytest.raises(UnreadableProbeError):
        read_answer(json.dumps({**GOOD, **change}), targets=0, looks=1)

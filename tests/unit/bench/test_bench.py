"""The parts of the benches that compute: a wrong percentile would be believed for years."""

import re
from pathlib import Path

import pytest

from bartizan.core.network.compile import compile_network
from bartizan.core.views import read_policy
from bartizan.testing import a_snapshot
from bench.__main__ import BENCHES
from bench.landscape import EDGES, Landscape, names
from bench.numbers import percentile
from bench.repair import meaning
from bench.result import Result, Table, put, section

ROOT = Path(__file__).parents[3]
DOCUMENT = (ROOT / "docs" / "reference" / "benchmarks.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([7.0], 0.99, 7.0),
        ([3.0, 1.0, 2.0, 4.0], 0.5, 2.0),
        (list(range(1, 101)), 0.99, 99),
        (list(range(1, 51)), 0.99, 50),
    ],
    ids=["one value is every percentile", "the lower middle", "the 99th of a hundred", "too few for p99: the largest"],
)
def test_percentiles_are_nearest_rank(values, share, expected) -> None:
    """A percentile is a value that was measured, never one in between."""
    assert percentile(values, share) == expected


def test_no_values_have_no_percentile() -> None:
    """Measuring nothing is an error and not a zero."""
    with pytest.raises(ValueError, match="nothing was measured"):
        percentile([], 0.5)


def _section(name: str, cell: str) -> str:
    return section(Result(name, name.title(), "How.", (Table(("a", "b"), ((cell, "2"),)),)), "2026-01-01; one core")


def test_a_section_replaces_its_former_self_only() -> None:
    """Writing a bench's result again leaves every other section as it was, in its place."""
    document = put(put("# Head\n", "one", _section("one", "old")), "two", _section("two", "kept"))
    again = put(document, "one", _section("one", r"new \1"))
    assert again == document.replace("old", r"new \1")
    assert again.index("<!-- bench one -->") < again.index("<!-- bench two -->")


def test_every_service_of_the_landscape_calls_five_that_list_it() -> None:
    """Each policy has five edges out, and whoever it calls declares it."""
    land = Landscape("x", 3, 20)
    policies = {(item["metadata"]["namespace"], item["metadata"]["name"]): item for item in land.policies()}
    assert len(policies) == 60
    assert {len(called) for called in land.calls.values()} == {EDGES}
    for caller, called in land.calls.items():
        for key in called:
            assert {"from": {"service": caller[1], "namespace": caller[0]}} in policies[key]["spec"]["network"][
                "ingress"
            ]


def test_a_network_policy_names_whom_the_service_calls_and_who_calls_it() -> None:
    """What the revocation bench waits for is in the compiled object as long as the edge is there, on both sides."""
    land = Landscape("x", 2, 6)
    uids = [{**item, "metadata": {**item["metadata"], "uid": str(item["metadata"])}} for item in land.policies()]
    snapshot = a_snapshot(*map(read_policy, uids))
    for key, policy in snapshot.policies.items():
        written = compile_network(policy, snapshot).network_policy
        callers = {caller for caller, called in land.calls.items() if key in called}
        assert {peer for peer in land.keys if names(written, peer)} == land.calls[key] | callers


def test_a_secret_means_its_keys_and_not_their_bytes() -> None:
    """A repaired Secret holds another key: what must be as before is which entries it has, and that none is a stub."""
    assert meaning({"type": "t", "data": {"tls.key": "x" * 200, "evil": "x"}, "metadata": {}}) == {
        "type": "t",
        "data": {"tls.key": True, "evil": False},
    }


def test_every_bench_has_been_run() -> None:
    """The document has a section of each bench, each with date and load."""
    sections = re.findall(r"<!-- bench (\w+) -->\n\n## .+?\n\n.+?\n\n\*\d{4}-\d\d-\d\d; .+load average.+\*\n", DOCUMENT)
    assert sorted(sections) == sorted(BENCHES)


@pytest.mark.parametrize(
    ("row", "measured"),
    [("a control plane alone, ready", "control plane alone, ready"), ("`make demo`", "`make demo`, nothing running")],
)
def test_the_readme_says_what_was_measured(row, measured) -> None:
    """The README's warm times are the medians of the benchmarks, in whole seconds."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (said,) = [line.split("|")[3].strip() for line in readme.splitlines() if line.startswith(f"| {row} |")]
    (line,) = [line for line in DOCUMENT.splitlines() if line.startswith(f"| {measured} |")]
    seconds = round(float(line.split("|")[4].strip().removesuffix(" s")))
    assert said == (f"{seconds} s" if seconds < 60 else f"{seconds // 60} min {seconds % 60:02d} s")

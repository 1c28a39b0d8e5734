"""What docs/reference/network-parity.md says was measured, and what it must say."""

from collections.abc import Mapping
from pathlib import Path

from parity.network.asking import DIFFERENCES
from parity.network.examples import OUTCOMES, Outcome

PAGE = Path("docs/reference/network-parity.md")


def block(root: Path, name: str) -> str:
    """Return the lines of the page between the marks of a block."""
    return (root / PAGE).read_text().split(f"<!-- {name}: measured -->\n")[1].split(f"<!-- {name}: end -->")[0]


def matrix(counts: Mapping[str, int]) -> str:
    """Return the block about the fixed corpus."""
    rows = [(name, counts[name]) for name in ("cases", "NetworkPolicies emitted", "flows", "allowed", "all four agree")]
    differences = [(name, counts[name]) for name in DIFFERENCES]
    explained = [*rows, *differences, ("unexplained", counts["unexplained"])]
    return (
        "\n".join(["| what | count |", "|---|---|", *(f"| {name} | {count:,} |" for name, count in explained)]) + "\n"
    )


def examples(outcomes: Mapping[str, Outcome]) -> str:
    """Return the block about np-guard's examples: the score, then every example that is not judged, by name."""
    named = {kind: sorted(n for n, outcome in outcomes.items() if outcome.kind == kind) for kind in OUTCOMES}
    agree, differ = len(named["agrees"]), len(named["differs"])
    comparisons = sum(outcome.comparisons for outcome in outcomes.values())
    with_policies = sum(outcome.policies > 0 for outcome in outcomes.values() if outcome.kind == "agrees")
    score = (
        f"**{agree} of {agree + differ} judged examples agree** ({with_policies} of them with NetworkPolicies), in "
        f"{comparisons:,} comparisons of exact port ranges; {len(outcomes)} examples in all."
    )
    lines = [
        score,
        "",
        "| outcome | examples |",
        "|---|---|",
        *(f"| {kind} | {len(named[kind])} |" for kind in OUTCOMES),
        "",
    ]
    for kind in OUTCOMES[2:]:
        lines += [f"{kind[0].upper()}{kind[1:]}:", "", *(f"- `{name}`" for name in named[kind]), ""]
    return "\n".join(lines)

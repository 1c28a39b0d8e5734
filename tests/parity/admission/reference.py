"""What docs/reference/pod-security-parity.md says was measured, and what it must say."""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from judges.pod_security import Fixture

PAGE = Path("docs/reference/pod-security-parity.md")


def block(root: Path, name: str) -> str:
    """Return the lines of the page between the marks of a block."""
    return (root / PAGE).read_text().split(f"<!-- {name}: measured -->\n")[1].split(f"<!-- {name}: end -->")[0]


def fixtures(version: str, found: Iterable[Fixture]) -> str:
    """Return the block about the fixtures: how many of each level, all of which are judged right."""
    counts = Counter((fixture.level, fixture.passes) for fixture in found)
    total = sum(counts.values())
    rows = [f"| {level} | {counts[level, False]:,} | {counts[level, True]:,} |" for level in ("baseline", "restricted")]
    return "\n".join(
        [
            f"**{total:,} of {total:,} right** in Python and in CEL, at version {version} of the module.",
            "",
            "| level | to be refused | to be let through |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def live(counts: Mapping[str, tuple[int, int, int]]) -> str:
    """Return the block about the API server: for each form asked, and right, and impossible in Kubernetes."""
    rows = [
        f"| {form} | {asked:,} | {right:,} | {impossible:,} |" for form, (asked, right, impossible) in counts.items()
    ]
    return "\n".join(["| form | asked | right | no such pod in Kubernetes |", "|---|---|---|---|", *rows, ""])

"""docs/reference/cli.md is what the verbs say of themselves."""

from pathlib import Path

from bartizan.cli.reference import reference

ROOT = Path(__file__).parents[3]


def test_committed_reference_is_current():
    """docs/reference/cli.md is what `python -m bartizan.cli.reference` prints."""
    assert (ROOT / "docs/reference/cli.md").read_text() == reference()

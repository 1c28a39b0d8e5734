"""`helm upgrade --reuse-values` hands the newest chart the values of the one that was installed, without what was added since."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from chart.rendering import CHART, ROOT

FIRST = ROOT / "tests" / "data" / "chart" / "first-values.yaml"
"""The values of the first chart."""


@pytest.fixture
def rendered(helm, tmp_path: Path) -> Callable[..., str]:
    """Renders the chart, with its own defaults or with the first chart's alone, less the keys that are made anew each time."""

    def run(*sets: str, reused: bool) -> str:
        chart = tmp_path / f"reused-{reused}"
        shutil.copytree(CHART, chart)
        if reused:
            shutil.copy(FIRST, chart / "values.yaml")
        words = [word for value in sets for word in ("--set", value)]
        done = helm(
            "template", "bartizan", str(chart), "--namespace", "bartizan-system", "--values", str(FIRST), *words
        )
        assert done.returncode == 0, done.stderr
        return re.sub(r"LS0t[\w+/=]+", "PEM", done.stdout)

    return run


@pytest.mark.parametrize(
    ("reused", "whole"),
    [
        ((), ()),
        # Resources and node selector have no default outside values.yaml: they stay out.
        (("prober.enabled=true",), ("prober.enabled=true", "prober.resources=null", "prober.nodeSelector=null")),
    ],
    ids=["as it was", "with the prober switched on"],
)
def test_values_of_the_first_chart_mean_the_defaults_of_all_that_came_since(rendered, reused, whole) -> None:
    """Nothing fails for a value that the release never had, and nothing is rendered otherwise than with today's values."""
    assert rendered(*reused, reused=True) == rendered(*whole, reused=False)

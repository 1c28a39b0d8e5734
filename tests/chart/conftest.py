"""The chart rendered by the real helm, with the values that installers use."""

import subprocess
from collections.abc import Callable

import pytest
import yaml

from chart.rendering import CASES, CHART, Rendered
from cluster import tool


@pytest.fixture(scope="session")
def helm() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs helm and returns what it said, whatever the outcome."""
    program = str(tool("helm"))

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([program, *args], capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def render(helm) -> Callable[..., Rendered]:
    """Renders the chart with files and `key=value` settings."""

    def run(*files: str, sets: tuple[str, ...] = (), namespace: str = "bartizan-system") -> Rendered:
        words = [word for file in files for word in ("--values", file)]
        words += [word for value in sets for word in ("--set", value)]
        done = helm("template", "bartizan", str(CHART), "--namespace", namespace, *words)
        assert done.returncode == 0, done.stderr
        return Rendered([item for item in yaml.safe_load_all(done.stdout) if item], done.stdout)

    return run


@pytest.fixture(scope="session")
def cases(render) -> dict[str, Rendered]:
    """Every case of the chart, rendered once."""
    return {name: render(*files) for name, files in CASES.items()}

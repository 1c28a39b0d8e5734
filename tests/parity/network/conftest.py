"""The judges, each started once for all tests of this folder."""

from collections.abc import Iterator

import pytest

from judges import Cyclonus, NpGuard


@pytest.fixture(scope="package")
def np_guard() -> Iterator[NpGuard]:
    """A running np-guard."""
    with NpGuard() as judge:
        yield judge


@pytest.fixture(scope="package")
def cyclonus() -> Iterator[Cyclonus]:
    """A running Cyclonus."""
    with Cyclonus() as judge:
        yield judge

"""The judges of certificates, each started once for all tests of this folder."""

from collections.abc import Iterator

import pytest

from judges import Certificates


@pytest.fixture(scope="package")
def judge() -> Iterator[Certificates]:
    """Go's verifier, zlint and go-spiffe, running."""
    with Certificates() as running:
        yield running

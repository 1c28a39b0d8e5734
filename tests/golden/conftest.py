"""Golden files: written once by eye, compared ever after.

After a change that is meant to change them, run `pytest tests/golden --update-golden` and read the difference that git shows
before committing it: the diff is the review.
"""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the switch that rewrites the expected files instead of comparing them."""
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files from what is observed")


@pytest.fixture(scope="session")
def update_golden(request: pytest.FixtureRequest) -> bool:
    """Whether expected files are rewritten; false where this file was loaded too late to add its option."""
    return bool(request.config.getoption("--update-golden", default=False))

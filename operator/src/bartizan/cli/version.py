"""`bartizan version`: what to write into a bug report."""

from typing import Final

from bartizan import __version__
from bartizan.api.names import API_VERSION
from bartizan.cli.epilog import epilog

EPILOG: Final = epilog(examples=("bartizan version",), exit_codes={0: "printed"})


def command() -> None:
    """Print the version of bartizan and of its API."""
    print(text())


def text() -> str:
    """Return what `bartizan version` and `bartizan --version` print."""
    return f"bartizan {__version__} ({API_VERSION})"

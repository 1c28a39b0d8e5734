"""The floors in force: those of the SecurityBaseline, or stand-ins that open less while it is missing or can't be read.

Deleting the object that holds the floors must not lower them, and must not go unnoticed either.
"""

from typing import Final

import structlog

from bartizan.api.names import KubeObject
from bartizan.core.views import NO_BASELINE, STRICT_BASELINE, Unreadable, read_baseline, without_baseline

_log: Final = structlog.get_logger("bartizan.floors")


class Floors:
    """What counts as the SecurityBaseline."""

    def __init__(self) -> None:
        """Begin as strict as can be: nothing was read yet."""
        self.spec = STRICT_BASELINE
        self.missing = True
        """Whether `spec` stands in for an object that does not exist."""

    def take(self, item: KubeObject | None) -> bool:
        """Take in the object as it now is, or that it is gone; return whether anything differs."""
        read = read_baseline(item) if item else without_baseline(self.spec)
        after = self.spec if isinstance(read, Unreadable) else read
        if (self.spec, self.missing) == (after, item is None):
            return False
        self.spec, self.missing = after, item is None
        self.tell()
        return True

    def tell(self) -> None:
        """Log an error if the object is missing: once when everything is listed, and when it goes."""
        if self.missing:
            _log.error("no floors", error=NO_BASELINE)

"""When the certificates of an authority that drains are issued anew: not all at once, and first those that end first.

The place of a certificate in the wave follows from what is left of its life, so that nothing has to be remembered and a
restart of the controller changes nothing. How many are issued a second is not decided here: that is the queue's budget.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


class Lasting(Protocol):
    """A certificate, as far as its turn depends on it."""

    @property
    def not_after(self) -> datetime:
        """Its last moment."""
        ...

    @property
    def span(self) -> timedelta:
        """From its first to its last moment."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """From when to when the certificates of an authority are issued anew."""

    start: datetime
    end: datetime
    """The same as `start`: all at once."""

    def due(self, leaf: Lasting) -> datetime:
        """Return when a certificate's turn is: those that end at the beginning of the wave at once, new ones at its end."""
        left = max(leaf.not_after - self.start, leaf.span * 0)
        share = min(left / leaf.span, 1.0) if leaf.span else 0.0
        return self.start + (self.end - self.start) * share

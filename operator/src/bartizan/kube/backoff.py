"""How long to wait before asking a troubled server again."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Doubles from `first` to `most`; jitter takes off up to half, so that replicas don't come back in step."""

    first: timedelta = timedelta(milliseconds=500)
    most: timedelta = timedelta(seconds=30)
    chance: Callable[[], float] = random.random
    """A number in [0, 1) for the jitter."""

    def delay(self, failures: int, asked: timedelta | None = None) -> timedelta:
        """Return the wait after so many failures in a row (1 or more).

        At least what the server `asked` for, and never more than `most`.
        """
        doubled = self.first * float(2 ** min(failures - 1, 32))
        waited = min(self.most, doubled) * (1 - self.chance() / 2)
        return min(self.most, max(waited, asked or timedelta(0)))

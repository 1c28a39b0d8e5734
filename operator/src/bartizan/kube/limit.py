"""A token bucket: the client's own promise not to crowd out the API server's other callers."""

import math
from datetime import timedelta
from typing import Final

from bartizan.kube.clock import Clock

DEFAULT_RATE: Final = 800.0
"""Requests a second in the long run. A certificate from nothing takes four, and 200 a second may be issued; our own processor
time is the bound before this one is. The API server's priority and fairness keeps the other callers safe; the bucket is for
loops that nobody foresaw."""
DEFAULT_BURST: Final = 800
"""Requests at once: the start-up of a cluster with some two hundred policies is not drawn out at all."""
_ROUNDING: Final = 1e-9
"""What sums of fractions of a token may lack of a whole one."""


class TokenBucket:
    """Lets `rate` callers a second pass, `burst` at once, in the order in which they came."""

    def __init__(self, clock: Clock, *, rate: float = DEFAULT_RATE, burst: int = DEFAULT_BURST) -> None:
        self._clock = clock
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at = clock.monotonic()

    def take(self) -> timedelta:
        """Take one token, on credit if need be, and return how long its taker has to wait for it."""
        self._refill()
        self._tokens -= 1
        return timedelta(seconds=max(0.0, -self._tokens / self._rate))

    def try_take(self) -> bool:
        """Take one token if there is one now."""
        if self.left() < 1:
            return False
        self._tokens -= 1
        return True

    def left(self) -> int:
        """Return how many whole tokens can be taken now."""
        self._refill()
        return max(0, math.floor(self._tokens + _ROUNDING))

    async def wait(self) -> None:
        """Return when it is the caller's turn."""
        delay = self.take()
        if delay > timedelta(0):
            await self._clock.sleep(delay)

    def _refill(self) -> None:
        now = self._clock.monotonic()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now

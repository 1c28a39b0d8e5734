"""Whose turn it is to be signed for: a budget of certificates a second, spent first on who has none, then on what ends first.

After a change of the issuing authority every certificate of the cluster is due at once. Signing them as their keys come up
would spend the budget on certificates that still last for hours while one that ends in a minute waits. So who is due asks for a
turn; who gets none is remembered by the end of its certificate and called when a certificate may be signed again. Only signing
waits here: a policy that waits for its turn has its NetworkPolicy written all the same.
"""

import asyncio
import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from bartizan.core.model import PolicyKey
from bartizan.kube.clock import Clock
from bartizan.kube.limit import TokenBucket

DEFAULT_RATE: Final = 200.0
"""Certificates a second. Twice what a cluster of thousands of services needs after a rotation, and what one processor signs
and writes at most; whoever must spare an external issuer or the API server sets less."""
_BURST_SHARE: Final = 10
"""A tenth of a second's budget may be spent at once: a handful of certificates never waits."""
_CALLED_FOR: Final = timedelta(seconds=30)
"""How long a turn is kept for who was called; who has not come by then needs none any more."""
_FIRST: Final = datetime.min.replace(tzinfo=UTC)


class Turns:
    """A queue in front of the signer, the most urgent first, and the budget. Belongs to one event loop."""

    def __init__(self, clock: Clock, call: Callable[[PolicyKey], None], *, rate: float = DEFAULT_RATE) -> None:
        """Spend `rate` certificates a second, a tenth of a second's worth (at least one) at once; `call` wakes a policy."""
        self._clock = clock
        self._call = call
        self._rate = rate
        self._budget = TokenBucket(clock, rate=rate, burst=max(1, int(rate / _BURST_SHARE)))
        self._heap: list[tuple[datetime, PolicyKey]] = []
        self._waiting: dict[PolicyKey, datetime] = {}
        self._called: dict[PolicyKey, float] = {}
        self._since: dict[PolicyKey, float] = {}
        self._wake = asyncio.Event()

    def __len__(self) -> int:
        """How many policies wait for a certificate."""
        return len(self._waiting)

    @property
    def longest_wait(self) -> timedelta:
        """How long the one that has waited longest for its turn has done so."""
        return timedelta(seconds=max((self._clock.monotonic() - since for since in self._since.values()), default=0))

    def take(self, key: PolicyKey, end: datetime | None) -> bool:
        """Return whether `key` may be signed for now, which spends one certificate of the budget.

        If not, it is called in its turn: first those whose `end` is None, then whose certificate ends first.
        """
        mine = (end or _FIRST, key)
        if key in self._called or (self._spare() > 0 and mine <= self._front(mine)):
            self._waiting.pop(key, None)
            self._called.pop(key, None)
            if self._budget.try_take():
                self._since.pop(key, None)
                return True
        return self._wait(mine)

    def spend(self) -> bool:
        """Spend one certificate on who stands in no line, as a pod that cannot start without it; False: there is none."""
        return self._spare() > 0 and self._budget.try_take()

    def drop(self, key: PolicyKey) -> None:
        """Forget that `key` waits: it needs no certificate."""
        self._since.pop(key, None)
        self._waiting.pop(key, None)
        self._called.pop(key, None)

    def clear(self) -> None:
        """Forget everybody who waits; what was spent stays spent."""
        self._heap.clear()
        self._waiting.clear()
        self._called.clear()
        self._since.clear()

    async def run(self) -> None:
        """Call who is next whenever a certificate may be signed, until cancelled."""
        while True:
            while not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            if self._spare() < 1:
                await self._clock.sleep(timedelta(seconds=1 / self._rate))
                self._forget_absent()
                continue
            _, key = self._front((_FIRST, ("", "")))
            heapq.heappop(self._heap)
            del self._waiting[key]
            self._called[key] = self._clock.monotonic()
            self._call(key)

    def _wait(self, mine: tuple[datetime, PolicyKey]) -> bool:
        end, key = mine
        self._since.setdefault(key, self._clock.monotonic())
        if self._waiting.get(key) != end:
            self._waiting[key] = end
            heapq.heappush(self._heap, mine)
            self._wake.set()
        return False

    def _front(self, otherwise: tuple[datetime, PolicyKey]) -> tuple[datetime, PolicyKey]:
        """Return who waits and is the most urgent; entries that were dropped or changed since are thrown away on the way."""
        while self._heap and self._waiting.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0] if self._heap else otherwise

    def _spare(self) -> int:
        """Return how many certificates may be signed now that nobody was called for."""
        return self._budget.left() - len(self._called)

    def _forget_absent(self) -> None:
        limit = self._clock.monotonic() - _CALLED_FOR.total_seconds()
        for key in [key for key, since in self._called.items() if since < limit]:
            del self._called[key]
            self._since.pop(key, None)

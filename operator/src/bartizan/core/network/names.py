"""What is remembered of a DNS name: addresses for as long as DNS vouches for them, and no longer.

An address comes in with an answer and goes when its time to live has run out and no later answer named it again, so the list
shrinks as well as grows. A server that does not answer says nothing about the name: what was known is kept for a while then
(RFC 8767), because cutting a service off is not what an unwell DNS asks for. An answer that the name is gone is an answer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from bartizan.core.model import ResolvedName

MOST_ADDRESSES: Final = 64
"""So that one name cannot grow a NetworkPolicy without end."""
LEAST: Final = timedelta(seconds=5)
"""A shorter time to live is taken for this: names are not asked more often."""
MOST: Final = timedelta(minutes=5)
"""A longer one is asked again after this all the same."""
GRACE: Final = timedelta(seconds=10)
"""How much longer an address stays: a client may have asked just before its time ran out, and dials after."""
AGAIN: Final = timedelta(seconds=10)
"""After how long a server that did not answer is asked again."""
STALE: Final = timedelta(hours=1)
"""How long the last answer is kept when no further one comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What DNS says of a name; no addresses mean that there are none. `problem` is a sentence where it said nothing."""

    addresses: tuple[str, ...] = ()
    ttl: timedelta = timedelta(0)
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is known of one name."""

    name: str
    until: Mapping[str, datetime] = field(default_factory=dict)
    """Address to the time until which it counts."""
    answered: datetime | None = None
    """When DNS last answered."""
    look_at: datetime
    """When to ask again."""
    problem: str = ""

    @property
    def resolved(self) -> ResolvedName:
        """What decisions see of it."""
        return ResolvedName(name=self.name, addresses=tuple(sorted(self.until)), problem=self.problem)


def remember(before: Memory | None, name: str, answer: Answer, now: datetime) -> Memory:
    """Return what is known of `name` after `answer`, given at `now`."""
    known = {address: until for address, until in (before.until if before else {}).items() if until > now}
    if answer.problem:
        answered = before.answered if before else None
        if before and answered and now < answered + STALE:
            known = {address: max(until, now + AGAIN + GRACE) for address, until in before.until.items()}
        return Memory(name=name, until=known, answered=answered, look_at=now + AGAIN, problem=answer.problem)
    span = min(max(answer.ttl, LEAST), MOST)
    fresh = {address: now + max(answer.ttl, LEAST) + GRACE for address in answer.addresses}
    until = _most_lasting({**known, **fresh}, fresh)
    return Memory(name=name, until=until, answered=now, look_at=min((now + span, *until.values())))


def _most_lasting(until: Mapping[str, datetime], fresh: Iterable[str]) -> dict[str, datetime]:
    """Return at most so many as are allowed: those of the last answer first, then those that last longest."""
    latest = set(fresh)
    order = sorted(until, key=lambda address: (address not in latest, -until[address].timestamp(), address))
    return {address: until[address] for address in order[:MOST_ADDRESSES]}

"""What the probers wrote, read as a judgement: which attempts contradict what was declared at their moment."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from packets.boutique import Edge


@dataclass(frozen=True)
class Attempt:
    """One connection or datagram exchange, tried once."""

    pod: str
    way: Edge
    began: float
    outcome: str


@dataclass(frozen=True)
class Record:
    """Everything one pod tried."""

    pod: str
    attempts: tuple[Attempt, ...]
    announced: int | None
    """How many it says it made when it ended; None if it has not."""
    complaints: tuple[str, ...]
    """What its Python had to say beside that: a broken prober proves nothing."""


def read(pod: str, source: str, lines: Iterable[str]) -> Record:
    """Read one pod's output."""
    attempts, complaints, announced = [], [], None
    for line in lines:
        if not line.startswith(("[", "{")):
            complaints.append(line)
            continue
        said = json.loads(line)
        if isinstance(said, dict):
            announced = said["end"]
            continue
        _number, began, target, port, protocol, outcome = said
        attempts.append(Attempt(pod, Edge(source, target, port, protocol), began, outcome))
    return Record(pod, tuple(attempts), announced, tuple(complaints))


@dataclass(frozen=True)
class Moments:
    """When what was done (Unix time)."""

    settled: float
    """Every pod answers and every policy is enforced."""
    change: float
    """The changed policies are applied and the rolling restart begins."""
    changed: float
    """Both have ended, and the changed NetworkPolicies stand."""
    end: float
    """No attempt after this is looked at."""


def during(attempts: Iterable[Attempt], first: float, last: float) -> list[Attempt]:
    """Return the attempts that began within these moments."""
    return [attempt for attempt in attempts if first <= attempt.began < last]


def lost(attempts: Iterable[Attempt], allowed: frozenset[Edge]) -> list[Attempt]:
    """Return the attempts at allowed ways that did not arrive."""
    return [attempt for attempt in attempts if attempt.way in allowed and attempt.outcome != "ok"]


def passed(attempts: Iterable[Attempt], forbidden: frozenset[Edge]) -> list[Attempt]:
    """Return the attempts at forbidden ways that were not dropped: an answer, and also a refusal, is a packet that came back."""
    return [attempt for attempt in attempts if attempt.way in forbidden and attempt.outcome != "timeout"]


def told(attempts: Iterable[Attempt], at: Moments) -> list[str]:
    """Return attempts as lines, by the seconds from the beginning of the change."""
    ordered = sorted(attempts, key=lambda attempt: attempt.began)
    return [f"{one.began - at.change:+.1f} s {one.pod}: {one.way}: {one.outcome}" for one in ordered]


def seldom(attempts: Iterable[Attempt], ways: frozenset[Edge], least: int) -> dict[str, int]:
    """Return the ways tried fewer than `least` times: what was not tried proves nothing."""
    counted = Counter(attempt.way for attempt in attempts)
    return {str(way): counted[way] for way in sorted(ways, key=str) if counted[way] < least}


def switched_once(attempts: Iterable[Attempt]) -> bool:
    """Whether the outcomes of one way, in the order of their beginnings, change at most once."""
    outcomes = [attempt.outcome == "ok" for attempt in sorted(attempts, key=lambda attempt: attempt.began)]
    return sum(one != other for one, other in pairwise(outcomes)) <= 1

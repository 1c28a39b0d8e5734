"""What the prober tells a probe pod, and what the pod says back: two short JSON texts.

The orders lie in an environment variable and the answer in the container's termination message, which the kubelet puts into the
pod's status. So neither logs nor `pods/exec` are needed, and no connection leads from the probe to the prober.
Source: `terminationMessagePath` of `k8s.io/api/core/v1` Container; the kubelet keeps 4096 bytes.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

Outcome: TypeAlias = Literal["open", "timeout", "refused", "failed"]
"""Connected; no answer; an answer that refuses; anything else, such as no route."""
_OUTCOMES: Final = frozenset(get_args(Outcome))
LONGEST_ANSWER: Final = 4096
"""Bytes of a termination message that the kubelet keeps."""


class UnreadableProbeError(ValueError):
    """Orders or an answer that this version does not understand."""


@dataclass(frozen=True, slots=True)
class Target:
    """One address to connect to."""

    host: str
    port: int
    awaited: bool
    """Whether a connection is expected, so that it is tried until it is made; otherwise until it fails."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a run saw."""

    alive: bool
    """Whether the run's own network worked: it reached the DNS service, which every policy admits."""
    outcomes: tuple[Outcome, ...]
    """One per target, in their order."""


def orders(targets: Iterable[Target]) -> str:
    """Return the targets as text."""
    return json.dumps([[one.host, one.port, int(one.awaited)] for one in targets], separators=(",", ":"))


def read_orders(text: str) -> tuple[Target, ...]:
    """Return the targets in `text`.

    Raises:
        UnreadableProbeError: the text is something else. It is not repeated in the message.
    """
    try:
        return tuple(Target(str(host), int(port), bool(awaited)) for host, port, awaited in json.loads(text))
    except (ValueError, TypeError):
        raise UnreadableProbeError("the targets are no JSON list of [host, port, awaited]") from None


def answer(said: Answer) -> str:
    """Return an answer as text."""
    return json.dumps({"alive": said.alive, "outcomes": list(said.outcomes)}, separators=(",", ":"))


def read_answer(text: str, *, targets: int) -> Answer:
    """Return the answer about so many targets.

    Raises:
        UnreadableProbeError: the text is something else; it begins the message.
    """
    try:
        found = json.loads(text)
        outcomes = tuple(found["outcomes"])
        alive = found["alive"]
    except (ValueError, TypeError, KeyError):
        raise UnreadableProbeError(f"the probe said {text[:80]!r}, which is no answer") from None
    if alive not in {True, False} or len(outcomes) != targets or not _OUTCOMES.issuperset(outcomes):
        raise UnreadableProbeError(
            f"the probe answered about {len(outcomes)} of {targets} targets, or in unknown words"
        )
    return Answer(alive=alive, outcomes=outcomes)

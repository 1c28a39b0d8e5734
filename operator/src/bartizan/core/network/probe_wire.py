"""What the prober tells a probe pod, and what the pod says back: two short JSON texts.

The orders lie in an environment variable and the answer in the container's termination message, which the kubelet puts into the
pod's status. So neither logs nor `pods/exec` are needed, and no connection leads from the probe to the prober.
Source: `terminationMessagePath` of `k8s.io/api/core/v1` Container; the kubelet keeps 4096 bytes.
"""

import ipaddress
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

Outcome: TypeAlias = Literal["open", "timeout", "refused", "failed"]
"""Connected; no answer; an answer that refuses; anything else, such as no route."""
_OUTCOMES: Final = frozenset(get_args(Outcome))
ANSWER_FILE: Final = "/dev/termination-log"
"""Where the kubelet looks for the answer if a container names no other file."""
_MOST_PORT: Final = 65535


class UnreadableProbeError(ValueError):
    """Orders or an answer that this version does not understand."""


@dataclass(frozen=True, slots=True)
class Target:
    """One address to connect to."""

    host: str
    """In orders to a probe pod always an IP address: looking up a name would send the name."""
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
        return tuple(_target(*parts) for parts in json.loads(text))
    except (ValueError, TypeError, RecursionError):
        raise UnreadableProbeError("the targets are no JSON list of [IP address, port, 1 if awaited else 0]") from None


def _target(host: str, port: int, awaited: int) -> Target:
    """Return one target; whatever else than an IP address and a port raises ValueError or TypeError."""
    if port not in range(1, _MOST_PORT + 1):
        raise ValueError(port)
    return Target(str(ipaddress.ip_address(str(host))), port, bool(awaited))


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
        known = isinstance(alive, bool) and _OUTCOMES.issuperset(outcomes)
    except (ValueError, TypeError, KeyError, RecursionError):
        raise UnreadableProbeError(f"the probe said {text[:80]!r}, which is no answer") from None
    if not known or len(outcomes) != targets:
        raise UnreadableProbeError(
            f"the probe answered about {len(outcomes)} of {targets} targets, or in unknown words"
        )
    return Answer(alive=alive, outcomes=outcomes)

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

from bartizan.core.served.wire import Shown, compact, expanded

Outcome: TypeAlias = Literal["open", "timeout", "refused", "failed"]
"""Connected; no answer; an answer that refuses; anything else, such as no route."""
_OUTCOMES: Final = frozenset(get_args(Outcome))
ANSWER_FILE: Final = "/dev/termination-log"
"""Where the kubelet looks for the answer if a container names no other file."""
_MOST_PORT: Final = 65535
_MOST_BYTES: Final = 4096


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
    tls: bool = False
    """Whether the port is only asked, by a TLS hello, for the certificate that it serves."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a run saw."""

    alive: bool
    """Whether the run's own network worked: it reached the DNS service, which every policy admits."""
    outcomes: tuple[Outcome, ...]
    """One per target that is connected to, in their order."""
    served: tuple[Shown, ...] = ()
    """One per target that is asked for its certificate, in their order."""


def orders(targets: Iterable[Target]) -> str:
    """Return the targets as text."""
    parts = ([one.host, one.port, int(one.awaited), *([1] if one.tls else [])] for one in targets)
    return json.dumps(list(parts), separators=(",", ":"))


def read_orders(text: str) -> tuple[Target, ...]:
    """Return the targets in `text`.

    Raises:
        UnreadableProbeError: the text is something else. It is not repeated in the message.
    """
    try:
        return tuple(_target(*parts) for parts in json.loads(text))
    except (ValueError, TypeError, RecursionError):
        form = "[IP address, port, 1 if awaited else 0, and 1 if asked for its certificate]"
        raise UnreadableProbeError(f"the targets are no JSON list of {form}") from None


def _target(host: str, port: int, awaited: int, tls: int = 0) -> Target:
    """Return one target; whatever else than an IP address and a port raises ValueError or TypeError."""
    if port not in range(1, _MOST_PORT + 1):
        raise ValueError(port)
    return Target(str(ipaddress.ip_address(str(host))), port, bool(awaited), bool(tls))


def answer(said: Answer) -> str:
    """Return an answer as text, short enough to be kept whole: the last certificates are left out where it is not."""
    shown = list(said.served)
    while True:
        more = compact(shown) if shown else {}
        text = json.dumps({"alive": said.alive, "outcomes": list(said.outcomes), **more}, separators=(",", ":"))
        last = next((place for place in reversed(range(len(shown))) if not isinstance(shown[place], str)), None)
        if len(text) <= _MOST_BYTES or last is None:
            return text
        shown[last] = "unclear"


def read_answer(text: str, *, targets: int, looks: int = 0) -> Answer:
    """Return the answer about so many targets, and so many that are asked for their certificate.

    Raises:
        UnreadableProbeError: the text is something else; it begins the message.
    """
    try:
        found = json.loads(text)
        outcomes = tuple(found["outcomes"])
        alive = found["alive"]
        known = isinstance(alive, bool) and _OUTCOMES.issuperset(outcomes)
        served = expanded(found.get("served", []), found.get("leaves", []))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        raise UnreadableProbeError(f"the probe said {text[:80]!r}, which is no answer") from None
    if not known or len(outcomes) != targets or len(served) != looks:
        raise UnreadableProbeError(
            f"the probe answered about {len(outcomes)} of {targets} targets and {len(served)} of {looks} certificates, "
            "or in unknown words"
        )
    return Answer(alive=alive, outcomes=outcomes, served=served)

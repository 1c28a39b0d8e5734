"""Creates pods at a steady rate, every second one forbidden, and counts what the API server says to each."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bartizan.api.names import KubeObject
from bartizan.core.checks.render import GATE
from bartizan.core.model import ObjectRef
from bartizan.kube.client import Client
from bartizan.kube.errors import ForbiddenError, InvalidError, KubeError
from chaos import pods

_BY_THE_GATE = f"ValidatingAdmissionPolicy '{GATE}'"
RATE = 5.0
"""Pods a second."""
_UNLIMITED = 1000
_UNDECIDED = ("failed to configure", "failed to find resource", "no params found", "not yet synced", "failed to sync")
"""What the API server says while it does not know the parameters of its policies: it refuses without having judged."""
_INJECTION = " J-0"
"""What a pod is refused for that the mutating policy did not add to, because that one does not know its parameters either."""


@dataclass
class Tally:
    """What became of the pods, by what they were."""

    admitted: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    undecided: Counter[str] = field(default_factory=Counter)
    """Refused because the API server could not judge: closed, and not for good."""
    unreached: Counter[str] = field(default_factory=Counter)
    """The API server was away, or said that it was too busy."""
    words: Counter[str] = field(default_factory=Counter)
    """What was said where it was no verdict of the gate's."""

    @property
    def forbidden_admitted(self) -> int:
        """How many forbidden pods there were let in: what must never be."""
        return sum(count for kind, count in self.admitted.items() if kind != "compliant")

    @property
    def compliant_refused(self) -> int:
        """How many compliant pods were judged and refused."""
        return self.refused["compliant"]

    @property
    def asked(self) -> int:
        """How many pods there were in all."""
        return sum(part.total() for part in (self.admitted, self.refused, self.undecided, self.unreached))


@asynccontextmanager
async def a_storm(kubeconfig: Path, *, rate: float = RATE) -> AsyncIterator[Tally]:
    """Create pods until the block ends; those that are let in are deleted at once."""
    tally = Tally()
    api = await Client.connect(kubeconfig, rate=_UNLIMITED, burst=_UNLIMITED)
    raging = asyncio.create_task(_rage(api, tally, rate))
    try:
        yield tally
    finally:
        raging.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await raging
        await api.close()


async def _rage(api: Client, tally: Tally, rate: float) -> None:
    name = f"storm-{secrets.token_hex(3)}"
    kinds = itertools.cycle([make for forbidden in pods.FORBIDDEN for make in (pods.compliant, forbidden)])
    begun = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in itertools.count():
            await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
            make = next(kinds)
            group.create_task(_try(api, tally, make.__name__, make(f"{name}-{number:05d}")))


async def _try(api: Client, tally: Tally, kind: str, pod: KubeObject) -> None:
    try:
        made = await api.create(pod, manager="storm")
    except (ForbiddenError, InvalidError) as error:
        said = str(error).rpartition("denied request: ")[2]
        judged = _BY_THE_GATE in str(error) and not any(words in said for words in _UNDECIDED)
        if judged and not (kind == "compliant" and _INJECTION in said):
            tally.refused[kind] += 1
        else:
            tally.undecided[kind] += 1
            tally.words[said[:160]] += 1
    except KubeError as error:
        tally.unreached[kind] += 1
        tally.words[type(error).__name__] += 1
    else:
        tally.admitted[kind] += 1
        with contextlib.suppress(KubeError):
            await api.delete(ObjectRef.of(made), uid=made["metadata"]["uid"])

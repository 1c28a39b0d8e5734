"""What happens to the mesh, phase by phase, and what is told of it in the end.

Certificates are renewed, the issuing authority and the root rotate through all their phases, a rotation is given up half-way,
all while everybody calls everybody. Last comes what must fail: a root replaced at once, without bridge or overlap. It shows
that the instrument sees a failed handshake, and is counted apart.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bartizan.core.pki.leaf import LeafView
from bartizan.core.pki.secret import read_certificate
from bench.waiting import until
from handshakes.bartizan import Bartizan
from handshakes.envoy import FLUSHED
from handshakes.mesh import ENVOYS, PLACES, PYTHON, Mesh, Times
from handshakes.tally import Tally

RENEWAL, CONTROL = "renewal of leaves", "control: root replaced at once"
BRIDGED = "a bridge in every chain"
_RELOADED = 1.0
"""Seconds in which a peer that reloads has read what is in its volume."""
_LABELS = {"Stable": "after"}
_SLACK, _LONGEST = 60.0, 3600.0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Chapter:
    """One part of the story."""

    kind: str
    """`leaves`, `Issuing`, `Root` or `abort`."""
    name: str
    frozen: bool = True
    """Whether peers that never reload begin with it."""


@dataclass
class Outcome:
    """What was seen."""

    before: Tally
    """Everything before the control."""
    control: Tally
    """The control included."""
    phases: list[str]
    """In order, as they were counted under."""
    passed: list[tuple[str, str]]
    """Role and phase of each step the TrustDomain's status told."""
    renewals: dict[str, int]
    """Certificates each reloading peer had before the control."""
    counters: dict[str, dict[str, dict[str, int]]]
    """Of each Envoy, before the control."""
    control_counters: dict[str, dict[str, dict[str, int]]]
    refusals: dict[str, list[str]]
    """Why each Envoy could not open connections, the control included."""
    seconds: float
    """Of the load before the control."""
    frozen_lives: list[float] = field(default_factory=list)
    """Seconds each pair of frozen peers served."""


class Teller:
    """Tells one story."""

    def __init__(self, folder: Path, times: Times, say: Say = lambda _line: None) -> None:
        """Use `folder` for volumes and logs."""
        self.bartizan = Bartizan(settle=times.settle, quiet=times.quiet)
        self.mesh = Mesh(self.bartizan, folder, times)
        self._times = times
        self._say = say
        self._places = _turns()
        self._leaving: set[asyncio.Task[None]] = set()
        self._serials: dict[str, set[str]] = {name: set() for name in (*ENVOYS, PYTHON)}
        self._phases: list[str] = []
        self._lives: list[float] = []
        self._title = ""
        self._told = self._asked = 0
        self._limit = (times.settle + 3 * times.frozen).total_seconds() + _SLACK

    async def tell(
        self, chapters: list[Chapter], *, handshakes: int = 0, again: Chapter | None = None, control: float = 5.0
    ) -> Outcome:
        """Run everything. Until there were `handshakes`, go on with the chapter `again`, or else with renewals.

        The control lasts `control` seconds at least.

        Raises:
            TimeoutError: a rotation did not come to its end.
        """
        async with self.bartizan.running(), self._peers(), self._watching():
            began = time.monotonic()
            for number, chapter in enumerate(chapters, 1):
                self._title = f"{number}. {chapter.name}"
                await self._chapter(chapter)
            self._title = f"{len(chapters) + 1}. {again.name if again else RENEWAL}"
            while again and not await self._enough(handshakes):
                await self._chapter(again)
            self._phase(f"{len(chapters) + (2 if again else 1)}. {RENEWAL}")
            await until(lambda: self._enough(handshakes), every=1, within=_LONGEST)
            await self._frozen_gone()
            await self.mesh.pause()
            seconds = time.monotonic() - began
            before, counters = await self.mesh.tally(), self._counters()
            renewals = {name: len(serials) for name, serials in self._serials.items()}
            await self._fail(control)
            return Outcome(
                before=before,
                control=await self.mesh.tally(),
                phases=self._phases,
                passed=list(self.bartizan.passed),
                renewals=renewals,
                counters=counters,
                control_counters=self._counters(),
                refusals={envoy.plan.name: envoy.refusals() for envoy in self.mesh.envoys},
                seconds=seconds,
                frozen_lives=self._lives,
            )

    async def _fail(self, seconds: float) -> None:
        """Replace the root at once and let everybody call for so long, or longer where nothing has failed by then."""
        await self._frozen_enter()
        self._phase(CONTROL)
        await asyncio.sleep(seconds / 4)
        await self.bartizan.start_anew()
        await asyncio.sleep(seconds)

        async def failed() -> bool:
            return bool((await self.mesh.tally()).failures)

        with contextlib.suppress(TimeoutError):
            await until(failed, every=1, within=_SLACK)
        await self.mesh.pause()
        await asyncio.sleep(2 * FLUSHED)

    async def _chapter(self, chapter: Chapter) -> None:
        await self._until(lambda: bool(self.bartizan.passed))
        self._told = len(self.bartizan.passed)
        self._phase(self._title if chapter.kind == "leaves" else f"{self._title}: before")
        if chapter.frozen:
            await self._frozen_enter()
        if chapter.kind == "leaves":
            await self._renewed(2)
            return
        self._asked += 1
        request = {"id": f"rotation-{self._asked}", "role": "Root" if chapter.kind == "abort" else chapter.kind}
        self.bartizan.ask(request=request)
        if chapter.kind == "abort":
            await self._until(lambda: "Publishing" in self._steps())
            await asyncio.sleep(self._times.settle.total_seconds() / 2)
            self.bartizan.ask(abort=request["id"])
        await self._until(lambda: self._steps()[1:] != [] and self._steps()[-1] == "Stable")

    def _steps(self) -> list[str]:
        """Return the phases passed in this chapter."""
        return [phase for _, phase in self.bartizan.passed[self._told :]] if self._told else []

    async def _until(self, reached: Callable[[], bool]) -> None:
        """Wait for a step of the chapter.

        Raises:
            TimeoutError: it took longer than every certificate's life; the message says what was passed.
        """

        async def so() -> bool:
            return reached()

        try:
            await until(so, every=0.05, within=self._limit)
        except TimeoutError:
            steps = " → ".join(self._steps()) or "nothing"
            raise TimeoutError(f"{self._title}: not within {self._limit:.0f} s; passed: {steps}") from None

    async def _enough(self, handshakes: int) -> bool:
        """Whether there have been so many."""
        return sum((await self.mesh.tally()).ok.values()) >= handshakes

    async def _renewed(self, times: int) -> None:
        before = {name: len(serials) for name, serials in self._serials.items()}
        await self._until(lambda: all(len(serials) >= before[name] + times for name, serials in self._serials.items()))

    async def _frozen_enter(self) -> None:
        """Start a pair of frozen peers, which leave by themselves when their certificates end."""
        place = next(self._places)
        await self._until(lambda: not any(task.get_name() == place for task in self._leaving))
        entered = time.monotonic()
        gone = await self.mesh.enter(place)

        async def leave() -> None:
            await asyncio.sleep((gone - datetime.now(UTC)).total_seconds())
            await self.mesh.leave(place)
            self._lives.append(time.monotonic() - entered)
            self._say(f"the frozen peers {place} have gone: their certificates end")

        task = asyncio.create_task(leave(), name=place)
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _frozen_gone(self) -> None:
        await asyncio.gather(*self._leaving)

    def _phase(self, name: str) -> None:
        self._phases.append(name)
        self._say(name)
        self.mesh.call(name)

    def _counters(self) -> dict[str, dict[str, dict[str, int]]]:
        return {envoy.plan.name: envoy.counters() for envoy in self.mesh.envoys}

    @asynccontextmanager
    async def _peers(self) -> AsyncIterator[None]:
        try:
            await self.mesh.start()
            yield
        finally:
            for task in self._leaving:
                task.cancel()
            self.mesh.end()

    @asynccontextmanager
    async def _watching(self) -> AsyncIterator[None]:
        """Follow what is published and name the phase of the load after the step that the rotation is at."""
        self._look()
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _watch(self) -> None:
        seen = 0
        while True:
            self._look()
            seen = max(seen, self._told)
            for phase in self._steps()[seen - self._told :]:
                self._phase(f"{self._title}: {_LABELS.get(phase, phase)}")
            seen = self._told + len(self._steps())
            await self._look_at_bridges()
            await asyncio.sleep(0.05)

    async def _look_at_bridges(self) -> None:
        """Count apart what happens once nobody but the frozen peers shows a certificate of the old root any more."""
        draining = f"{self._title}: Draining"
        if self._phases[-1:] == [draining] and self.mesh.bridged():
            await asyncio.sleep(_RELOADED)
            if self._phases[-1] == draining:
                self._phase(f"{draining}, {BRIDGED}")

    def _look(self) -> None:
        for name, serials in self._serials.items():
            serials |= {leaf.serial for leaf in _published(self.bartizan, name)}


def _turns() -> Iterator[str]:
    while True:
        yield from PLACES


def _published(bartizan: Bartizan, name: str) -> list[LeafView]:
    secret = bartizan.secret(name)
    leaf = read_certificate(secret) if secret else None
    return [leaf] if leaf else []

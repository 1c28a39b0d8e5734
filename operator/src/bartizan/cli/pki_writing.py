"""How `bartizan pki` writes a wish into a TrustDomain and follows what becomes of it.

The read and the write are tied by the object's version: if the TrustDomain changed in between, which it does at every step of a
rotation, everything is decided anew.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import typer

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import RotationStatus
from bartizan.cli.pki_reading import domain_of
from bartizan.core.network.expiry import spoken
from bartizan.core.pki.asking import ABORT, ROTATE, AskingError, Wish, given_back
from bartizan.core.pki.forecast_words import MEANING
from bartizan.core.pki.remembered import rotation_of
from bartizan.kube.api import KubeApi
from bartizan.kube.clock import Clock, SystemClock
from bartizan.kube.errors import ConflictError

_TRIES: Final = 5
_PAUSE: Final = timedelta(seconds=2)
_DECLINED: Final = 1
_WIDTH: Final = 118


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A wish that stands in the TrustDomain."""

    wish: Wish
    generation: int
    """The TrustDomain's, with the wish in it."""

    @property
    def request(self) -> str:
        """The id of the rotation that was asked for; empty: none was."""
        return str(self.wish.rotation.get("request", {}).get("id", ""))

    def over(self, item: KubeObject) -> bool:
        """Whether the controller has seen the wish and nothing rotates any more."""
        status = item.get("status") or {}
        record = rotation_of(status)
        seen = int(status.get("observedGeneration") or 0) >= self.generation
        return seen and record.phase == "Stable" and self.request in {"", record.request}


async def write(api: KubeApi, name: str, decide: Callable[[KubeObject], Wish]) -> Written:
    """Decide on the TrustDomain as it is now, write that, and return it.

    Raises:
        AskingError: it makes no sense, or another field manager keeps the field.
        KubeError: the API server refused the write.
    """
    tries = 0
    while True:
        item = await domain_of(api, name)
        wish = decide(item)
        try:
            back = given_back(item) if wish.manager == ROTATE else None
            if back:
                item = await api.apply(back, manager=ABORT)
            stored = await api.apply(wish.item(item), manager=wish.manager, force=wish.force)
        except ConflictError as error:
            tries += 1
            if error.fields:
                raise AskingError(
                    f"somebody else keeps {', '.join(error.fields)} of TrustDomain {name} ({error.message}); change it there: "
                    "--output yaml prints the lines"
                ) from None
            if tries == _TRIES:
                raise
            continue
        return Written(wish=wish, generation=int(stored["metadata"].get("generation") or 0))


def confirm(question: str, *, yes: bool) -> None:
    """Return if `yes` was said, or is said now.

    Raises:
        AskingError: nobody can be asked, as there is no terminal.
        typer.Exit: the answer was no; exit code 1.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise AskingError("nobody can be asked to confirm, as standard input is no terminal: add --yes")
    if not typer.confirm(question, err=True):
        print("nothing is written", file=sys.stderr)
        raise typer.Exit(_DECLINED)


class Progress:
    """Says each phase once, on a line of its own; on a terminal the line below it says what is waited for."""

    def __init__(self, say: Callable[[str], None] = print, *, live: bool | None = None) -> None:
        """Speak through `say`; `live` (None: if standard error is a terminal) rewrites a line there."""
        self._say = say
        self._live = sys.stderr.isatty() if live is None else live
        self._last = ""

    def tell(self, record: RotationStatus, now: datetime) -> None:
        """Take in what the status says."""
        if record.phase != self._last:
            self._last = record.phase
            self._rewrite("")
            since = spoken(record.since or now)
            self._say(
                f"{since}  {record.phase:<11} {'nothing rotates' if record.phase == 'Stable' else MEANING[record.phase]}"
            )
        if record.waiting_for:
            self._rewrite(f"  waits: {record.waiting_for[0]}")

    def _rewrite(self, text: str) -> None:
        if self._live:
            print(f"\r\x1b[K{text[:_WIDTH]}", end="", file=sys.stderr, flush=True)


async def follow(
    api: KubeApi, name: str, written: Written, progress: Progress, *, clock: Clock | None = None
) -> RotationStatus:
    """Look at the TrustDomain every two seconds until the wish is carried out; return how far it is then.

    Raises:
        AskingError: the TrustDomain is gone.
        KubeError: it cannot be read.
    """
    clock = clock or SystemClock()
    while True:
        item = await domain_of(api, name)
        record = rotation_of(item.get("status") or {})
        progress.tell(record, clock.now())
        if written.over(item):
            return record
        await clock.sleep(_PAUSE)

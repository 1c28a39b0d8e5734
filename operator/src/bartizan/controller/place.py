"""Where a controller runs, as whom, and with which limits: all that it is told once and that never changes afterwards."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, Protocol

from bartizan.controller.authorities import Release
from bartizan.controller.issuance import DEFAULT_RATE
from bartizan.core.network.proof import PROOF_AGE
from bartizan.core.pki.evidence import QUIET

_WORKERS: Final = 4
"""Keys in flight at once: enough to hide the API server's answer times, few enough to leave it alone."""


class Leadership(Protocol):
    """Who may write."""

    @property
    def is_leader(self) -> bool:
        """Whether this replica holds the Lease at this moment."""

    async def run(self, on_started: Callable[[], None], on_stopped: Callable[[], None]) -> None:
        """Try to hold the Lease until cancelled, then let go of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the controller runs and as whom."""

    release: Release
    account: str
    """The name of its ServiceAccount, in the release's namespace."""
    workers: int = _WORKERS
    prober: str = ""
    """The name of the prober's ServiceAccount there; empty: there is no prober."""
    proof_age: timedelta = PROOF_AGE
    vault_token: Path | None = None
    """The file of the token to log in to Vault with; None: no Vault can be asked."""
    issuance_rate: float = DEFAULT_RATE
    """Certificates a second, at most."""
    quiet: timedelta = QUIET
    """How long no probe may have been shown a certificate of an authority before that is dropped."""

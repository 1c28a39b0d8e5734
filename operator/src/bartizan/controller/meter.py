"""What the controller counts. It does not know where the numbers go: the shell's telemetry does."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Literal, Protocol

from bartizan.core.model import PolicyKey
from bartizan.core.pki.standing import Standing

Result = Literal["done", "changed", "failed"]
IssueFailure = Literal["NoAuthority", "SignerFailed", "ResultRefused", "NotRecorded"]
"""What came in the way of a certificate: no authority can sign, the signer failed, the result is not what was asked for, or it
could not be written down in the ledger."""
External = Literal["asked", "issued", "denied", "failed", "refused"]
"""What became of a request to an external issuer; refused: what it signed broke a rule and was not published."""


class Meter(Protocol):
    """Receives what happened."""

    def reconciled(self, subject: str, result: Result, seconds: float) -> None:
        """One key was looked at."""

    def wrote(self, kind: str, manager: str) -> None:
        """One write was taken by the API server."""

    def queued(self, depth: int) -> None:
        """So many keys wait."""

    def leads(self, *, leader: bool) -> None:
        """This replica writes, or does not."""

    def webhook_authority(self, *, present: bool) -> None:
        """The chart's authority for the webhook can be read, or cannot."""

    def policy(self, key: PolicyKey, state: Mapping[str, str] | None) -> None:
        """A policy has this `mode` and `ready`; None: it is gone."""

    def certificate(self, key: PolicyKey, not_after: datetime | None, renewal: datetime | None = None) -> None:
        """The certificate of a policy ends then, and is due to be renewed at `renewal`; None: there is none."""

    def conditions(self, key: PolicyKey, false: Collection[tuple[str, str]]) -> None:
        """These conditions of a policy are False, each with its reason."""

    def issued(self, reason: str, delivery: str = "Secret") -> None:
        """A certificate was signed for this reason (`IssueReason`), to be delivered so."""

    def not_issued(self, reason: IssueFailure) -> None:
        """A certificate was due and came to nothing."""

    def stands(self, ask: Callable[[], Standing]) -> None:
        """Whoever reads the numbers may ask how authorities and queue stand."""

    def external(self, issuer: str, result: External) -> None:
        """A request to an external issuer of this kind (as in `spec.issuer`) came to this."""


class NoMeter:
    """Counts nothing."""

    def reconciled(self, subject: str, result: Result, seconds: float) -> None:
        """Forget it."""

    def wrote(self, kind: str, manager: str) -> None:
        """Forget it."""

    def queued(self, depth: int) -> None:
        """Forget it."""

    def leads(self, *, leader: bool) -> None:
        """Forget it."""

    def webhook_authority(self, *, present: bool) -> None:
        """Forget it."""

    def policy(self, key: PolicyKey, state: Mapping[str, str] | None) -> None:
        """Forget it."""

    def certificate(self, key: PolicyKey, not_after: datetime | None, renewal: datetime | None = None) -> None:
        """Forget it."""

    def conditions(self, key: PolicyKey, false: Collection[tuple[str, str]]) -> None:
        """Forget it."""

    def issued(self, reason: str, delivery: str = "Secret") -> None:
        """Forget it."""

    def not_issued(self, reason: IssueFailure) -> None:
        """Forget it."""

    def stands(self, ask: Callable[[], Standing]) -> None:
        """Forget it."""

    def external(self, issuer: str, result: External) -> None:
        """Forget it."""

"""Ask, wait, publish or give up for now: what to do for a policy whose certificate an external issuer is to sign.

cert-manager's lesson is that failed requests asked again at once take an issuer, an API server and a budget down with them
(storms of CertificateRequests). So there is never more than one open request per policy, a refusal is followed by a wait that
doubles from a minute to an hour (from ten seconds, where the issuer could not be asked), and even a policy that changes all the
time asks no more than every ten seconds.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from bartizan.core.pki.external.accept import MOST_AHEAD, Accepted, Broken
from bartizan.core.pki.external.asking import Answer, Failed, Gone, Pending, SigningRequest
from bartizan.core.reasons import Reason

FIRST_WAIT: Final = timedelta(minutes=1)
"""After the first denial or refusal: a person or a policy has spoken."""
FIRST_WAIT_FOR_ISSUER: Final = timedelta(seconds=10)
"""After the first failure that may pass by itself: an issuer that restarts, a right that has not spread yet."""
MOST_WAIT: Final = timedelta(hours=1)
BETWEEN: Final = timedelta(seconds=10)
"""The least time between two requests of one policy, whatever changes."""
_FIRST_LOOK: Final = timedelta(seconds=1)
_MOST_LOOK: Final = timedelta(seconds=60)
"""How often an open request is looked at: soon at first, then as seldom as a person approves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """What is remembered of a policy's last request. In memory only: it holds a key."""

    asked_for: str
    """A fingerprint of what was asked and of whom."""
    asked_at: datetime
    request: SigningRequest | None
    """The open request; None once it was answered with no, or could not be made."""
    failures: int = 0
    """How many in a row, for the same thing."""
    failed: Failed | None = None
    """The last of them."""
    again_at: datetime | None = None
    """When to ask again after it."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Make a request now; every former one of the policy is removed first."""

    failures: int = 0


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing yet."""

    message: str
    look_after: timedelta


@dataclass(frozen=True, slots=True)
class Publish:
    """The certificate is as it must be: write it."""

    accepted: Accepted
    key_pem: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    """This request came to nothing; `attempt` is what to remember of it."""

    attempt: Attempt
    news: bool
    """Whether it failed just now, as opposed to earlier."""
    look_after: timedelta


Step: TypeAlias = Ask | Wait | Publish | GiveUp


def before_polling(attempt: Attempt | None, asked_for: str, now: datetime) -> Step | None:
    """Return what to do without asking the issuer; None: the open request has to be looked at."""
    if attempt is None:
        return Ask()
    if attempt.asked_for != asked_for:
        wait = attempt.asked_at + BETWEEN - now
        if wait > timedelta(0):
            return Wait("what is asked for has changed, and the next request follows shortly", wait)
        return Ask()
    if attempt.request is not None:
        return None
    if attempt.again_at and now < attempt.again_at:
        return GiveUp(attempt=attempt, news=False, look_after=attempt.again_at - now)
    return Ask(failures=attempt.failures)


def after_polling(attempt: Attempt, answer: Answer | Accepted | Broken, now: datetime) -> Step:
    """Return what follows from the issuer's answer; a signed one comes as it was judged (`Accepted` or `Broken`)."""
    if isinstance(answer, Pending):
        return Wait(answer.message, _next_look(now - attempt.asked_at))
    if isinstance(answer, Accepted):
        ahead = answer.leaf.not_before - now
        if timedelta(0) < ahead <= MOST_AHEAD:
            return Wait("the certificate is signed and begins shortly: the issuer's clock is ahead of ours", ahead)
        assert attempt.request is not None  # noqa: S101 -- only an open request is answered
        return Publish(answer, attempt.request.key_pem)
    return failed(attempt, _failure(answer), now)


def failed(attempt: Attempt, failure: Failed, now: datetime) -> GiveUp:
    """Return the wait after one more failure."""
    failures = attempt.failures + 1
    passing = failure.reason is Reason.ISSUER_FAILED
    wait = back_off(failures, FIRST_WAIT_FOR_ISSUER if passing else FIRST_WAIT)
    after = replace(attempt, request=None, failures=failures, failed=failure, again_at=now + wait)
    return GiveUp(attempt=after, news=True, look_after=wait)


def back_off(failures: int, first: timedelta = FIRST_WAIT) -> timedelta:
    """Return the wait after so many failures in a row (1 or more): 1, 2, 4 … times the `first`, at most an hour."""
    return min(MOST_WAIT, first * float(2 ** min(failures - 1, 16)))


def _failure(answer: Answer | Broken) -> Failed:
    if isinstance(answer, Failed):
        return answer
    if isinstance(answer, Broken):
        message = f"the issuer's certificate is not published, rule {answer.rule}: {answer.problem}"
        return Failed(Reason.ISSUED_CERTIFICATE_REFUSED, message)
    assert isinstance(answer, Gone)  # noqa: S101 -- the other answers were looked at before
    return Failed(Reason.ISSUER_FAILED, "the request was removed before it was answered")


def _next_look(waited: timedelta) -> timedelta:
    """Return when to look again: after half of the time that it has taken already."""
    return min(_MOST_LOOK, max(_FIRST_LOOK, waited / 2))

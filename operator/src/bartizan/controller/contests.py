"""Remembers which certificate Secrets are contested, and what to put back into them.

What was signed for a spoilt Secret is written again instead of signing anew: a fight over a Secret must not spend the
issuance budget, and the pods that mount it should meet one certificate, not a new one with every round. Deleting is another
matter: it is how a person asks for another key, so a deleted Secret is signed for anew until repairs are put off. Only
Secrets that were spoilt are remembered, so the memory costs nothing while nobody interferes; a new leader begins anew.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from bartizan.api.names import KubeObject
from bartizan.core.model import PolicyView
from bartizan.core.observations import certificate as observed_as
from bartizan.core.pki.contest import DELETER, WINDOW, Contest, writers_in_the_way
from bartizan.core.plan import SOON
from bartizan.core.posture import CertificateOutcome
from bartizan.core.reasons import Reason

_Place = tuple[str, str]


class Contests:
    """The contest over each Secret, by namespace and name of the Secret."""

    def __init__(self) -> None:
        """Start without any."""
        self._contests: dict[_Place, Contest] = {}
        self._last: dict[_Place, KubeObject] = {}
        self._written: set[_Place] = set()

    def met(self, policy: PolicyView, secret: KubeObject | None, now: datetime) -> Contest | None:
        """Return the contest over a Secret that has to be written, or None where nobody has spoilt it.

        Call it only where something is wrong with the Secret: a good one is nobody's fault.
        """
        place = _place(policy)
        deleters = (DELETER,) if place in self._written else ()
        writers = writers_in_the_way(secret) if secret else deleters
        if not writers:
            return None
        contest = self._contests[place] = self._contests.get(place, Contest()).met(writers, now)
        if secret is None and not contest.contested:
            self._last.pop(place, None)
        return contest

    def written(self, items: Iterable[KubeObject]) -> None:
        """Note that these Secrets exist: one that is missing at the next look was deleted by somebody."""
        self._written.update((item["metadata"]["namespace"], item["metadata"]["name"]) for item in items)

    def repaired(
        self, policy: PolicyView, item: KubeObject, outcome: CertificateOutcome, now: datetime
    ) -> CertificateOutcome:
        """Note that the Secret is about to be written as `item`; return the outcome as it is told if that is a repair."""
        place = _place(policy)
        if place not in self._contests:
            return outcome
        contest = self._contests[place] = self._contests[place].repaired(now)
        self._last[place] = item
        return _told(policy, contest, outcome, contest.pause) if contest.contested else outcome

    def known(self, policy: PolicyView) -> bool:
        """Whether there is or was a Secret: one that the picture does not hold was deleted, or its labels were taken away."""
        return _place(policy) in self._written

    def last(self, policy: PolicyView) -> KubeObject | None:
        """Return what to put back into a Secret that was spoilt; None for one that a person deleted."""
        return self._last.get(_place(policy))

    def calm(self, policy: PolicyView, outcome: CertificateOutcome, now: datetime) -> CertificateOutcome:
        """Return what to say of a Secret found as it should be: the contest is told until it has been left alone for long."""
        place = _place(policy)
        self._written.add(place)
        contest = self._contests.get(place)
        if contest and contest.over(now):
            del self._contests[place]
            self._last.pop(place, None)
        elif contest and contest.contested:
            return _told(policy, contest, outcome, contest.repairs[-1] + WINDOW - now)
        return outcome

    def put_off(
        self, policy: PolicyView, contest: Contest | None, kept: CertificateOutcome | None, now: datetime
    ) -> CertificateOutcome | None:
        """Return what to say while the next repair is not due, None once it is. `kept` is what else there is to say."""
        if contest is None or contest.due(now) <= now:
            return None
        spoilt = CertificateOutcome(observation=observed_as("False", Reason.SECRET_CONTESTED, ""))
        return _told(policy, contest, replace(kept or spoilt, applies=()), contest.due(now) - now)

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """Namespace and name of the Secrets whose repair is put off; sorted."""
        return tuple(sorted(place for place, contest in self._contests.items() if contest.contested))

    def clear(self) -> None:
        """Forget everything: another replica writes now."""
        self._contests.clear()
        self._last.clear()
        self._written.clear()


def _place(policy: PolicyView) -> _Place:
    return (policy.namespace, policy.spec.secret_name(policy.name))


def _told(policy: PolicyView, contest: Contest, outcome: CertificateOutcome, wait: timedelta) -> CertificateOutcome:
    """Return the outcome with the contest as its condition, to be looked at again after `wait` at the latest."""
    observation = observed_as("False", Reason.SECRET_CONTESTED, contest.sentence("/".join(_place(policy))))
    look_after = min(outcome.look_after or wait, max(wait, SOON))
    return replace(outcome, observation=observation, look_after=look_after)

"""Puts the Secret of a certificate right, whoever signed what is in it: the rest of a good one, and a spoilt one as it was.

Both go through the contest over that Secret: who else writes it decides when, and what is said meanwhile.
"""

from collections.abc import Callable
from typing import Final

from bartizan.api.names import KubeObject
from bartizan.controller.contests import Contests
from bartizan.controller.outcomes import kept
from bartizan.core.ownership import upkeep, without_intruders
from bartizan.core.pki.decide import CertificateInput, Decision, Issue, Keep
from bartizan.core.plan import Apply, FieldManager
from bartizan.core.posture import CertificateOutcome

MANAGER: Final[FieldManager] = "bartizan/certificates"


def upheld(contests: Contests, request: CertificateInput, decision: Keep) -> CertificateOutcome:
    """Return the outcome of a good certificate, with the writes that put the rest of its Secret right."""
    policy, now = request.policy, request.now
    applies = without_intruders(decision.desired, request.secret or {}, manager=MANAGER) or upkeep(
        decision.desired, request.secret, manager=MANAGER
    )
    outcome = kept(request, decision, applies)
    if not applies:
        return contests.calm(policy, outcome, now)
    contest = contests.met(policy, request.secret, now)
    later = contests.put_off(policy, contest, outcome, now)
    return later or contests.repaired(policy, decision.desired, outcome, now)


def put_back(
    contests: Contests, request: CertificateInput, decision: Issue, judge: Callable[[KubeObject | None], Decision]
) -> CertificateOutcome | None:
    """Return the outcome where somebody spoils the Secret: what was in it is put back instead of signing anew.

    `judge` says of a Secret what would be done about it. None: nobody spoils it, or what was in it is of no use either.
    """
    policy, now = request.policy, request.now
    contest = contests.met(policy, request.secret, now)
    last = judge(contests.last(policy)) if contest else None
    again = None
    if isinstance(last, Keep):
        apply = Apply(item=last.desired, manager=MANAGER, force=decision.force)
        again = kept(request, last, (apply,))
    if later := contests.put_off(policy, contest, again, now):
        return later
    return contests.repaired(policy, again.applies[0].item, again, now) if again else None

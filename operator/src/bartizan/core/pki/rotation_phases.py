"""How one authority follows another: one step at a time, as a function of what is written down and what is seen.

    Stable → Prepared → Publishing → Activated → Draining → Retirable → Retired → Stable

Each step is recorded in the status before anything is done because of it, and what a phase means is derived from the record
(`rotation.plan_authorities`), so a controller that dies anywhere goes on from there. A root takes all phases; an issuing
authority needs no publishing, because it travels with the certificates it signed. Nothing is dropped because time has passed,
but in an emergency: then everything a distrusted root was in use for is named first, and it goes at the deadline.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from bartizan.api.v1alpha1 import RotationStatus
from bartizan.core.model import TrustDomainView
from bartizan.core.pki.authority import Authority
from bartizan.core.pki.evidence import LONGEST_CERTIFICATE, Evidence, in_use, unpublished
from bartizan.core.pki.leaf import public_key_id
from bartizan.core.pki.rotation import AuthorityPlan
from bartizan.core.pki.rotation_wishes import aborted, begun, distrusted
from bartizan.core.pki.trust import carries_bridges, newest

EMERGENCY_SETTLE: Final = timedelta(minutes=2)
"""How long a new root is published in an emergency where no bridge leads to it: what a kubelet needs to update a mount."""
PRESSING: Final = 2 * LONGEST_CERTIFICATE
"""How long before the end of the old root the new one signs, whoever has not got it: without it nobody could go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is to be written down next."""

    record: RotationStatus
    retire: frozenset[str] = frozenset()
    """Authorities (ids) that are not accepted any more from then on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Everything a step may look at."""

    view: TrustDomainView
    plan: AuthorityPlan
    evidence: Evidence
    now: datetime

    @property
    def record(self) -> RotationStatus:
        """What is written down."""
        return self.plan.record

    @property
    def going(self) -> tuple[Authority, ...]:
        """The issuing authorities that go: those named, and those under a root that is named."""
        named = frozenset(self.record.from_)
        return tuple(one for one in self.plan.issuing if {one.id, self.plan.root_id(one)} & named)

    def turned(self, phase: str, **changes: object) -> RotationStatus:
        """Return the record in the next phase."""
        fresh = {"phase": phase, "since": self.now.replace(microsecond=0), "waiting_for": ()}
        return self.record.model_copy(update={**fresh, **changes})

    def waits(self, *reasons: str, **changes: object) -> Step:
        """Stay in the phase and say what for."""
        return Step(record=self.record.model_copy(update={"waiting_for": reasons, **changes}))


Phase: TypeAlias = Callable[[Moment], Step]


def advance(view: TrustDomainView, plan: AuthorityPlan, evidence: Evidence, now: datetime) -> Step:
    """Return the next step: the record as it is to be written, changed or not.

    What it asks for is done once it is written: plan again from the status, make what `AuthorityPlan.create` names, delete
    what `AuthorityPlan.removable` names, and advance again.
    """
    if (wish := aborted(view, plan, now)) or (wish := distrusted(view, plan, now)):
        return Step(record=wish.record, retire=wish.retire)
    if plan.lost:
        return Step(record=plan.record)
    return _PHASES[plan.record.phase](Moment(view=view, plan=plan, evidence=evidence, now=now))


def _stable(at: Moment) -> Step:
    return Step(record=begun(at.view, at.plan, at.now))


def _prepared(at: Moment) -> Step:
    """Go on when the new one is there."""
    if at.record.role == "Root":
        if at.plan.coming is None:
            return at.waits("the new root is made")
        return Step(record=at.turned("Publishing", to=at.plan.coming.id))
    new = newest(one for one in at.plan.issuing if one.id not in at.record.from_)
    if new is None:
        return at.waits("the new issuing authority is made")
    return Step(record=at.turned("Draining", to=new.id))


def _publishing(at: Moment) -> Step:
    """Sign when everybody trusts the new root: seen in every bundle, and read from there since."""
    late = unpublished(at.plan.bundle_pem, at.evidence)
    stands = at.record.published_at or (None if late else at.now.replace(microsecond=0))
    settle = _settle(at)
    ready = not late and stands is not None and at.now >= stands + settle
    if ready or _pressing(at):
        return Step(record=at.turned("Activated", published_at=stands))
    if not late and stands:
        late = (f"every bundle holds the new root since {_moment(stands)}; it signs from {_moment(stands + settle)}",)
    return at.waits(*late, published_at=stands)


def _activated(at: Moment) -> Step:
    """Go on when an issuing authority under the new root signs."""
    signer = at.plan.signer
    if signer and at.plan.root_id(signer) == at.record.to:
        return Step(record=at.turned("Draining"))
    return at.waits("an issuing authority under the new root is made")


def _draining(at: Moment) -> Step:
    """Wait until nothing that the old one signed can be in use; in an emergency until the deadline at most."""
    reasons = _used(at)
    if not reasons:
        return Step(record=at.turned("Retirable"))
    over = at.record.deadline is not None and at.now >= at.record.deadline
    if over and at.record.waiting_for:
        return _retired(at)
    return at.waits(*reasons)


def _retirable(at: Moment) -> Step:
    """Look once more, at evidence gathered after it was written down that the old one may go."""
    reasons = _used(at)
    return Step(record=at.turned("Draining", waiting_for=reasons)) if reasons else _retired(at)


def _removing(at: Moment) -> Step:
    """End when the Secrets of the old ones are gone."""
    if at.plan.retired:
        return at.waits("the Secrets of the old authorities are deleted")
    kept = {"request": at.record.request, "aborted": at.record.aborted}
    return Step(record=RotationStatus(phase="Stable", since=at.now.replace(microsecond=0), **kept))


_PHASES: Final[Mapping[str, Phase]] = {
    "Stable": _stable,
    "Prepared": _prepared,
    "Publishing": _publishing,
    "Activated": _activated,
    "Draining": _draining,
    "Retirable": _retirable,
    "Retired": _removing,
}


def _used(at: Moment) -> tuple[str, ...]:
    since = at.record.since if at.record.phase == "Draining" and at.record.since else at.now - LONGEST_CERTIFICATE
    return in_use(at.going, at.evidence, since=since, now=at.now)


def _retired(at: Moment) -> Step:
    retire = frozenset({*at.record.from_, *(one.id for one in at.going)})
    return Step(record=at.turned("Retired"), retire=retire)


def _settle(at: Moment) -> timedelta:
    """Return how long the new root has to have been in every bundle before it signs.

    A bridge carries the peers that have not read their bundle again. Where none can, each must have read it with its own
    certificate's renewal: the longest life there is.
    """
    bridged = _bridged(at)
    if at.record.cause == "Emergency":
        return timedelta(0) if bridged else EMERGENCY_SETTLE
    wished = at.view.spec.rotation.settle
    return wished if bridged else max(wished, LONGEST_CERTIFICATE)


def _bridged(at: Moment) -> bool:
    """Whether a bridge leads to the new root from every root that goes."""
    old = [root for root in at.plan.trust.roots if public_key_id(root) != at.record.to]
    new = next((one for one in at.plan.roots if one.id == at.record.to), None)
    return new is not None and new.bridge is not None and all(carries_bridges(root) for root in old)


def _pressing(at: Moment) -> bool:
    """Whether the new root has to sign now, whoever has not got it yet."""
    if at.record.cause == "Emergency":
        # Half of the time is for the certificates: to drop the old root before they are issued anew would cut everybody off.
        half = at.view.spec.rotation.emergency_deadline / 2
        return _bridged(at) or (at.record.deadline is not None and at.now >= at.record.deadline - half)
    old = [one for one in at.plan.trust.roots if public_key_id(one) != at.record.to]
    return bool(old) and max(one.not_valid_after_utc for one in old) - at.now < PRESSING


def _moment(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")

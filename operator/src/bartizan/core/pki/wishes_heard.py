"""What becomes of the wishes in `spec.rotation`: carried out or under way, waiting, or impossible, each in words.

Somebody who distrusts an authority in an emergency and mistypes its id must not believe that it goes. What was carried out
leaves no other trace than the record, so the record remembers which ids were an authority's, and what a request rotated.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bartizan.api.v1alpha1 import RotationStatus
from bartizan.core.conditions import Observation
from bartizan.core.model import TrustDomainView
from bartizan.core.pki.leaf import public_key_id
from bartizan.core.pki.rotation import AuthorityPlan
from bartizan.core.pki.rotation_wishes import ABORTABLE, CURRENT
from bartizan.core.reasons import ConditionType, Reason


@dataclass(frozen=True, slots=True)
class Unheard:
    """One wish that is not carried out now."""

    text: str
    waits: bool = False
    """Whether it will be, when something else has ended."""


def remembered(
    view: TrustDomainView, before: RotationStatus, after: RotationStatus, known: Iterable[str]
) -> RotationStatus:
    """Return the record `after` a step with what is to be remembered of wishes; `known` are the ids of all authorities."""
    found = {*known, *before.distrusted}
    role = after.role if after.request != before.request else before.request_role
    heard = tuple(dict.fromkeys(one for one in view.spec.rotation.distrust if one in found))
    return after.model_copy(update={"distrusted": heard, "request_role": role if after.request else None})


def wishes_heard(view: TrustDomainView, plan: AuthorityPlan, record: RotationStatus) -> Observation | None:
    """Return what is said of the wishes, or None where there are none. `record` is the one that is written now."""
    wishes = view.spec.rotation
    if not (wishes.request or wishes.abort or wishes.distrust):
        return None
    unheard = (*_distrust(view, plan, record), *_request(view, plan, record), *_abort(view, plan, record))
    if not unheard:
        message = "What spec.rotation asks for is carried out, or under way"
        return Observation(type=ConditionType.WISHES_HEARD, status="True", reason=Reason.HEARD, message=message)
    reason = Reason.PENDING if all(one.waits for one in unheard) else Reason.CANNOT_BE_DONE
    message = "; ".join(one.text for one in unheard)
    return Observation(type=ConditionType.WISHES_HEARD, status="False", reason=reason, message=message)


def _distrust(view: TrustDomainView, plan: AuthorityPlan, record: RotationStatus) -> Iterator[Unheard]:
    further = {public_key_id(one) for one in plan.trust.further}
    for one in view.spec.rotation.distrust:
        if one in further:
            yield Unheard(f"distrust {one}: that is a root of spec.bundle: take it out of there")
        elif one not in record.distrusted:
            yield Unheard(
                f"distrust {one}: no authority has this id, and nothing is distrusted by it; "
                "ids are in status.authorities"
            )


def _request(view: TrustDomainView, plan: AuthorityPlan, record: RotationStatus) -> Iterator[Unheard]:
    wish = view.spec.rotation.request
    if wish is None:
        return
    if wish.id == record.request:
        if record.request_role and record.request_role != wish.role:
            yield Unheard(
                f"request {wish.id}: it was carried out for role {record.request_role} and is not again for {wish.role}: "
                "give it another id"
            )
    elif wish.id == view.spec.rotation.abort:
        yield Unheard(f"request {wish.id}: abort names it too, so it is not begun")
    elif plan.lost:
        yield Unheard(f"request {wish.id}: it waits until no authority is lost, see the condition Ready", waits=True)
    elif record.phase != "Stable":
        yield Unheard(f"request {wish.id}: it waits until {_under_way(record)} has ended", waits=True)
    else:
        yield Unheard(f"request {wish.id}: it is begun with the next look", waits=True)


def _abort(view: TrustDomainView, plan: AuthorityPlan, record: RotationStatus) -> Iterator[Unheard]:
    wish, request = view.spec.rotation.abort, view.spec.rotation.request
    under_way = record.phase != "Stable"
    meant = wish == CURRENT or (record.cause == "Requested" and record.request == wish)
    if wish is None:
        return
    if under_way and meant:
        yield Unheard(f"abort {wish}: {_under_way(record)} goes on: {_why_not(plan, record)}")
    elif wish in {CURRENT, record.aborted} or (request and request.id == wish and record.request != wish):
        return
    elif wish == record.request:
        yield Unheard(f"abort {wish}: its rotation has ended; the way back is another rotation")
    else:
        yield Unheard(f"abort {wish}: no rotation under way was requested by this id")


def _why_not(plan: AuthorityPlan, record: RotationStatus) -> str:
    if record.cause == "Emergency":
        return "an emergency is not given up"
    signs = record.role == "Issuing" and any(one.id not in record.from_ for one in plan.issuing)
    if signs or record.phase not in ABORTABLE:
        return "the new authority may sign already, and the way back is another rotation"
    return "this abort was carried out before: take it out of spec.rotation, then say it again"


def _under_way(record: RotationStatus) -> str:
    return f"the rotation of {(record.role or 'an authority').lower()} under way ({record.cause})"

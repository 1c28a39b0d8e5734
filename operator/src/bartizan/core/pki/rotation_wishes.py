"""What begins a rotation, gives one up, or makes it an emergency.

Wishes stand in the specification and stay there, so each is carried out once: a request by its id, an abort by what it says,
and distrust by the authority being there at all.
"""

from dataclasses import dataclass
from datetime import datetime

from bartizan.api.v1alpha1 import RotationStatus
from bartizan.core.model import TrustDomainView
from bartizan.core.pki.authority import Authority, Role
from bartizan.core.pki.leaf import public_key_id
from bartizan.core.pki.rotation import AuthorityPlan
from bartizan.core.pki.trust import newest

CURRENT = "current"
ABORTABLE = frozenset({"Prepared", "Publishing"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to write down because somebody wants it."""

    record: RotationStatus
    retire: frozenset[str] = frozenset()


def aborted(view: TrustDomainView, plan: AuthorityPlan, now: datetime) -> Wish | None:
    """Return what giving up the rotation means, or None where nothing is to be given up.

    It is possible until the new authority signs; then the way back is another rotation.
    """
    wish, record = view.spec.rotation.abort, plan.record
    if wish is None or wish == record.aborted:
        return Wish(record=record.model_copy(update={"aborted": None})) if wish is None and record.aborted else None
    meant = wish == CURRENT or (record.cause == "Requested" and record.request == wish)
    signs = any(one.id not in record.from_ for one in plan.issuing) if record.role == "Issuing" else False
    if not (meant and record.phase in ABORTABLE and not signs and record.cause != "Emergency"):
        return Wish(record=record.model_copy(update={"aborted": wish})) if wish == CURRENT else None
    given_up = {one.id for one in (plan.coming,) if one} | ({record.to} if record.to else set())
    stable = RotationStatus(phase="Stable", since=_whole(now), request=record.request, aborted=wish)
    return Wish(record=stable, retire=frozenset(given_up))


def distrusted(view: TrustDomainView, plan: AuthorityPlan, now: datetime) -> Wish | None:
    """Return how an emergency begins, or None where no authority in use is distrusted or it has begun already."""
    record, going = plan.record, _distrusted_roots(view, plan)
    if not going or record.phase == "Retired":
        return None
    rooted = record.role == "Root" and record.phase != "Stable"
    if rooted and record.cause == "Emergency" and going <= frozenset(record.from_):
        return None
    if rooted and record.phase in ABORTABLE and going <= {record.to, plan.coming.id if plan.coming else ""}:
        # Only the one that does not sign yet: without it everything is as it was.
        stable = RotationStatus(phase="Stable", since=_whole(now), request=record.request, aborted=record.aborted)
        return Wish(record=stable, retire=going)
    emergency = {
        "role": "Root",
        "cause": "Emergency",
        "since": _whole(now),
        "deadline": _whole(now) + view.spec.rotation.emergency_deadline,
        "waiting_for": (),
        "published_at": None,
    }
    gone = {entry.id for entry in plan.remembered if entry.role == Role.ISSUING}
    before = frozenset(record.from_) if rooted else frozenset()
    if rooted and record.to not in going and not (plan.coming and plan.coming.id in going):
        return Wish(record=record.model_copy(update={**emergency, "from_": tuple(sorted(before | going | gone))}))
    everybody = gone | {public_key_id(root) for root in plan.trust.roots}
    update = {**emergency, "phase": "Prepared", "from_": tuple(sorted(everybody)), "to": None}
    return Wish(record=record.model_copy(update=update))


def begun(view: TrustDomainView, plan: AuthorityPlan, now: datetime) -> RotationStatus:
    """Return the record of the rotation that is due, or the present one where none is."""
    record, root, issuing = plan.record, newest(plan.roots), newest(plan.issuing)
    if root is None or issuing is None:
        return record
    if taken := _taken_over(plan, root, now):
        return taken
    request = view.spec.rotation.request
    if request and request.id not in {record.request, view.spec.rotation.abort}:
        started = _prepared(plan, Role(request.role), "Requested", now)
        return started.model_copy(update={"request": request.id})
    if now >= issuing.half_life:
        return _prepared(plan, Role.ISSUING, "HalfLife", now)
    held = view.spec.rotation.abort == CURRENT and now < root.not_before + (root.not_after - root.not_before) * 3 / 4
    if now >= root.half_life and not held:
        return _prepared(plan, Role.ROOT, "HalfLife", now)
    return record


def _prepared(plan: AuthorityPlan, role: Role, cause: str, now: datetime) -> RotationStatus:
    going = [public_key_id(one) for one in plan.trust.roots] if role is Role.ROOT else [one.id for one in plan.issuing]
    update = {"phase": "Prepared", "role": role.value, "cause": cause, "from_": tuple(going), "since": _whole(now)}
    return plan.record.model_copy(update=update)


def _taken_over(plan: AuthorityPlan, root: Authority, now: datetime) -> RotationStatus | None:
    """Return the record of a rotation that began without one: by an earlier version, or beside a rotation of roots.

    What is in use says how far it is.
    """
    others = tuple(public_key_id(one) for one in plan.trust.roots if public_key_id(one) != root.id)
    begun_at = {"cause": "HalfLife", "since": _whole(now)}
    if others:
        phase = "Draining" if plan.below([root.id]) else "Publishing"
        update = {"phase": phase, "role": "Root", "from_": others, "to": root.id, **begun_at}
        return plan.record.model_copy(update=update)
    if plan.signer and len(plan.issuing) > 1:
        going = tuple(one.id for one in plan.issuing if one != plan.signer)
        update = {"phase": "Draining", "role": "Issuing", "from_": going, "to": plan.signer.id, **begun_at}
        return plan.record.model_copy(update=update)
    return None


def _distrusted_roots(view: TrustDomainView, plan: AuthorityPlan) -> frozenset[str]:
    """Return the ids of the roots in use that must go: distrusted themselves, or through an issuing authority below them."""
    named = frozenset(view.spec.rotation.distrust)
    roots = {public_key_id(root) for root in plan.trust.roots} | {one.id for one in (plan.coming,) if one}
    below = {plan.root_id(one) for one in plan.issuing if one.id in named}
    missed = {entry.id for entry in plan.remembered if entry.role == Role.ISSUING and entry.id in named}
    gone = missed - {*plan.record.from_}
    if gone and plan.signer:
        below |= {
            plan.root_id(plan.signer)
        }  # the root of an authority that is gone is not known: the one that signs now
    elif gone:
        below |= roots
    return frozenset((named & roots) | below) - {""}


def _whole(now: datetime) -> datetime:
    return now.replace(microsecond=0)

"""The authorities as the status lists them, each with what it is for at present.

The list is memory as well as news: an authority is only retired, and its Secret only deleted, after it was listed as retired.
"""

from bartizan.api.v1alpha1 import AuthorityStatus
from bartizan.core.pki.authority import Authority, Role
from bartizan.core.pki.creation import signing_root
from bartizan.core.pki.rotation import AuthorityPlan
from bartizan.core.pki.rotation_phases import Step


def listed(plan: AuthorityPlan, step: Step) -> tuple[AuthorityStatus, ...]:
    """Return the entries, roots first, by generation."""
    # One that was just made is listed when the record names it, not before: what is listed is in use.
    named = plan.coming is not None and plan.coming.id in {step.record.to, *step.retire}
    at_hand = (*plan.roots, *plan.issuing, *((plan.coming,) if plan.coming and named else ()))
    retired = tuple(_entry(one, "Retired") for one in plan.retired)
    lost = tuple(
        one.model_copy(update={"state": "Retired" if one.id in step.retire else "Lost"}) for one in plan.remembered
    )
    entries = (*(_entry(one, _state(plan, step, one)) for one in at_hand), *retired, *lost)
    return tuple(sorted(entries, key=lambda one: (one.role != "Root", one.generation, one.id)))


def _state(plan: AuthorityPlan, step: Step, one: Authority) -> str:
    if one.id in step.retire:
        return "Retired"
    if one.role is Role.ISSUING:
        return "Active" if one == plan.signer else "Draining"
    root = signing_root(plan.trust, plan.issuing, step.record)
    if root is None or one.id == root.id:
        return "Active"
    return "Next" if one.generation > root.generation else "Draining"


def _entry(authority: Authority, state: str) -> AuthorityStatus:
    return AuthorityStatus(
        id=authority.id,
        role=authority.role.value,
        generation=authority.generation,
        secret_name=authority.secret_name,
        not_after=authority.not_after,
        state=state,
    )

"""What is said about certificates and trust domains: status, condition, event, next look."""

from datetime import datetime, timedelta
from typing import Final, Literal

from bartizan.api.kinds import SECRET, TRUST_DOMAIN
from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import AuthorityStatus, CertificateStatus, RotationStatus, TrustDomainStatus
from bartizan.core.conditions import Observation, laid_over, read_conditions
from bartizan.core.model import ObjectRef, TrustDomainView
from bartizan.core.pki.authority import Authority
from bartizan.core.pki.external.roots import read_roots
from bartizan.core.pki.happened import happened
from bartizan.core.pki.leaf import LeafView, public_key_id, renewal_time
from bartizan.core.pki.listing import listed
from bartizan.core.pki.losing import lost_message
from bartizan.core.pki.rotation import AuthorityPlan
from bartizan.core.pki.rotation_phases import Step
from bartizan.core.pki.wishes_heard import remembered, wishes_heard
from bartizan.core.plan import LOOK_AGAIN, SOON, Apply, Delete, Event, Plan
from bartizan.core.reasons import ConditionType, Reason

_WATCHFUL: Final = timedelta(seconds=15)
"""How often it is looked whether a rotation can go on."""


def certificate_status(leaf: LeafView, *, namespace: str, secret_name: str) -> CertificateStatus:
    """Return what a policy's status says about its certificate; nothing of the key."""
    return CertificateStatus(
        delivery="Secret",
        key_exposure="etcd",
        secret_name=secret_name,
        spiffe_id=", ".join(leaf.uris),
        dns_names=leaf.dns_names,
        serial=leaf.serial,
        authority=public_key_id(leaf.chain[0]) if leaf.chain else "",
        not_before=leaf.not_before,
        not_after=leaf.not_after,
        next_renewal=renewal_time(leaf, namespace=namespace, name=secret_name),
    )


def plan_trust_domain(
    view: TrustDomainView,
    authorities: AuthorityPlan,
    previous: KubeObject,
    now: datetime,
    *,
    namespace: str,
    step: Step | None = None,
    resource_version: str = "",
) -> Plan:
    """Return the writes that follow from a settled `AuthorityPlan` (one whose `create` has been carried out).

    `previous` is the `.status` observed, `namespace` the release's, `step` what the rotation does next (None: it stays). With
    the `resource_version` observed the status is written on exactly that. Nothing is deleted while anything is lost.
    """
    step = step or Step(record=authorities.record)
    status = trust_domain_status(view, authorities, previous, now, namespace=namespace, step=step)
    version = {"resourceVersion": resource_version} if resource_version else {}
    item = {
        "apiVersion": TRUST_DOMAIN.api_version,
        "kind": TRUST_DOMAIN.kind,
        "metadata": {"name": view.name, **version},
        "status": status.model_dump(mode="json", by_alias=True, exclude_none=True),
    }
    about = ObjectRef(api_version=TRUST_DOMAIN.api_version, kind=TRUST_DOMAIN.kind, namespace="", name=view.name)
    events = (
        Event(about=about, uid=view.uid, type=one.type, reason=one.reason, message=one.message, action="Sign")
        for one in happened(previous, status)
    )
    return Plan(
        deletes=tuple(
            Delete(ref=_secret(one, namespace), uid=one.secret_uid) for one in authorities.removable if one.secret_uid
        ),
        status=Apply(item=item, manager="bartizan/status", status=True),
        events=tuple(events),
        requeue_after=_look_after(authorities, step, now),
    )


def trust_domain_status(
    view: TrustDomainView,
    authorities: AuthorityPlan,
    previous: KubeObject,
    now: datetime,
    *,
    namespace: str,
    step: Step,
) -> TrustDomainStatus:
    """Return the TrustDomain's status. Lost authorities stay listed, so that they are not forgotten and made again."""
    entries = listed(authorities, step)
    record = remembered(view, authorities.record, step.record, _ids(authorities, entries))
    said = wishes_heard(view, authorities, record)
    seen = (_ready(view, authorities, record, now, namespace), *((said,) if said else ()))
    return TrustDomainStatus(
        observed_generation=view.generation,
        conditions=laid_over(read_conditions({"status": previous}), seen, generation=view.generation, now=now),
        authorities=entries,
        rotation=record,
        generations=authorities.generations,
        bundle=authorities.bundle_pem or None,
    )


def _ids(authorities: AuthorityPlan, entries: tuple[AuthorityStatus, ...]) -> frozenset[str]:
    """Return the ids of all authorities, also of one that is not listed yet."""
    return frozenset({one.id for one in entries} | {one.id for one in (authorities.coming,) if one})


def _ready(
    view: TrustDomainView, authorities: AuthorityPlan, record: RotationStatus, now: datetime, namespace: str
) -> Observation:
    signer = authorities.signer
    signs = (
        f"issuing authority generation {signer.generation} signs until {_moment(signer.not_after)}" if signer else ""
    )
    if authorities.lost:
        reason, message = Reason.CA_KEY_LOST, lost_message(view, authorities, signs, namespace)
    elif not signer:
        reason = Reason.AUTHORITY_NOT_READY
        message = _nobody_signs(record, view.spec.rotation.emergency_deadline)
    else:
        reason, message = Reason.APPLIED, signs[0].upper() + signs[1:]
    if problem := read_roots(view.spec.bundle, now).problem:
        unread = f"{problem}. Until it is corrected, the further roots that were published last stay trusted"
        applied = reason is Reason.APPLIED
        reason = Reason.INVALID_SPEC if applied else reason
        message = f"{unread}. {message}" if applied else f"{message}. {unread}"
    state: Literal["True", "False"] = "True" if reason is Reason.APPLIED else "False"
    return Observation(type=ConditionType.READY, status=state, reason=reason, message=message)


def _nobody_signs(record: RotationStatus, emergency_deadline: timedelta) -> str:
    """Return why no authority signs, and from when one does."""
    if record.role != "Root" or record.phase not in {"Prepared", "Publishing", "Activated"}:
        return "No issuing authority is valid now: check the clock of the node"
    what = "; ".join(record.waiting_for) or "the new root is being brought into every bundle"
    latest = (
        f". It signs at {_moment(record.deadline - emergency_deadline / 2)} at the latest" if record.deadline else ""
    )
    return f"No issuing authority is at hand until the new root signs: {what}{latest}"


def _look_after(authorities: AuthorityPlan, step: Step, now: datetime) -> timedelta | None:
    """Return when to look again; while authorities rotate, nothing tells that what is waited for has come."""
    if not authorities.issuing and step.record.phase == "Stable":
        return None
    moment = max(_next_look(authorities, now) - now, timedelta(0))
    if step.record.phase != authorities.record.phase:
        return SOON
    if step.record.phase == "Stable":
        return moment
    slow = step.record.phase == "Draining" and step.record.cause != "Emergency"
    return min(moment, LOOK_AGAIN if slow else _WATCHFUL) if step.record.phase != "Retired" else SOON


def _next_look(authorities: AuthorityPlan, now: datetime) -> datetime:
    """Return the next moment at which a plan would differ: a half-life or an end."""
    newest = (authorities.roots[-1:], authorities.issuing[-1:])
    ends = [one.not_after for one in (*authorities.roots, *authorities.issuing)]
    halves = [one.half_life for group in newest for one in group]
    return min((moment for moment in (*halves, *ends) if moment > now), default=now)


def _secret(authority: Authority, namespace: str) -> ObjectRef:
    return ObjectRef(api_version=SECRET.api_version, kind=SECRET.kind, namespace=namespace, name=authority.secret_name)


def _moment(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")

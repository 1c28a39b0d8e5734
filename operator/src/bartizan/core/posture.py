"""What one policy needs now: its NetworkPolicy, its certificate Secret, and the status that says how far it has come.

The whole decision is one function of what was observed. It returns only writes that change something: applying its plan and
asking again gives an empty plan, which is what keeps a resync from writing and a status from triggering itself.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from bartizan.api.names import API_VERSION, HASH_ANNOTATION, KubeObject
from bartizan.api.v1alpha1 import (
    CapabilitiesStatus,
    CertificateStatus,
    Condition,
    EdgeStatus,
    EmittedObject,
    PolicyStatus,
    PolicySummary,
)
from bartizan.core.access import AccessPlan, plan_access, with_conflict
from bartizan.core.capabilities import Capabilities
from bartizan.core.conditions import Observation, changed, dumped, laid_over, lean, read_conditions
from bartizan.core.gaps.find import find_gaps
from bartizan.core.isolation import Isolation, PolicyObserved, former_ones, plan_isolation
from bartizan.core.model import InvalidPolicy, ObjectRef, PolicyView, Snapshot
from bartizan.core.network.compile import CompiledNetwork, compile_network
from bartizan.core.network.hold import Hold
from bartizan.core.network.requests import first_seen, open_requests
from bartizan.core.observations import (
    consent,
    failed,
    identity,
    invalid,
    network,
    not_governed,
    ready,
    secrets_injected,
)
from bartizan.core.ownership import is_ours, removal
from bartizan.core.plan import Apply, Delete, Event, Plan
from bartizan.core.reasons import ConditionType, Mode, Reason
from bartizan.core.shared_ground import overlaps, shared_identity, siblings

MAX_LISTED: Final = 50
"""How many edges, requests and gaps a status lists; the summary counts all."""
LOOK_AGAIN: Final = timedelta(seconds=60)
"""After how long an object in our way is looked at again: nothing tells us when somebody else's object goes."""
SOON: Final = timedelta(seconds=1)
"""After how long a step that waits for another key's step is tried again, should its event be missed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateOutcome:
    """What became of the certificate decision: the Secret to keep, and what to say about it."""

    observation: Observation
    applies: tuple[Apply, ...] = ()
    """The Secret, if it has to be written."""
    status: CertificateStatus | None = None
    emitted: EmittedObject | None = None
    look_after: timedelta | None = None
    """When to decide again: the renewal."""
    settled: bool = True
    """False while the Secret can't be seen yet, as after a restart: what was said of it before is not taken back for that."""


def plan_policy(
    policy: PolicyView | InvalidPolicy,
    *,
    snapshot: Snapshot,
    observed: PolicyObserved,
    certificate: CertificateOutcome | None,
    now: datetime,
) -> Plan:
    """Return what is to be done for one policy. `certificate` is None where none is issued (not governed, not readable)."""
    namespace = snapshot.namespaces.get(policy.namespace)
    if "deletionTimestamp" in observed.item["metadata"] or (namespace and namespace.deleting):
        return Plan()
    if isinstance(policy, InvalidPolicy):
        mode = snapshot.mode(policy.namespace)
        return _spoken(policy, observed, PolicyStatus(mode=mode.value), (invalid(policy),), now=now)
    mode = snapshot.mode(policy.namespace)
    if mode is Mode.NOT_GOVERNED or certificate is None:
        opened = (*_opened(policy, observed), *plan_access(policy, (), observed.access).deletes)
        status = PolicyStatus(mode=Mode.NOT_GOVERNED.value)
        plan = _spoken(policy, observed, status, (not_governed(policy.namespace),), now=now)
        return replace(plan, deletes=opened, requeue_after=_waits_for_isolation(observed))
    at_now = replace(snapshot, now=now)
    return _governed(policy, mode=mode, snapshot=at_now, observed=observed, certificate=certificate, now=now)


def _governed(
    policy: PolicyView,
    *,
    mode: Mode,
    snapshot: Snapshot,
    observed: PolicyObserved,
    certificate: CertificateOutcome,
    now: datetime,
) -> Plan:
    compiled = compile_network(policy, snapshot)
    access = plan_access(policy, compiled.access, observed.access)
    compiled = replace(compiled, access=access.kept, edges=with_conflict(compiled.edges, access.conflict))
    existing = observed.network_policy
    conflict = existing is not None and not is_ours(existing, owner_uid=policy.uid)
    isolation = Isolation(look_after=LOOK_AGAIN)
    if mode is not Mode.ENFORCE:
        isolation = Isolation(deletes=_opened(policy, observed), look_after=_waits_for_isolation(observed))
    elif not conflict:
        isolation = plan_isolation(policy, compiled, snapshot=snapshot, observed=observed, now=now)
    name = compiled.network_policy["metadata"]["name"]
    others = (
        network(mode, name, conflict=conflict, held=isolation.held, rolling=isolation.rolling),
        identity(overlaps(policy, siblings(policy, snapshot))),
        certificate.observation,
        secrets_injected(policy, mode, observed.index),
        consent(compiled.edges),
    )
    emits = mode is Mode.ENFORCE and not conflict and not isolation.held
    status = _status(mode, compiled, certificate, snapshot.capabilities, emits_network=emits, held=isolation.held)
    status = _with_neighbours(status, policy, compiled, snapshot, observed)
    spoken = (ready(others, compiled.edges), *others)
    plan = _spoken(policy, observed, status, spoken, now=now) if certificate.settled else Plan()
    waits = (
        certificate.look_after,
        isolation.look_after,
        LOOK_AGAIN if access.conflict else None,
        _until_change(compiled, now),
    )
    return _carried(plan, isolation, access, certificate, observed, look_after=soonest(waits))


def _carried(
    plan: Plan,
    isolation: Isolation,
    access: AccessPlan,
    certificate: CertificateOutcome,
    observed: PolicyObserved,
    *,
    look_after: timedelta | None,
) -> Plan:
    """Return the plan with every part's writes: NetworkPolicies first, so that a revocation waits for nothing else."""
    return replace(
        plan,
        applies=(*isolation.applies, *certificate.applies, *access.applies),
        deletes=(*isolation.deletes, *access.deletes, *(d for stray in observed.strays for d in removal(stray))),
        requeue_after=look_after,
        waits_for=isolation.waits_for,
    )


def _until_change(compiled: CompiledNetwork, now: datetime) -> timedelta | None:
    return compiled.changes_at - now if compiled.changes_at else None


def _status(
    mode: Mode,
    compiled: CompiledNetwork,
    certificate: CertificateOutcome,
    capabilities: Capabilities,
    *,
    emits_network: bool,
    held: Hold | None,
) -> PolicyStatus:
    emitted = [certificate.emitted] if certificate.emitted else []
    if emits_network:
        emitted.insert(0, emitted_object(compiled.network_policy))
    emitted += [emitted_object(item) for item in compiled.access]
    return PolicyStatus(
        mode=mode.value,
        summary=_summary(compiled.edges),
        edges=compiled.edges[:MAX_LISTED],
        certificate=certificate.status,
        capabilities=CapabilitiesStatus(**asdict(capabilities)),
        emitted=tuple(emitted),
        held_until=held.until if held else None,
    )


def _with_neighbours(
    status: PolicyStatus, policy: PolicyView, compiled: CompiledNetwork, snapshot: Snapshot, observed: PolicyObserved
) -> PolicyStatus:
    """Return the status with what other policies ask of this one, and what opens ways around it."""
    before = (observed.item.get("status") or {}).get("requests") or ()
    requests = open_requests(policy, snapshot, first_seen(before))
    gaps = (
        *shared_identity(policy, siblings(policy, snapshot)),
        *find_gaps(policy, compiled.network_policy, snapshot, observed.surroundings),
    )
    counts = {"requests": len(requests), "gaps": len(gaps)}
    return status.model_copy(
        update={
            "summary": status.summary.model_copy(update=counts),
            "requests": requests[:MAX_LISTED],
            "gaps": gaps[:MAX_LISTED],
        }
    )


def emitted_object(item: KubeObject) -> EmittedObject:
    """Return how an emitted object is listed in the status."""
    meta = item["metadata"]
    return EmittedObject(kind=item["kind"], name=meta["name"], hash=meta["annotations"][HASH_ANNOTATION])


def soonest(waits: Iterable[timedelta | None]) -> timedelta | None:
    """Return the shortest of the waits that there are."""
    return min((wait for wait in waits if wait is not None), default=None)


def _summary(edges: tuple[EdgeStatus, ...]) -> PolicySummary:
    states = [edge.state for edge in edges]
    return PolicySummary(
        edges=len(states),
        applied=states.count("Applied"),
        pending=states.count("PendingConsent"),
        degraded=states.count("Degraded") + states.count("Denied"),
        expired=states.count("Expired"),
    )


def _opened(policy: PolicyView, observed: PolicyObserved) -> tuple[Delete, ...]:
    """Prune the NetworkPolicy where nothing is enforced: after the isolation is gone, or its traffic would be cut."""
    existing = observed.network_policy
    former = tuple(delete for item in former_ones(policy, observed.around) for delete in removal(item))
    if observed.isolation is not None:
        return ()
    if existing is None or not is_ours(existing, owner_uid=policy.uid):
        return former
    return (*removal(existing), *former)


def _waits_for_isolation(observed: PolicyObserved) -> timedelta | None:
    return SOON if observed.isolation is not None and observed.network_policy is not None else None


def _spoken(
    policy: PolicyView | InvalidPolicy,
    observed: PolicyObserved,
    status: PolicyStatus,
    observations: tuple[Observation, ...],
    *,
    now: datetime,
) -> Plan:
    """Return the plan that only says `status` with `observations`: nothing if it is already said."""
    before = read_conditions(observed.item)
    conditions = laid_over(before, observations, generation=policy.generation, now=now)
    said = dumped(status.model_copy(update={"observed_generation": policy.generation, "conditions": conditions}))
    if said == lean(observed.item.get("status") or {}):
        return Plan()
    told = [
        one for one in changed(before, conditions) if one.type in {ConditionType.READY, ConditionType.CERTIFICATE_READY}
    ]
    return Plan(status=status_apply(observed.item, said), events=_events(policy, observed.item, told))


def _events(policy: PolicyView | InvalidPolicy, item: KubeObject, told: Iterable[Condition]) -> tuple[Event, ...]:
    return tuple(
        Event(
            about=ObjectRef.of(item),
            uid=policy.uid,
            type="Normal" if one.status == "True" else "Warning",
            reason=one.reason,
            message=one.message,
        )
        for one in told
    )


def plan_failure(
    policy: PolicyView | InvalidPolicy, item: KubeObject, message: str, *, reason: Reason, now: datetime
) -> Plan:
    """Return the plan that only says that a write was refused; what was said of the rest stays as it is."""
    before = read_conditions(item)
    (ready_now,) = laid_over(before, (failed(message, reason=reason),), generation=policy.generation, now=now)
    others = [dumped(one) for one in before if one.type != ready_now.type]
    observed = item.get("status") or {}
    said = lean({**observed, "observedGeneration": policy.generation, "conditions": [dumped(ready_now), *others]})
    if said == lean(observed):
        return Plan()
    told = changed(before, (ready_now,))
    return Plan(status=status_apply(item, said), events=_events(policy, item, told))


def status_apply(item: KubeObject, status: KubeObject) -> Apply:
    """Return the write of the status of one of our own kinds; it is ours alone, so others' edits are taken back."""
    meta = {key: item["metadata"][key] for key in ("name", "namespace") if key in item["metadata"]}
    body = {"apiVersion": API_VERSION, "kind": item["kind"], "metadata": meta, "status": status}
    return Apply(item=body, manager="bartizan/status", status=True, force=True)

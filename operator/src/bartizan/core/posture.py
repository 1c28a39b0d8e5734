"""What one policy needs now: its NetworkPolicy, its certificate Secret, and the status that says how far it has come.

The whole decision is one function of what was observed. It returns only writes that change something: applying its plan and
asking again gives an empty plan, which is what keeps a resync from writing and a status from triggering itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from bartizan.api.names import API_VERSION, BASELINE_NETWORK_POLICY, KubeObject
from bartizan.api.v1alpha1 import (
    CertificateStatus,
    Condition,
    EmittedObject,
    PolicyStatus,
)
from bartizan.core.access import AccessPlan, plan_access, with_conflict
from bartizan.core.capabilities import Capabilities
from bartizan.core.conditions import Observation, changed, dumped, laid_over, lean, read_conditions
from bartizan.core.emit import sealed_hash
from bartizan.core.gaps.find import find_gaps
from bartizan.core.isolation import Isolation, PolicyObserved, isolation_in, opened, waits_for_isolation
from bartizan.core.model import InvalidPolicy, ObjectRef, PolicyView, Snapshot
from bartizan.core.network.backends.plan import BesidePlan, carried, plan_beside
from bartizan.core.network.compile import CompiledNetwork, compile_network
from bartizan.core.network.hold import Hold
from bartizan.core.network.proof import Proof, prove, without_report
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
from bartizan.core.ownership import abandoned, removal
from bartizan.core.plan import LOOK_AGAIN, Apply, Delete, Event, Plan
from bartizan.core.reasons import ConditionType, Mode, Reason
from bartizan.core.shared_ground import overlaps, shared_identity, siblings
from bartizan.core.summary import summary

MAX_LISTED: Final = 50
"""How many edges, requests and gaps a status lists; the summary counts all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateOutcome:
    """What became of the certificate decision: the Secret to keep, and what to say about it."""

    observation: Observation
    applies: tuple[Apply, ...] = ()
    """The Secret, if it has to be written."""
    deletes: tuple[Delete, ...] = ()
    """Secrets that nothing refers to any more."""
    status: CertificateStatus | None = None
    emitted: EmittedObject | None = None
    look_after: timedelta | None = None
    """When to decide again: the renewal."""
    beside: tuple[Observation, ...] = ()
    """What is said of the pods that serve it."""
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
        access = plan_access(policy, (), observed.access)
        deletes = (*opened(policy, observed), *access.deletes, *abandoned(observed.cilium, owner_uid=policy.uid))
        status = PolicyStatus(mode=Mode.NOT_GOVERNED.value)
        plan = _spoken(policy, observed, status, (not_governed(policy.namespace),), now=now)
        return replace(plan, deletes=deletes, requeue_after=waits_for_isolation(observed))
    at_now = carried(policy, replace(snapshot, now=now), observed.cilium)
    return _governed(policy, mode=mode, snapshot=at_now, observed=observed, certificate=certificate)


def _governed(
    policy: PolicyView,
    *,
    mode: Mode,
    snapshot: Snapshot,
    observed: PolicyObserved,
    certificate: CertificateOutcome,
) -> Plan:
    compiled = compile_network(policy, snapshot)
    access = plan_access(policy, compiled.access, observed.access)
    compiled = replace(compiled, access=access.kept, edges=with_conflict(compiled.edges, access.conflict))
    isolation = isolation_in(mode, policy, compiled, snapshot=snapshot, observed=observed)
    emits = mode is Mode.ENFORCE and not isolation.conflict and not isolation.held
    beside = plan_beside(policy, compiled.beside if emits else (), observed.cilium)
    proof = _proof(policy, compiled, observed, snapshot)
    compiled = replace(compiled, edges=proof.edges, beside=beside.kept)
    others = _conditions(
        policy, mode, compiled, snapshot, observed=observed, isolation=isolation, proof=proof, certificate=certificate
    )
    status = _status(mode, compiled, certificate, snapshot.capabilities, emits_network=emits, held=isolation.held)
    status = _with_neighbours(status, policy, compiled, snapshot, observed)
    spoken = (ready(others, compiled.edges), *others)
    plan = _spoken(policy, observed, status, spoken, now=snapshot.now) if certificate.settled else Plan()
    waits = (
        certificate.look_after,
        isolation.look_after,
        LOOK_AGAIN if access.conflict or beside.conflict else None,
        _until_change(compiled, proof, snapshot.now),
    )
    return _carried(
        plan,
        isolation=isolation,
        beside=beside,
        access=access,
        certificate=certificate,
        observed=observed,
        look_after=soonest(waits),
    )


def _conditions(
    policy: PolicyView,
    mode: Mode,
    compiled: CompiledNetwork,
    snapshot: Snapshot,
    *,
    observed: PolicyObserved,
    isolation: Isolation,
    proof: Proof,
    certificate: CertificateOutcome,
) -> tuple[Observation, ...]:
    """Return what is said of each part; Ready is their sum."""
    name = compiled.network_policy["metadata"]["name"]
    taken = name if isolation.conflict else BASELINE_NETWORK_POLICY if observed.isolation_taken else ""
    held, rolling = isolation.held, isolation.rolling
    return (
        network(mode, name, taken=taken, held=held, rolling=rolling, proof=proof),
        identity(overlaps(policy, siblings(policy, snapshot), snapshot.shapes.get(policy.namespace, ()))),
        *(certificate.observation, *certificate.beside),
        secrets_injected(policy, mode, observed.index),
        consent(compiled.edges),
    )


def _carried(
    plan: Plan,
    *,
    isolation: Isolation,
    beside: BesidePlan,
    access: AccessPlan,
    certificate: CertificateOutcome,
    observed: PolicyObserved,
    look_after: timedelta | None,
) -> Plan:
    """Return the plan with every part's writes: NetworkPolicies first, so that a revocation waits for nothing else."""
    strays = (delete for stray in observed.strays for delete in removal(stray))
    return replace(
        plan,
        applies=(*beside.applies, *isolation.applies, *certificate.applies, *access.applies),
        deletes=(*isolation.deletes, *access.deletes, *beside.deletes, *certificate.deletes, *strays),
        requeue_after=look_after,
        waits_for=isolation.waits_for,
    )


def _proof(policy: PolicyView, compiled: CompiledNetwork, observed: PolicyObserved, snapshot: Snapshot) -> Proof:
    reports = observed.reports if snapshot.mode(policy.namespace) is Mode.ENFORCE else {}
    return prove(policy.key, compiled, reports, now=snapshot.now, max_age=observed.proof_age)


def _until_change(compiled: CompiledNetwork, proof: Proof, now: datetime) -> timedelta | None:
    """Return how long what is said of the edges holds by itself: until a rule ends, or a proof is too old."""
    return soonest(moment - now for moment in (compiled.changes_at, proof.lapses) if moment)


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
    emitted += [emitted_object(item) for item in (*compiled.access, *compiled.beside)]
    return PolicyStatus(
        mode=mode.value,
        summary=summary(compiled.edges),
        edges=compiled.edges[:MAX_LISTED],
        certificate=certificate.status,
        capabilities=capabilities.status,
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
        *shared_identity(policy, snapshot),
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
    return EmittedObject(kind=item["kind"], name=item["metadata"]["name"], hash=sealed_hash(item))


def soonest(waits: Iterable[timedelta | None]) -> timedelta | None:
    """Return the shortest of the waits that there are."""
    return min((wait for wait in waits if wait is not None), default=None)


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
    if said == lean(without_report(observed.item.get("status"))):
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
    observed = without_report(item.get("status"))
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

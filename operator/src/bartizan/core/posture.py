"""What one policy needs now: its NetworkPolicy, its certificate Secret, and the status that says how far it has come.

The whole decision is one function of what was observed. It returns only writes that change something: applying its plan and
asking again gives an empty plan, which is what keeps a resync from writing and a status from triggering itself.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from bartizan.api.names import API_VERSION, HASH_ANNOTATION, KubeObject
from bartizan.api.v1alpha1 import (
    CapabilitiesStatus,
    CertificateStatus,
    Condition,
    EmittedObject,
    PolicyStatus,
)
from bartizan.core.access import AccessObserved, plan_access, with_conflict
from bartizan.core.capabilities import Capabilities
from bartizan.core.conditions import Observation, changed, dumped, laid_over, lean, read_conditions
from bartizan.core.gaps.find import find_gaps
from bartizan.core.gaps.surroundings import Surroundings
from bartizan.core.model import InvalidPolicy, ObjectRef, PolicyView, Snapshot
from bartizan.core.network.backends.plan import abandoned, carried, is_foreign, plan_beside
from bartizan.core.network.compile import CompiledNetwork, compile_network
from bartizan.core.network.proof import PROOF_AGE, Proof, Reports, prove, without_report
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
from bartizan.core.ownership import is_ours, removal, spelled_out, upkeep
from bartizan.core.plan import Apply, Delete, Event, Plan
from bartizan.core.reasons import ConditionType, Mode, Reason
from bartizan.core.shared_ground import overlaps, shared_identity, siblings
from bartizan.core.summary import summary

MAX_LISTED: Final = 50
"""How many edges, requests and gaps a status lists; the summary counts all."""
LOOK_AGAIN: Final = timedelta(seconds=60)
"""After how long an object in our way is looked at again: nothing tells us when somebody else's object goes."""
SOON: Final = timedelta(seconds=1)
"""After how long a step that waits for another key's step is tried again, should its event be missed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyObserved:
    """What exists for one policy."""

    item: KubeObject
    """The policy itself, with its status."""
    network_policy: KubeObject | None = None
    """Whatever bears the name of its NetworkPolicy."""
    isolation: KubeObject | None = None
    """The namespace's `bartizan-baseline`."""
    index: KubeObject | None = None
    """The namespace's PolicyIndex."""
    access: AccessObserved = field(default_factory=AccessObserved)
    """Its Role and RoleBinding for the API server."""
    strays: tuple[KubeObject, ...] = ()
    """Objects of ours that belong to this policy under names it no longer uses."""
    surroundings: Surroundings = field(default_factory=Surroundings)
    """What others made around it."""
    reports: Reports = field(default_factory=dict)
    """What the prober saw of this policy and its neighbours, as far as it speaks of the NetworkPolicies in force."""
    proof_age: timedelta = PROOF_AGE
    """How old a probe may be and still prove something."""
    cilium: KubeObject | None = None
    """Whatever bears the name of its CiliumNetworkPolicy."""


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
        opened = (*opened, *abandoned(policy, observed.cilium))
        status = PolicyStatus(mode=Mode.NOT_GOVERNED.value)
        plan = _spoken(policy, observed, status, (not_governed(policy.namespace),), now=now)
        return _joined(plan, deletes=opened, look_after=_waits_for_isolation(observed))
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
    enforced, conflict = mode is Mode.ENFORCE, is_foreign(observed.network_policy, policy)
    proof = _proof(policy, compiled, observed, snapshot)
    beside = plan_beside(policy, compiled.beside if enforced and not conflict else (), observed.cilium)
    compiled = replace(compiled, edges=proof.edges, beside=beside.kept)
    deletes = (*access.deletes, *beside.deletes, *(delete for stray in observed.strays for delete in removal(stray)))
    applies = (*certificate.applies, *access.applies)
    if enforced and not conflict:
        meant = spelled_out(compiled.network_policy)
        isolation = upkeep(meant, observed.network_policy, manager="bartizan/networkpolicy")
        applies = (*beside.applies, *isolation, *applies)
    deletes = deletes if enforced else (*_opened(policy, observed), *deletes)
    others = (
        network(mode, compiled.network_policy["metadata"]["name"], conflict=conflict, proof=proof),
        identity(overlaps(policy, siblings(policy, snapshot))),
        certificate.observation,
        secrets_injected(policy, mode, observed.index),
        consent(compiled.edges),
    )
    status = _status(mode, compiled, certificate, snapshot.capabilities, emits_network=enforced and not conflict)
    status = _with_neighbours(status, policy, compiled, snapshot, observed)
    spoken = (ready(others, compiled.edges), *others)
    plan = _spoken(policy, observed, status, spoken, now=snapshot.now) if certificate.settled else Plan()
    waits = (
        certificate.look_after,
        LOOK_AGAIN if conflict or access.conflict or beside.conflict else None,
        _until_change(compiled, proof, snapshot.now),
        _waits_for_isolation(observed, enforced=enforced),
    )
    return _joined(plan, applies=applies, deletes=deletes, look_after=soonest(waits))


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
        capabilities=CapabilitiesStatus(**asdict(capabilities)),
        emitted=tuple(emitted),
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


def _opened(policy: PolicyView, observed: PolicyObserved) -> tuple[Delete, ...]:
    """Prune the NetworkPolicy where nothing is enforced: after the isolation is gone, or its traffic would be cut."""
    existing = observed.network_policy
    if observed.isolation is not None or existing is None or not is_ours(existing, owner_uid=policy.uid):
        return ()
    return removal(existing)


def _waits_for_isolation(observed: PolicyObserved, *, enforced: bool = False) -> timedelta | None:
    return SOON if not enforced and observed.isolation is not None and observed.network_policy is not None else None


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


def _joined(
    plan: Plan,
    *,
    applies: tuple[Apply, ...] = (),
    deletes: tuple[Delete, ...] = (),
    look_after: timedelta | None = None,
) -> Plan:
    return Plan(applies=applies, deletes=deletes, status=plan.status, events=plan.events, requeue_after=look_after)

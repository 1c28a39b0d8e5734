"""One policy's part in isolation: which NetworkPolicies are written now, which go, and what the rest waits for."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bartizan.api.names import KubeObject
from bartizan.core.access import AccessObserved
from bartizan.core.emit import intact
from bartizan.core.gaps.surroundings import Surroundings
from bartizan.core.model import PolicyKey, PolicyView, Snapshot
from bartizan.core.network.atoms import read_atoms
from bartizan.core.network.callers import ingress_rules
from bartizan.core.network.compile import CompiledNetwork, former_name
from bartizan.core.network.hold import Hold, first_isolation
from bartizan.core.network.numbers import shapes_of
from bartizan.core.network.peers import NAMESPACE_LABEL
from bartizan.core.network.proof import PROOF_AGE, Reports
from bartizan.core.network.rollout import PATIENCE, Around, next_step
from bartizan.core.ownership import abandoned, belongs, is_foreign, removal, spelled_out, upkeep
from bartizan.core.plan import LOOK_AGAIN, SOON, Apply, Delete
from bartizan.core.reasons import Mode
from bartizan.core.select import describe


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyObserved:
    """What exists for one policy."""

    item: KubeObject
    """The policy itself, with its status."""
    network_policy: KubeObject | None = None
    """Whatever bears the name of its NetworkPolicy."""
    isolation: KubeObject | None = None
    """The namespace's `bartizan-baseline`."""
    isolation_taken: bool = False
    """Somebody else's NetworkPolicy bears the name `bartizan-baseline`."""
    index: KubeObject | None = None
    """The namespace's PolicyIndex."""
    access: AccessObserved = field(default_factory=AccessObserved)
    """Its Role and RoleBinding for the API server."""
    strays: tuple[KubeObject, ...] = ()
    """Objects of ours that belong to this policy under names it no longer uses."""
    surroundings: Surroundings = field(default_factory=Surroundings)
    """What others made around it."""
    around: tuple[KubeObject, ...] = ()
    """NetworkPolicies of ours in its namespace and in those of its peers."""
    in_flight: tuple[KubeObject, ...] = ()
    """Those that are being written at this moment."""
    patient: bool = True
    """Whether it may still wait for the other side of an edge."""
    reports: Reports = field(default_factory=dict)
    """What the prober saw of this policy and its neighbours, as far as it speaks of the NetworkPolicies in force."""
    proof_age: timedelta = PROOF_AGE
    """How old a probe may be and still prove something."""
    cilium: KubeObject | None = None
    """Whatever bears the name of its CiliumNetworkPolicy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """What is done about one policy's NetworkPolicies."""

    applies: tuple[Apply, ...] = ()
    deletes: tuple[Delete, ...] = ()
    held: Hold | None = None
    """The first isolation of running pods waits."""
    rolling: tuple[str, ...] = ()
    """What keeps old and new side by side, in sentences; empty while it only takes moments."""
    waits_for: frozenset[PolicyKey] = frozenset()
    conflict: bool = False
    """Somebody else's NetworkPolicy bears the name, and is left alone."""
    look_after: timedelta | None = None


def isolation_in(
    mode: Mode, policy: PolicyView, compiled: CompiledNetwork, *, snapshot: Snapshot, observed: PolicyObserved
) -> Isolation:
    """Return what is done about the policy's NetworkPolicies in its namespace's mode, at the snapshot's moment."""
    conflict = is_foreign(observed.network_policy, owner_uid=policy.uid)
    if mode is not Mode.ENFORCE:
        deletes = opened(policy, observed)
        return Isolation(deletes=deletes, conflict=conflict, look_after=waits_for_isolation(observed))
    if conflict:
        return Isolation(conflict=True, look_after=LOOK_AGAIN)
    return plan_isolation(policy, compiled, snapshot=snapshot, observed=observed, now=snapshot.now)


def plan_isolation(
    policy: PolicyView, compiled: CompiledNetwork, *, snapshot: Snapshot, observed: PolicyObserved, now: datetime
) -> Isolation:
    """Return what is to be done. The policy's namespace enforces, and its NetworkPolicy is ours or not there."""
    around = Around(
        snapshot=snapshot,
        network_policies=observed.around,
        in_flight=observed.in_flight,
        patient=observed.patient,
    )
    existing = observed.network_policy
    held = first_isolation(
        observed.item,
        compiled.edges,
        isolated=existing is not None or observed.isolation is not None,
        running=bool(shapes_of(policy, snapshot, running=True)),
        now=now,
    )
    if held:
        return Isolation(held=held, look_after=held.until - now)
    step = next_step(policy, compiled, existing, around)
    known = {item["metadata"]["name"]: item for item in former_ones(policy, observed.around)}
    if existing is not None:
        known[existing["metadata"]["name"]] = existing
    kept = {former_name(policy, selector) for selector in snapshot.former.get(policy.key, ())}
    unneeded = [item for item in former_ones(policy, observed.around) if item["metadata"]["name"] not in kept]
    applies = [
        write
        for item in step.writes
        for write in upkeep(spelled_out(item), known.get(item["metadata"]["name"]), manager="bartizan/networkpolicy")
    ]
    return Isolation(
        applies=tuple(applies),
        deletes=tuple(delete for item in unneeded for delete in removal(item)),
        rolling=_rolling(policy, snapshot, () if observed.patient else step.waits_for.values()),
        waits_for=frozenset(step.waits_for),
        look_after=None if step.whole else PATIENCE,
    )


def opened(policy: PolicyView, observed: PolicyObserved) -> tuple[Delete, ...]:
    """Prune the NetworkPolicy where nothing is enforced: after the isolation is gone, or its traffic would be cut."""
    if observed.isolation is not None:
        return ()
    former = tuple(delete for item in former_ones(policy, observed.around) for delete in removal(item))
    return (*abandoned(observed.network_policy, owner_uid=policy.uid), *former)


def waits_for_isolation(observed: PolicyObserved) -> timedelta | None:
    """Return how long the NetworkPolicy's end waits for the namespace's isolation to go first; None where it need not."""
    return SOON if observed.isolation is not None and observed.network_policy is not None else None


def touched_namespaces(policy: PolicyView, observed: KubeObject | None) -> frozenset[str]:
    """Return the namespaces of a policy and of the pods that it names, or that its NetworkPolicy still names."""
    named = [rule.from_ for rule in ingress_rules(policy)] + [rule.to for rule in policy.spec.network.egress]
    spoken_of = {peer.workload.namespace if peer.workload else peer.namespace or policy.namespace for peer in named}
    elements = [one.element for one in read_atoms(observed if observed and intact(observed) else None)]
    written = {one["namespaceSelector"]["matchLabels"][NAMESPACE_LABEL] for one in elements if "podSelector" in one}
    return frozenset({policy.namespace, *spoken_of, *written})


def former_ones(policy: PolicyView, network_policies: Iterable[KubeObject]) -> tuple[KubeObject, ...]:
    """Return the policy's NetworkPolicies for pods of former selectors."""
    prefix = former_name(policy, policy.spec.workload.selector).rpartition(".")[0] + "."
    return tuple(
        item for item in network_policies if belongs(item, policy.uid) and item["metadata"]["name"].startswith(prefix)
    )


def _rolling(policy: PolicyView, snapshot: Snapshot, waits: Iterable[str]) -> tuple[str, ...]:
    former = snapshot.former.get(policy.key, ())
    return (
        *(
            f"pods with {describe(selector)} still run, so the former selector holds beside the new one"
            for selector in former
        ),
        *(f"waits for {wait}" for wait in waits),
    )

"""The sentences of a policy's conditions: what is observed, why, and what the reader can do about it.

They are apart from the plan so that each can be read, tested and translated into the reference as what it is: API for people.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from bartizan.api.names import BASELINE_NETWORK_POLICY, ENFORCEMENT_LABEL, KubeObject
from bartizan.api.v1alpha1 import EdgeStatus
from bartizan.core.conditions import Observation, Status
from bartizan.core.index import entries_of
from bartizan.core.injection.plan import annotations
from bartizan.core.model import InvalidPolicy, PolicyView
from bartizan.core.network.hold import Hold
from bartizan.core.network.proof import Proof
from bartizan.core.overlap import Conflict
from bartizan.core.reasons import ConditionType, Mode, Reason

_CONSENT: Final = frozenset(
    {Reason.PENDING_CONSENT, Reason.PEER_NOT_FOUND, Reason.CONSENT_DENIED, Reason.CONSENT_EXPIRED}
)
_TAKEN: Final = frozenset({Reason.METADATA_CLOSED, Reason.IP_SNAPSHOT})
_NAMED: Final = 3
"""How many edges a message names before it only counts the rest."""


def invalid(policy: InvalidPolicy) -> Observation:
    """Ready, for a policy that can't be read."""
    message = f"{policy.problem}. What was applied before stays as it is until this is corrected."
    return _observed(ConditionType.READY, "False", Reason.INVALID_SPEC, message)


def not_governed(namespace: str) -> Observation:
    """Ready, for a policy in a namespace that bartizan does not govern."""
    message = (
        f"namespace {namespace} is not governed, so nothing is enforced or issued for this policy; label it with "
        f"{ENFORCEMENT_LABEL}=enforce (or warn, or audit). System namespaces and bartizan's own are never governed."
    )
    return _observed(ConditionType.READY, "False", Reason.NAMESPACE_NOT_GOVERNED, message)


def failed(message: str, *, reason: Reason = Reason.RECONCILE_FAILED) -> Observation:
    """Ready, for an object of which a write was refused."""
    return _observed(ConditionType.READY, "False", reason, message)


def network(
    mode: Mode,
    name: str,
    *,
    taken: str = "",
    held: Hold | None = None,
    rolling: Sequence[str] = (),
    proof: Proof | None = None,
) -> Observation:
    """NetworkEnforced: proven, contradicted, or neither. Times are told, never ages: a status must not age by itself.

    `taken` is the name of ours that somebody else's NetworkPolicy bears.
    """
    kind = ConditionType.NETWORK_ENFORCED
    if mode is not Mode.ENFORCE:
        message = f"the namespace is in {mode.lower()} mode: no traffic is cut; label it {ENFORCEMENT_LABEL}=enforce"
        return _observed(kind, "False", Reason.REPORT_ONLY, message)
    if taken:
        return _observed(kind, "False", Reason.FIELD_CONFLICT, _taken(taken))
    if held:
        message = (
            f"its pods ran before they were governed and are not isolated yet, or declared traffic would be cut: waits for "
            f"{_listed(held.edges)}; they are isolated at {held.until:%Y-%m-%dT%H:%M:%SZ} in any case"
        )
        return _observed(kind, "False", Reason.HELD_IN_AUDIT, message)
    if rolling:
        return _observed(kind, "Unknown", Reason.ROLLING_OUT, f"NetworkPolicy {name} is written; {'; '.join(rolling)}")
    return _proven(name, proof)


def _taken(name: str) -> str:
    lost = ", and pods that no policy selects are not isolated" if name == BASELINE_NETWORK_POLICY else ""
    return f"a NetworkPolicy {name} exists that bartizan did not make{lost}; it is left alone: rename or delete it"


def _proven(name: str, proof: Proof | None) -> Observation:
    kind = ConditionType.NETWORK_ENFORCED
    if proof is None or proof.since is None:
        written = f"NetworkPolicy {name} is written; no probe has shown that packets obey it"
        return _observed(kind, "Unknown", Reason.NOT_PROVEN, written)
    if proof.contradictions:
        found = _some(proof.contradictions)
        fix = "look for NetworkPolicies or network settings that are not bartizan's"
        return _observed(kind, "False", Reason.PROBE_FAILED, f"NetworkPolicy {name} is not obeyed: {found}; {fix}")
    if proof.doubts:
        return _observed(kind, "Unknown", Reason.NOT_PROVEN, f"not proven: {_some(proof.doubts)}")
    when = proof.since.strftime("%Y-%m-%dT%H:%M:%SZ")
    told = f"what is declared passes and what is not declared does not; oldest probe {when}"
    return _observed(kind, "True", Reason.PROVEN, told)


def secrets_injected(policy: PolicyView, mode: Mode, index: KubeObject | None) -> Observation:
    """SecretsInjected: true only when the index that the API server judges by demands the policy's annotations."""
    kind = ConditionType.SECRETS_INJECTED
    wanted = annotations(policy)
    if not wanted:
        return _observed(kind, "True", Reason.NONE_DECLARED, "the policy declares no secrets")
    entry = next((entry for entry in entries_of(index) if entry.get("name") == policy.name), {})
    if entry.get("annotations") != wanted:
        return _observed(
            kind, "False", Reason.PENDING, "the namespace's PolicyIndex does not demand the annotations yet"
        )
    without = "refused" if mode is Mode.ENFORCE else "reported, not refused"
    message = f"new pods get the Vault annotations by admission; a pod without them is {without}"
    return _observed(kind, "True", Reason.GATE_HOLDS, message)


def consent(edges: Sequence[EdgeStatus]) -> Observation:
    """ConsentComplete."""
    kind = ConditionType.CONSENT_COMPLETE
    waiting = [edge for edge in edges if edge.reason in _CONSENT]
    for reason in (Reason.PEER_NOT_FOUND, Reason.CONSENT_DENIED, Reason.CONSENT_EXPIRED, Reason.PENDING_CONSENT):
        if found := [edge for edge in waiting if edge.reason == reason]:
            return _observed(kind, "False", reason, _listed(found))
    return _observed(kind, "True", Reason.MUTUAL, "every edge between policies is declared on both sides")


def identity(overlaps: Sequence[Conflict]) -> Observation:
    """IdentityReady: whether the pods and the certificate's Secret are this policy's alone."""
    kind = ConditionType.IDENTITY_READY
    if overlaps:
        message = "; ".join(one.message for one in overlaps[:_NAMED])
        return _observed(kind, "False", Reason.OVERLAPPING_POLICIES, message)
    return _observed(kind, "True", Reason.EXCLUSIVE, "no other policy selects the same pods or writes the same Secret")


def ready(others: Iterable[Observation], edges: Sequence[EdgeStatus]) -> Observation:
    """Ready: the sum of the other conditions, naming those that are not met."""
    unmet = [one for one in others if one.status == "False" and one.reason is not Reason.REPORT_ONLY]
    parts = [f"{one.type}: {one.message}" for one in unmet]
    narrowed = [edge for edge in edges if _narrowed(edge)]
    if narrowed:
        parts.append(f"not open as declared: {_listed(narrowed)}")
    if not parts:
        return _observed(ConditionType.READY, "True", Reason.APPLIED, "everything the policy declares is applied")
    conflict = any(one.reason is Reason.FIELD_CONFLICT for one in unmet)
    reason = Reason.FIELD_CONFLICT if conflict else Reason.NOT_READY
    return _observed(ConditionType.READY, "False", reason, "; ".join(parts))


def certificate(status: Status, reason: Reason, message: str) -> Observation:
    """CertificateReady."""
    return _observed(ConditionType.CERTIFICATE_READY, status, reason, message)


def _observed(kind: ConditionType, status: Status, reason: Reason, message: str) -> Observation:
    return Observation(type=kind, status=status, reason=reason, message=message)


def _narrowed(edge: EdgeStatus) -> bool:
    """Whether the edge is closed or narrower than declared, for a reason that ConsentComplete does not tell.

    That metadata addresses are cut out of a block is no one's loss, and a name open by its addresses is what was asked for.
    """
    if edge.reason in _CONSENT or (edge.state == "Degraded" and edge.reason in _TAKEN):
        return False
    return edge.state in {"Denied", "Degraded"}


def _listed(edges: Sequence[EdgeStatus]) -> str:
    return _some([_edge(edge) for edge in edges])


def _some(sentences: Sequence[str]) -> str:
    named = "; ".join(sentences[:_NAMED])
    more = len(sentences) - _NAMED
    return named + (f"; and {more} more" if more > 0 else "")


def _edge(edge: EdgeStatus) -> str:
    way = f"from {edge.from_}" if edge.from_ else f"to {edge.to}"
    return f"{way}: {edge.message or edge.reason or edge.state}"

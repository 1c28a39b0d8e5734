"""What a change of a policy would do, said before it is done.

The webhook says it as warnings on create and update, so that `kubectl apply --dry-run=server` shows it. What two policies
together make impossible and CEL cannot see is an error: it is refused, unless the old policy had the same fault already (an
edit that mends one thing must not be held up by another).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bartizan.api.names import ENFORCEMENT_LABEL, KubeObject
from bartizan.api.pod_security import minor
from bartizan.api.v1alpha1 import EdgeStatus, SecurityBaselineSpec
from bartizan.core.admission import judge
from bartizan.core.checks.finding import Violation
from bartizan.core.edge_changes import EdgeChanges, OpenEdges, edge_changes
from bartizan.core.index import compile_index, demanded
from bartizan.core.late_rules import late_rules
from bartizan.core.model import InvalidPolicy, PolicyView, Snapshot
from bartizan.core.overlap import conflicts, labels_of
from bartizan.core.pki.delivery import demand
from bartizan.core.pods import has_finished
from bartizan.core.reasons import Mode, Reason
from bartizan.core.select import matches
from bartizan.core.shapes import read_shapes

PREFIX: Final = "bartizan: "
"""Every warning begins with it: the API server does not say who warns."""
_PODS_SHOWN: Final = 5
_WORDS: Final = {"PendingConsent": "pending", "Degraded": "narrowed", "Denied": "denied", "Expired": "expired"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What the person who writes the policy is told. With errors the write is refused."""

    warnings: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()


def preview(
    old: PolicyView | None,
    new: PolicyView | InvalidPolicy,
    snapshot: Snapshot,
    pods: Sequence[KubeObject] | None,
) -> Preview:
    """Return what would come of `new` in the place of `old`. Never raises.

    Args:
        old: the policy as it is; None if it is made now or cannot be read.
        new: the policy as it would be.
        snapshot: the cluster as it is.
        pods: the pods of the policy's namespace; None if they could not be listed.
    """
    if isinstance(new, InvalidPolicy):
        return Preview(errors=(new.problem,))
    snapshot = replace(snapshot, shapes={**snapshot.shapes, **read_shapes(pods or ())})
    others = [policy for policy in snapshot.policies.values() if policy.key != new.key]
    existing = [pod for pod in pods or () if _alive(pod)]
    found = conflicts(new, others, existing)
    known = {(one.other, one.field) for one in conflicts(old, others, existing)} if old else set()
    errors = tuple(one.message for one in found if (one.other, one.field) not in known)
    late = late_rules(old, new, snapshot.now)
    if errors := errors + (late if old else ()):
        return Preview(errors=errors)
    mode = snapshot.mode(new.namespace)
    changes = edge_changes(old, new, snapshot)
    warnings = (
        *_governed(new, mode),
        *(one.message for one in found),
        *late,
        *_said_of_edges(changes, mode),
        *_trust(new, snapshot),
        *_raised(new, snapshot),
        *_refused_pods(old, new, others, existing, snapshot.baseline),
        *(("running pods could not be listed: not known which of them would be refused",) if pods is None else ()),
    )
    return Preview(warnings=tuple(PREFIX + text for text in warnings))


def _governed(new: PolicyView, mode: Mode) -> tuple[str, ...]:
    label = f"{ENFORCEMENT_LABEL}=enforce"
    if mode is Mode.NOT_GOVERNED:
        return (
            f"namespace {new.namespace} is not governed: nothing comes of this policy until it is labelled {label}",
        )
    if mode is Mode.ENFORCE:
        return ()
    return (f"namespace {new.namespace} is in mode {mode.value}: no traffic is cut until it is labelled {label}",)


def _said_of_edges(changes: EdgeChanges, mode: Mode) -> tuple[str, ...]:
    moved = (*_edges("lost", changes.lost), *_edges("gained", changes.gained)) if mode is Mode.ENFORCE else ()
    return (*moved, *_unmet(changes), *_awaiting(changes))


def _edges(word: str, edges: OpenEdges) -> tuple[str, ...]:
    return tuple(
        f"{word}: {caller} -> {called} on {', '.join(sorted(ports))}" for (caller, called), ports in edges.items()
    )


def _unmet(changes: EdgeChanges) -> tuple[str, ...]:
    return tuple(f"{_WORDS[edge.state]}: {_said(edge)}" for edge in changes.unmet)


def _said(edge: EdgeStatus) -> str:
    way = f"to {edge.to}" if edge.to is not None else f"from {edge.from_}"
    return edge.message or way if edge.state == "PendingConsent" else f"{way}: {edge.message}"


def _awaiting(changes: EdgeChanges) -> tuple[str, ...]:
    texts = []
    for key, edge in changes.awaiting:
        name = "/".join(key)
        if edge.to is not None:
            texts.append(f"waiting: {name} asks to call this policy; spec.network.ingress must list it")
        else:
            texts.append(f"waiting: {name} admits this policy; spec.network.egress must list it to call")
    return tuple(dict.fromkeys(texts))


def _trust(new: PolicyView, snapshot: Snapshot) -> tuple[str, ...]:
    wanted = new.spec.identity.trust_domain
    if wanted in snapshot.trust_domains:
        return ()
    known = ", ".join(sorted(snapshot.trust_domains)) or "none"
    return (f"no certificate: TrustDomain {wanted} does not exist ({Reason.TRUST_DOMAIN_NOT_FOUND}); there is {known}",)


def _raised(new: PolicyView, snapshot: Snapshot) -> tuple[str, ...]:
    asked, floor = new.spec.workload.pod_security, snapshot.baseline.pod_security
    level, version = demanded(asked, floor)
    if (level, version) == (asked.level, minor(asked.version)):
        return ()
    least = f"the SecurityBaseline's least is {floor.level} {floor.version}: pods are held to {level} v1.{version}"
    return (f"raised: spec.workload.podSecurity is {asked.level} {asked.version}, {least}",)


def _refused_pods(
    old: PolicyView | None,
    new: PolicyView,
    others: Iterable[PolicyView],
    pods: Sequence[KubeObject],
    baseline: SecurityBaselineSpec,
) -> tuple[str, ...]:
    """Return what the gate would say of pods that run: all of it for pods of the policy, for others what is new."""
    rest, floor = list(others), baseline.pod_security
    before = compile_index(new.namespace, [*rest, *([old] if old else [])], floor=floor)["spec"]
    after = compile_index(new.namespace, [*rest, new], floor=floor)["spec"]
    own = {new.name: demand(new, baseline.mtls.max_lifetime)}
    otherwise = compile_index(new.namespace, [*rest, new], floor=floor, pod_certificates=own)["spec"]
    refused: dict[str, list[str]] = {}
    outdated = 0
    for pod in pods:
        mine = matches(new.spec.workload.selector, labels_of(pod))
        known = set() if mine else {violation.key for violation in judge(pod, before, operation="UPDATE")}
        found = judge(pod, after, operation="UPDATE")
        for violation in found:
            if violation.key not in known:
                refused.setdefault(_finding(violation), []).append(pod["metadata"]["name"])
        # How the certificate is delivered is not known here: a pod is outdated if it is by either way.
        outdated += mine and all(len(judge(pod, one, operation="CREATE")) > len(found) for one in (after, otherwise))
    texts = [f"would be refused: {_listed(names)}: {text}" for text, names in sorted(refused.items())]
    if outdated:
        texts.append(f"not injected: {outdated} running pods get identity and annotations only when they are restarted")
    return tuple(texts)


def _finding(violation: Violation) -> str:
    seen = "missing" if violation.seen is None else violation.seen
    return f"{violation.id} {violation.path} is {seen}; allowed: {violation.allowed}"


def _alive(pod: KubeObject) -> bool:
    return not has_finished(pod) and "deletionTimestamp" not in pod["metadata"]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(sorted(names)[:_PODS_SHOWN])
    return f"pod{'s' if len(names) > 1 else ''} {shown}" + (
        f" and {rest} more" if (rest := len(names) - _PODS_SHOWN) > 0 else ""
    )

"""Which connections a probe of one policy tries, and what each outcome shows.

What is declared is read from bartizan's own NetworkPolicies by the semantics engine, so that a NetworkPolicy of somebody else
can only ever make a probe come out against what is expected, and never change what is expected. A destination is only called
if its pod is ready: silence of what does not run would prove nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from bartizan.api.names import PROBE_LABEL, KubeObject
from bartizan.api.v1alpha1 import LabelSelector, ProbedFlow
from bartizan.api.v1alpha1.probes import WITNESS, Expected, Seen
from bartizan.core.emit import fingerprint
from bartizan.core.model import PolicyKey, PolicyView
from bartizan.core.network.peers import neighbours
from bartizan.core.network.ports import PortRange, own_ports
from bartizan.core.network.probe_wire import Outcome, Target
from bartizan.core.network.semantics import Endpoint, Flow, allows
from bartizan.core.select import matches

MOST_OPEN: Final = 96
"""Declared connections that one probe tries at most."""
MOST_CLOSED: Final = 24
"""Undeclared connections that one probe tries at most; which ones changes from run to run."""
_OWNERS_LABELS: Final = (
    "pod-template-hash",
    "controller-revision-hash",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-completion-index",
)
"""Labels by which controllers tell their own pods; a probe is nobody's replica."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Landscape:
    """What a choice of targets may look at."""

    policies: Mapping[PolicyKey, PolicyView]
    """The policies whose NetworkPolicies are in force."""
    network_policies: Mapping[str, tuple[KubeObject, ...]]
    """Bartizan's own, by namespace."""
    namespace_labels: Mapping[str, Mapping[str, str]]
    pods: Mapping[PolicyKey, tuple[Endpoint, ...]]
    """The ready pods of each policy."""
    witness: Endpoint
    """The prober's own pod."""
    witness_port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One connection to try."""

    flow: ProbedFlow
    """What it will be called in the report; `seen` is still Unclear."""
    target: Target
    pod: Endpoint | None = None
    """The pod that is called; None: the witness."""


def ready_pods(
    policies: Iterable[PolicyView], pods: Iterable[KubeObject], namespace_labels: Mapping[str, Mapping[str, str]]
) -> dict[PolicyKey, tuple[Endpoint, ...]]:
    """Return the ready pods of each policy by name; probes, pods on the host's network and leaving ones don't count."""
    known = list(policies)
    found: dict[PolicyKey, list[Endpoint]] = {policy.key: [] for policy in known}
    for item in sorted(pods, key=lambda pod: str(pod["metadata"]["name"])):
        meta, status = item["metadata"], item.get("status") or {}
        labels = meta.get("labels") or {}
        if not _is_ready(item) or PROBE_LABEL in labels or "deletionTimestamp" in meta:
            continue
        place = meta["namespace"]
        for policy in known:
            if policy.namespace == place and matches(policy.spec.workload.selector, labels):
                around = namespace_labels.get(place, {})
                end = Endpoint(
                    namespace=place,
                    name=meta["name"],
                    ip=status["podIP"],
                    labels=labels,
                    namespace_labels=around,
                    uid=meta.get("uid", ""),
                )
                found[policy.key].append(end)
    return {key: tuple(ends) for key, ends in found.items()}


def _is_ready(item: KubeObject) -> bool:
    status = item.get("status") or {}
    ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in status.get("conditions") or ())
    return ready and bool(status.get("podIP")) and not item["spec"].get("hostNetwork")


def probe_labels(policy: PolicyView, pods: Iterable[Endpoint]) -> dict[str, str] | None:
    """Return labels for a probe of `policy`: those of a running pod, so that whatever selects it selects the probe too.

    Without a pod they are made from the selector. None: the selector and the probe's own label exclude each other.
    """
    selector = policy.spec.workload.selector
    pod = next(iter(pods), None)
    own = {PROBE_LABEL: policy.name}
    taken = {} if pod is None else {key: text for key, text in pod.labels.items() if key not in _OWNERS_LABELS}
    for labels in ({**taken, **own}, {**_made_up(selector), **own}):
        if matches(selector, labels):
            return labels
    return None


def _made_up(selector: LabelSelector) -> dict[str, str]:
    """Return a few labels that a selector asks for; what contradicts itself shows when they are matched."""
    labels = dict(selector.match_labels)
    for rule in selector.match_expressions:
        barred = {
            value
            for other in selector.match_expressions
            if other.operator == "NotIn" and other.key == rule.key
            for value in other.values
        }
        if rule.operator == "In":
            labels.setdefault(rule.key, next((value for value in rule.values if value not in barred), ""))
        if rule.operator == "Exists":
            labels.setdefault(rule.key, next(word for word in ("", "x", "xx", "xxx") if word not in barred))
    return labels


def outward(policy: PolicyView, labels: Mapping[str, str], landscape: Landscape, *, turn: int) -> tuple[Planned, ...]:
    """Return what a probe with the policy's labels tries: what is declared, the witness, and a sample of what is not.

    `turn` changes from run to run and with it the sample.
    """
    source = probe_end(policy, labels, landscape)
    near = {*neighbours(policy), policy.key}
    ends = [end for key in sorted(near) for end in _ports_of(key, landscape)]
    planned = [_planned(source, key, pod, port, landscape) for key, pod, port in ends]
    declared = [one for one in planned if one.flow.expected == "Open"][:MOST_OPEN]
    refused = [one for one in planned if one.flow.expected == "Closed"]
    far = sorted(
        (end for key in landscape.pods.keys() - near for end in _ports_of(key, landscape)),
        key=lambda end: fingerprint([turn, policy.key, end[0], str(end[2])]),
    )
    for key, pod, port in far[: MOST_CLOSED - min(len(refused), MOST_CLOSED)]:
        one = _planned(source, key, pod, port, landscape)
        refused += [one] if one.flow.expected == "Closed" else []
    return (*declared, *_to_witness(source, landscape), *refused[:MOST_CLOSED])


def probe_end(policy: PolicyView, labels: Mapping[str, str], landscape: Landscape) -> Endpoint:
    """Return the probe pod as the network sees it; its address stands for that of one of the policy's pods."""
    own = landscape.pods.get(policy.key, ())
    return Endpoint(
        namespace=policy.namespace,
        name="bartizan-probe",
        ip=own[0].ip if own else landscape.witness.ip,
        labels=labels,
        namespace_labels=landscape.namespace_labels.get(policy.namespace, {}),
    )


def inward(policy: PolicyView, landscape: Landscape) -> tuple[Planned, ...]:
    """Return what the witness itself tries: each of the policy's ports, on one of its ready pods."""
    return tuple(
        replace(one, flow=one.flow.model_copy(update={"from_": WITNESS, "to": None}))
        for key, pod, port in _ports_of(policy.key, landscape)
        for one in (_planned(landscape.witness, key, pod, port, landscape),)
    )


def _to_witness(source: Endpoint, landscape: Landscape) -> list[Planned]:
    port = PortRange(landscape.witness_port, landscape.witness_port, "TCP")
    # The witness admits everybody, so only the caller's side decides; NetworkPolicies of the release are not bartizan's own.
    expected = expectation(source, landscape.witness, port, landscape)
    flow = ProbedFlow(to=WITNESS, port=str(port), expected=expected, seen="Unclear")
    return [Planned(flow=flow, target=Target(landscape.witness.ip, port.first, awaited=expected == "Open"))]


def _ports_of(key: PolicyKey, landscape: Landscape) -> list[tuple[PolicyKey, Endpoint, PortRange]]:
    policy, pods = landscape.policies.get(key), landscape.pods.get(key)
    if policy is None or not pods:
        return []
    ports = sorted(port for port in own_ports(policy.spec.network.ports) if port.protocol == "TCP" and port.single)
    return [(key, pods[0], port) for port in ports]


def _planned(source: Endpoint, key: PolicyKey, pod: Endpoint, port: PortRange, landscape: Landscape) -> Planned:
    expected = expectation(source, pod, port, landscape)
    flow = ProbedFlow(to="/".join(key), port=str(port), expected=expected, seen="Unclear")
    return Planned(flow=flow, target=Target(pod.ip, port.first, awaited=expected == "Open"), pod=pod)


def expectation(source: Endpoint, end: Endpoint, port: PortRange, landscape: Landscape) -> Expected:
    """Return whether bartizan's own NetworkPolicies let a connection through."""
    places = {source.namespace, end.namespace}
    held = [item for place in places for item in landscape.network_policies.get(place, ())]
    flow = Flow(source=source, destination=end, port=port.first, protocol=port.protocol)
    return "Open" if allows(flow, held).allowed else "Closed"


def seen(outcome: Outcome, *, alive: bool) -> Seen:
    """Return what an outcome shows. `alive`: some connection of the same run was made, so its network worked.

    A refusal of an undeclared call to a ready pod may come from a port where nothing listens: what it proves depends on
    whether a declared call to that port passed.
    """
    match outcome:
        case "open":
            return "Open"
        case "timeout":
            return "Closed" if alive else "Unclear"
        case "refused":
            return "Refused" if alive else "Unclear"
        case "failed":
            return "Unclear"


def observed(planned: Iterable[Planned], outcomes: Iterable[Outcome], *, alive: bool) -> tuple[ProbedFlow, ...]:
    """Return the flows with what was seen of each."""
    return tuple(
        one.flow.model_copy(update={"seen": seen(outcome, alive=alive)})
        for one, outcome in zip(planned, outcomes, strict=True)
    )


def contradicts(flow: ProbedFlow) -> bool:
    """Whether a connection came out against what is declared."""
    return (flow.expected, flow.seen) in {("Closed", "Open"), ("Open", "Closed")}

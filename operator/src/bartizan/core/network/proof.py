"""Which edges the probes prove, and which they contradict: the one place where `Enforced` is decided.

An edge is enforced when three things were seen, each recently and each against the NetworkPolicies that are in force now: its
own connections pass; a caller's pod is held back from a listener that nobody else guards; and the called side's ports are shut
to a caller that nothing else holds back. The last two are the negative halves, one for each end: a connection that is dropped
somewhere between two isolated pods would not tell which of them is isolated.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from pydantic import ValidationError

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import EdgeStatus, ProbedFlow, ProbeReport
from bartizan.api.v1alpha1.probes import WITNESS
from bartizan.core.emit import sealed_hash
from bartizan.core.model import PolicyKey
from bartizan.core.network.compile import CompiledNetwork
from bartizan.core.reasons import Reason

Reports: TypeAlias = Mapping[PolicyKey, ProbeReport]

PROOF_AGE: Final = timedelta(minutes=30)
"""The default of how long a probe proves something: three of the prober's own intervals."""
SKEW: Final = timedelta(minutes=1)
"""By how much the prober's clock may be ahead. A report from later than that is none: it would never grow old."""
_OPEN: Final = frozenset({"Applied", "Degraded"})
_KEY_PARTS: Final = 2


@dataclass(frozen=True, slots=True)
class Doubt:
    """Why an edge is not proven."""

    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the probes come to for one policy."""

    edges: tuple[EdgeStatus, ...]
    contradictions: tuple[str, ...] = ()
    """Sentences that name a connection which passed or failed against what is declared."""
    doubts: tuple[str, ...] = ()
    """Sentences that say what is not proven; empty with `since`: everything is."""
    since: datetime | None = None
    """The time of the oldest run that the proof rests on; None: there is no report to speak of."""
    lapses: datetime | None = None
    """When the first of the runs becomes too old."""


def read_report(item: KubeObject) -> ProbeReport | None:
    """Return the report in a policy's status; one that cannot be read counts as none."""
    found = (item.get("status") or {}).get("probes")
    if not found:
        return None
    try:
        return ProbeReport.model_validate(found)
    except ValidationError:
        return None


def without_report(status: KubeObject | None) -> KubeObject:
    """Return a status as far as the controller writes it: all but what the prober saw."""
    return {name: value for name, value in (status or {}).items() if name != "probes"}


def speaks_of(report: ProbeReport, network_policy: KubeObject | None) -> bool:
    """Whether the report is about this very state of a policy's NetworkPolicy."""
    return bool(report.network) and report.network == sealed_hash(network_policy)


def is_past(report: ProbeReport, now: datetime) -> bool:
    """Whether the report is of a run that can have been, give or take the difference of two clocks."""
    return report.at <= now + SKEW


def prove(
    policy: PolicyKey, compiled: CompiledNetwork, reports: Reports, *, now: datetime, max_age: timedelta
) -> Proof:
    """Return what is proven of what a policy comes to now; what was seen of another state of it proves nothing."""
    own = reports.get(policy)
    if own is None or not speaks_of(own, compiled.network_policy):
        return Proof(edges=compiled.edges)
    return fold(policy, compiled.edges, reports, now=now, max_age=max_age)


def fold(
    policy: PolicyKey, edges: tuple[EdgeStatus, ...], reports: Reports, *, now: datetime, max_age: timedelta
) -> Proof:
    """Return the edges with what is proven of them.

    `reports` are those of the policy and its neighbours that speak of the NetworkPolicies in force. Without a recent one of
    the policy itself nothing is said of any edge.
    """
    recent = {key: report for key, report in reports.items() if is_past(report, now) and now < report.at + max_age}
    own = recent.get(policy)
    if own is None:
        return Proof(edges=edges)
    judged = [(edge, _judged(edge, policy, recent)) for edge in edges]
    open_edges = [(edge, found) for edge, found in judged if edge.state in _OPEN]
    proven = [found for _, found in open_edges if isinstance(found, datetime)]
    doubts = [_doubt(edge, found) for edge, found in open_edges if isinstance(found, Doubt)]
    return Proof(
        edges=tuple(_marked(edge, found) for edge, found in judged),
        contradictions=tuple(_contradictions(policy, own)),
        doubts=(*_own_doubts(own), *doubts),
        since=min((own.at, *proven)),
        lapses=min(report.at for report in recent.values()) + max_age,
    )


def peer_of(edge: EdgeStatus, policy: PolicyKey) -> PolicyKey | None:
    """Return the policy at the other end of an edge; None for a peer that is no policy."""
    name = edge.from_ or edge.to or ""
    if name == "self":
        return policy
    parts = name.split("/")
    if len(parts) != _KEY_PARTS or parts[0] in {"workload", "cidr", "fqdn"}:
        return None
    return (parts[0], parts[1])


def _judged(edge: EdgeStatus, policy: PolicyKey, recent: Reports) -> datetime | Doubt:
    """Return since when an edge is proven, or why it is not."""
    peer = peer_of(edge, policy)
    unable = _unprovable(edge, peer)
    if unable or peer is None:
        return Doubt(Reason.NOT_PROVABLE, unable)
    caller, called = (peer, policy) if edge.from_ else (policy, peer)
    missing = next((key for key in (caller, called) if key not in recent), None)
    if missing:
        return Doubt(Reason.NOT_PROVEN, f"no recent probe of {'/'.join(missing)}")
    outward, inward = recent[caller], recent[called]
    for port in edge.ports:
        doubt = _passes(outward, called, port) or _shut(inward, called, port)
        if doubt:
            return doubt
    if not any(flow.to == WITNESS and _held(flow, {"Closed", "Refused"}) for flow in outward.flows):
        return Doubt(Reason.NOT_PROVEN, f"it was not shown that undeclared calls of {'/'.join(caller)} are stopped")
    return min(outward.at, inward.at)


def _unprovable(edge: EdgeStatus, peer: PolicyKey | None) -> str:
    if peer is None:
        return "only edges between policies are probed"
    odd = [port for port in edge.ports if not port.endswith("/TCP") or "-" in port]
    if odd or not edge.ports:
        return f"{', '.join(odd) or 'an edge without ports'}: only single TCP ports answer a probe"
    return ""


def _passes(outward: ProbeReport, called: PolicyKey, port: str) -> Doubt | None:
    """Return what is wrong with the positive half on one port."""
    name = "/".join(called)
    flow = next((flow for flow in outward.flows if flow.to == name and flow.port == port), None)
    if flow is None or flow.expected != "Open":
        return Doubt(Reason.NOT_PROVEN, f"the last probe found no ready pod of {name} to call on {port}")
    match flow.seen:
        case "Open":
            return None
        case "Closed":
            return Doubt(Reason.PROBE_FAILED, f"the last probe could not reach {name} on {port}")
        case "Refused":
            return Doubt(
                Reason.NOT_PROVEN, f"{name} refused the probe on {port}: nothing listens, or something rejects"
            )
        case "Unclear":
            return Doubt(Reason.NOT_PROVEN, f"the last probe of {name} on {port} proves nothing")


def _shut(inward: ProbeReport, called: PolicyKey, port: str) -> Doubt | None:
    """Return what is wrong with the called side's negative half. The port is known to listen, so a refusal is a rejection."""
    if any(f.from_ == WITNESS and f.port == port and _held(f, {"Closed", "Refused"}) for f in inward.flows):
        return None
    return Doubt(
        Reason.NOT_PROVEN, f"it was not shown that undeclared callers of {'/'.join(called)} {port} are stopped"
    )


def _held(flow: ProbedFlow, seen: set[str]) -> bool:
    return flow.expected == "Closed" and flow.seen in seen


def _contradictions(policy: PolicyKey, own: ProbeReport) -> Iterable[str]:
    """Yield what was seen against what is declared."""
    name = "/".join(policy)
    for flow in own.flows:
        caller, called = flow.from_ or name, flow.to or name
        if (flow.expected, flow.seen) == ("Closed", "Open"):
            yield f"{caller} reached {called} on {flow.port}, which no policy declares"
        if (flow.expected, flow.seen) == ("Open", "Closed"):
            yield f"{caller} could not reach {called} on {flow.port}, which the policies declare"


def _own_doubts(own: ProbeReport) -> Iterable[str]:
    if own.problem:
        yield own.problem
    if not any(flow.to == WITNESS and _held(flow, {"Closed", "Refused"}) for flow in own.flows):
        yield "it was not shown that undeclared calls of its pods are stopped"


def _doubt(edge: EdgeStatus, doubt: Doubt) -> str:
    way = f"from {edge.from_}" if edge.from_ else f"to {edge.to}"
    return f"{way}: {doubt.message}"


def _marked(edge: EdgeStatus, found: datetime | Doubt) -> EdgeStatus:
    """Return the edge with its proof, or with the reason why there is none; what is said of a narrowed edge stays."""
    if edge.state != "Applied":
        return edge
    if isinstance(found, datetime):
        return edge.model_copy(update={"state": "Enforced", "proven": found})
    message = "; ".join(part for part in (edge.message, found.message) if part)
    return edge.model_copy(update={"reason": edge.reason or found.reason.value, "message": message})

"""CertificateServed: what was seen of a policy's pods, held against what was issued, and what follows from it.

Only what was seen counts. A pod that nobody could ask is not said to serve anything; an older certificate that was seen before
the new one was there, or while there was still time to load it, is not held against anybody.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from bartizan.api.v1alpha1 import CertificatePods, EdgeStatus, OnRotation, Restarted, ServedSighting
from bartizan.core.conditions import Observation
from bartizan.core.model import PolicyKey, PolicyView
from bartizan.core.network.proof import peer_of
from bartizan.core.pki.cut_off import WHY, CutOff
from bartizan.core.reasons import Mode
from bartizan.core.restarts import Step, next_restart
from bartizan.core.served.issued import Issued, IssuedLeaf
from bartizan.core.served.looks import asked_ports
from bartizan.core.served.pods import PodFacts
from bartizan.core.served.words import Counts, Looked, observation

LAG: Final = timedelta(seconds=90)
"""How long a node may still hand the former Secret to a pod that starts: the kubelet's cache may be a minute behind."""
_OPEN: Final = frozenset({"Applied", "Enforced", "Degraded"})


class Serves(StrEnum):
    """What one pod was last seen to serve."""

    CURRENT = "current"
    STALE = "stale"
    """An older one, after the time it had to load the present one."""
    LATE = "late"
    """An older one, and there still is time."""
    FOREIGN = "foreign"
    NOT_TLS = "not TLS"
    UNCLEAR = "unclear"
    """It was asked and showed nothing."""
    NOT_SEEN = "not seen"


_NAMED_ORDER: Final = (
    Serves.STALE, Serves.LATE, Serves.FOREIGN, Serves.NOT_TLS, Serves.CURRENT, Serves.UNCLEAR, Serves.NOT_SEEN,
)  # fmt: skip
_ANY_ORDER: Final = (
    Serves.STALE, Serves.LATE, Serves.CURRENT, Serves.UNCLEAR, Serves.NOT_SEEN, Serves.FOREIGN, Serves.NOT_TLS,
)  # fmt: skip
"""Where no port is named it is none of bartizan's business what others than the one that serves the certificate do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedInput:
    """All that the decision may look at."""

    policy: PolicyView
    mode: Mode
    probed: bool
    """Whether there is a prober."""
    edges: tuple[EdgeStatus, ...]
    """The policy's edges, as last said."""
    issued: Issued
    pods: tuple[PodFacts, ...]
    sightings: tuple[ServedSighting, ...]
    """Of this policy's pods, by policies that may call it; the latest of each pod and port."""
    last: Restarted | None = None
    """The restart that is remembered."""
    refused: str = ""
    """What the API server said to the eviction that was tried last."""
    cut_off: CutOff = field(default_factory=CutOff)
    """Whose certificate is of an authority that is not trusted any more."""
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedOutcome:
    """What is said and done."""

    observation: Observation
    pods: CertificatePods | None
    """None as long as no pod was asked."""
    step: Step
    look_after: timedelta | None = None


def observers(policy: PolicyView, edges: Iterable[EdgeStatus]) -> Mapping[PolicyKey, frozenset[str]]:
    """Return the policies whose probes may reach ports that are asked, itself among them perhaps, and which ports these are."""
    asked = {str(port) for port in asked_ports(policy)}
    found: dict[PolicyKey, frozenset[str]] = {}
    for edge in edges:
        caller = peer_of(edge, policy.key) if edge.from_ and edge.state in _OPEN else None
        ports = asked.intersection(edge.ports)
        if caller and ports:
            found[caller] = found.get(caller, frozenset()) | ports
    return found


def judge_served(seen: ServedInput) -> ServedOutcome:
    """Return what is known of the certificates that the policy's pods serve, and which pod is replaced for it."""
    rule = seen.policy.spec.mtls.on_rotation
    pods = tuple(pod for pod in seen.pods if not pod.leaving)
    ports = frozenset[str]().union(*observers(seen.policy, seen.edges).values())
    found = {pod.uid: _serves(pod, seen, ports) for pod in pods}
    step = _restart(seen, rule, found)
    newest = seen.issued.newest
    looked = Looked(
        mode=seen.mode,
        probed=seen.probed,
        asked=tuple(map(str, asked_ports(seen.policy))),
        ports=tuple(sorted(ports)),
        named=rule.confirm.port or "",
        issued=newest is not None,
        deadline=newest.since + rule.confirm.within if newest else None,
        counts=Counts(**{kind.name.lower(): _names(pods, found, kind) for kind in Serves}),
        restarting="Restart" in {rule.strategy, rule.fallback},
        restarts=step.words,
    )
    waits = [step.look_after]
    if looked.deadline and seen.now < looked.deadline and len(looked.counts.current) < len(pods):
        waits.append(looked.deadline - seen.now)
    return ServedOutcome(
        observation=observation(looked),
        pods=_counted(seen, pods, found),
        step=step,
        look_after=min((wait for wait in waits if wait is not None), default=None),
    )


def _serves(pod: PodFacts, seen: ServedInput, ports: frozenset[str]) -> Serves:
    """Return what a pod serves; an older certificate on one port counts more than the present one on another."""
    leaf = seen.issued.to(pod.uid)
    mine = [one for one in seen.sightings if one.uid == pod.uid and one.port in ports]
    kinds = {_kind(one, leaf, seen) for one in mine} if leaf else set()
    if len(mine) < len(ports):
        kinds.add(Serves.NOT_SEEN)
    named = seen.policy.spec.mtls.on_rotation.confirm.port is not None
    return next((kind for kind in (_NAMED_ORDER if named else _ANY_ORDER) if kind in kinds), Serves.NOT_SEEN)


def _kind(one: ServedSighting, leaf: IssuedLeaf, seen: ServedInput) -> Serves:
    if one.seen == "NotTLS":
        return Serves.NOT_TLS
    if one.seen == "Unclear":
        return Serves.UNCLEAR
    if leaf.is_in(one):
        return Serves.CURRENT
    if one.at < leaf.since:
        return Serves.NOT_SEEN
    if one.authority not in {leaf.authority, *seen.issued.authorities}:
        return Serves.FOREIGN
    within = seen.policy.spec.mtls.on_rotation.confirm.within
    return Serves.STALE if one.at >= leaf.since + within else Serves.LATE


def _restart(seen: ServedInput, rule: OnRotation, found: dict[str, Serves]) -> Step:
    """Return which pod is replaced. Never one that started when the present certificate was there: it would change nothing.

    Whoever distrusts an authority wants those gone that live on it, whatever a policy says of rotations.
    """
    wanted = dict.fromkeys(seen.cut_off.replaced, WHY) if seen.mode is not Mode.NOT_GOVERNED else {}
    for pod in seen.pods:
        leaf = seen.issued.to(pod.uid)
        if leaf is None or pod.started is None or seen.mode is Mode.NOT_GOVERNED:
            continue
        if rule.strategy == "Restart" and pod.started < leaf.since:
            wanted[pod.uid] = "the certificate changed"
        if rule.fallback == "Restart" and found.get(pod.uid) is Serves.STALE and pod.started < leaf.since + LAG:
            wanted[pod.uid] = "it serves an older certificate"
    return next_restart(seen.pods, wanted, seen.last, refused=seen.refused, now=seen.now)


def _names(pods: Iterable[PodFacts], found: dict[str, Serves], kind: Serves) -> tuple[str, ...]:
    return tuple(pod.name for pod in pods if found[pod.uid] is kind)


def _counted(seen: ServedInput, pods: Sequence[PodFacts], found: dict[str, Serves]) -> CertificatePods | None:
    uids = {pod.uid for pod in pods}
    shown = [one for one in seen.sightings if one.uid in uids]
    if not shown:
        return None
    newest = seen.issued.newest
    current = {one.uid for one in shown if newest and one.authority == newest.authority}
    return CertificatePods(
        total=len(pods),
        on_current_authority=len(current),
        serving=sum(kind is Serves.CURRENT for kind in found.values()),
        stale=sum(kind in {Serves.STALE, Serves.LATE} for kind in found.values()),
        seen=max((one.at for one in shown), default=None),
    )

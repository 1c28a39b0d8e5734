"""Who uses certificates of a trust domain, and whether they would notice a new one: as far as the cluster shows it.

Nobody has to promise that a program reads its files again. Only what was seen counts as known: a pod that runs since before its
present certificate was there and serves it has loaded it. A pod that was seen to serve the certificate it began with may load
the next one, or may not; that is said, and a forecast takes the worse of both.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from pydantic import ValidationError

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import CertificateStatus, EdgeStatus
from bartizan.api.v1alpha1.status import CertificatePods
from bartizan.core.checks.frozen_identity import find
from bartizan.core.checks.view import view_of
from bartizan.core.conditions import read_conditions
from bartizan.core.model import PolicyKey, PolicyView
from bartizan.core.network.proof import peer_of
from bartizan.core.pki.profile import BACKDATE
from bartizan.core.reasons import ConditionType, Mode, Reason
from bartizan.core.served.pods import PodFacts, pods_of
from bartizan.core.views import read_policy

_NOT_KEPT: Final = frozenset({Reason.SECRET_NOT_OURS, Reason.SECRET_CONTESTED})
_OPEN: Final = frozenset({"Applied", "Enforced", "Degraded"})


class Loads(StrEnum):
    """Whether the pods of a policy take up a new certificate and bundle."""

    SEEN = "Seen"
    """They run since before the present certificate was there, and serve it."""
    RESTARTED = "Restarted"
    """bartizan replaces them (`spec.mtls.onRotation`)."""
    NEVER = "Never"
    """They read their files in a way that never shows a change, or were seen to go on with an older certificate."""
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumer:
    """One policy with a certificate."""

    key: PolicyKey
    authority: str
    """The id of the issuing authority of its certificate."""
    not_before: datetime
    not_after: datetime
    renewal: datetime
    lifetime: timedelta
    secret_name: str = ""
    """Where its certificate is; empty: each pod has one of its own, taken to be just issued because nobody tells its age."""
    asked: CertificatePods | None = None
    """What is known of its pods' certificates; None: nothing."""
    loads: Loads
    why: str
    """What is known of it, in words."""
    pods: tuple[str, ...] = ()
    """The pods that this is about, where it is known which; empty: all."""
    held_up: str = ""
    """Why its Secret does not get what it should; empty: it does."""
    calls: frozenset[PolicyKey] = frozenset()
    """The policies it may call, by its open edges."""

    @property
    def name(self) -> str:
        """Namespace and name."""
        return "/".join(self.key)

    @property
    def on_node(self) -> bool:
        """Whether nodes ask for its pods' certificates, at half of their lives and not because an authority follows."""
        return not self.secret_name

    @property
    def probed(self) -> bool:
        """Whether probes see what it serves."""
        return self.asked is not None and self.asked.seen is not None

    @property
    def changes(self) -> bool:
        """Whether it is known to take up what is new."""
        return self.loads in {Loads.SEEN, Loads.RESTARTED}


def belongs(item: KubeObject, trust_domain: str) -> bool:
    """Whether a policy, as it stands in the cluster, names the trust domain."""
    view = read_policy(item)
    return isinstance(view, PolicyView) and view.spec.identity.trust_domain == trust_domain


def consumers_of(
    policies: Iterable[KubeObject], trust_domain: str, pods: Iterable[KubeObject] | None, now: datetime
) -> tuple[Consumer, ...]:
    """Return the policies of a trust domain that hold a certificate, by name. `pods` None: they could not be read."""
    by_namespace: dict[str, list[KubeObject]] = {}
    for pod in pods or ():
        by_namespace.setdefault(pod["metadata"].get("namespace", ""), []).append(pod)
    found = []
    for item in policies:
        view, certificate = read_policy(item), certificate_of(item)
        if not isinstance(view, PolicyView) or view.spec.identity.trust_domain != trust_domain or certificate is None:
            continue
        if (item.get("status") or {}).get("mode") == Mode.NOT_GOVERNED:
            continue
        mine = by_namespace.get(view.namespace, []) if pods is not None else None
        found.append(_consumer(view, item, certificate, mine, now))
    return tuple(sorted(found, key=lambda one: one.key))


def certificate_of(item: KubeObject) -> CertificateStatus | None:
    """Return what a policy's status says of its certificate; None where it says nothing that can be read."""
    written = (item.get("status") or {}).get("certificate")
    if not isinstance(written, Mapping):
        return None
    known = {field.alias for field in CertificateStatus.model_fields.values()}
    try:
        return CertificateStatus.model_validate({key: value for key, value in written.items() if key in known})
    except ValidationError:
        return None


def _consumer(
    view: PolicyView, item: KubeObject, certificate: CertificateStatus, pods: list[KubeObject] | None, now: datetime
) -> Consumer:
    conditions = {one.type: one for one in read_conditions(item)}
    ready, served = conditions.get(ConditionType.CERTIFICATE_READY), conditions.get(ConditionType.CERTIFICATE_SERVED)
    mine = pods_of(view, pods or ())
    frozen = _frozen(view, pods or (), mine)
    loads, why = _loads(view, certificate, served.reason if served else "", mine if pods is not None else None)
    if frozen:
        loads, why = Loads.NEVER, "reads its certificate by subPath or from a variable, which never change in a pod"
    held_up = ready.message if ready and ready.status == "False" and ready.reason in _NOT_KEPT else ""
    start, end, renewal = _life(certificate, view.spec.mtls.lifetime, now)
    return Consumer(
        key=view.key,
        authority=certificate.authority,
        not_before=start,
        not_after=end,
        renewal=renewal,
        lifetime=view.spec.mtls.lifetime,
        secret_name=(certificate.secret_name or "") if certificate.delivery == "Secret" else "",
        asked=certificate.pods,
        loads=loads,
        why=why,
        pods=frozen,
        held_up=held_up,
        calls=_calls(view, item),
    )


def _life(certificate: CertificateStatus, lifetime: timedelta, now: datetime) -> tuple[datetime, datetime, datetime]:
    """Return from when to when it is valid and when the next one comes; the worst of what is possible where it is not told."""
    start, end, renewal = certificate.not_before, certificate.not_after, certificate.next_renewal
    if certificate.delivery == "Secret" and start and end and renewal:
        return start, end, renewal
    return now, now + lifetime, now + lifetime / 2


def _loads(
    view: PolicyView, certificate: CertificateStatus, served: str, pods: tuple[PodFacts, ...] | None
) -> tuple[Loads, str]:
    rule, seen = view.spec.mtls.on_rotation, certificate.pods
    if rule.strategy == "Restart":
        return Loads.RESTARTED, "is replaced at every rotation (onRotation.strategy: Restart)"
    if served == Reason.SERVED_STALE:
        if rule.fallback == "Restart":
            return (
                Loads.RESTARTED,
                "was seen to serve an older certificate and is replaced (onRotation.fallback: Restart)",
            )
        return Loads.NEVER, "was seen to go on with an older certificate"
    since = certificate.not_before + BACKDATE if certificate.not_before else None
    older = pods is not None and any(pod.started and since and pod.started < since for pod in pods)
    if served == Reason.SERVED and older:
        return Loads.SEEN, "was seen to serve a certificate that is younger than its pods"
    if seen is not None and seen.seen and rule.fallback == "Restart":
        return Loads.RESTARTED, "is replaced where it is seen to serve an older one (onRotation.fallback: Restart)"
    if served == Reason.SERVED:
        return Loads.UNKNOWN, "serves the present certificate, and nobody has seen it load one that came later"
    return Loads.UNKNOWN, "was not seen to load a certificate: no probe reaches what it serves"


def _frozen(view: PolicyView, pods: Iterable[KubeObject], running: tuple[PodFacts, ...]) -> tuple[str, ...]:
    """Return the running pods that keep what their files held when they began (J-04)."""
    names = {pod.name for pod in running}
    index = {"rest": [{"name": view.name, "identity": view.spec.secret_name(view.name)}]}
    found = (
        pod["metadata"]["name"]
        for pod in pods
        if pod["metadata"]["name"] in names and any(True for _ in find(view_of(pod, index)))
    )
    return tuple(sorted(found))


def _calls(view: PolicyView, item: KubeObject) -> frozenset[PolicyKey]:
    """Return the policies at the other end of open egress edges."""
    keys = set()
    for entry in (item.get("status") or {}).get("edges") or ():
        try:
            edge = EdgeStatus.model_validate(entry)
        except ValidationError:
            continue
        called = peer_of(edge, view.key) if edge.to and edge.state in _OPEN else None
        if called and called != view.key:
            keys.add(called)
    return frozenset(keys)

"""A policy's pods as far as restarts are about them: since when they run, whether they are ready, and who replaces them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bartizan.api.names import PROBE_LABEL, KubeObject
from bartizan.api.v1alpha1 import CertificatePods
from bartizan.core.model import PolicyView
from bartizan.core.pods import controller_of, has_finished
from bartizan.core.select import matches

_ENDING: Final = frozenset({"Job"})
"""What makes pods that do a piece of work and end: one that is evicted loses it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodFacts:
    """One pod that runs."""

    namespace: str
    name: str
    uid: str
    started: datetime | None
    """When the oldest of its containers that run began: it has read no file before. None while none runs."""
    ready: bool = True
    leaving: bool = False
    replaced: bool = True
    """Whether something makes another one when it goes."""


def pods_of(policy: PolicyView, pods: Iterable[KubeObject]) -> tuple[PodFacts, ...]:
    """Return the pods of a policy that have not finished, by name; probes are none of them."""
    found = [
        _facts(pod)
        for pod in pods
        if pod["metadata"].get("namespace") == policy.namespace
        and PROBE_LABEL not in (labels := pod["metadata"].get("labels") or {})
        and not has_finished(pod)
        and matches(policy.spec.workload.selector, labels)
    ]
    return tuple(sorted(found, key=lambda pod: pod.name))


def with_own(seen: CertificatePods | None, own: CertificatePods | None) -> CertificatePods | None:
    """Return what was seen of a policy's pods, with the counts of those that have certificates of their own, if they do.

    Who signed for them stands in the ledger, whether anybody could look at what they serve or not.
    """
    if own is None or seen is None:
        return own or seen
    return seen.model_copy(update={"total": own.total, "on_current_authority": own.on_current_authority})


def _facts(pod: KubeObject) -> PodFacts:
    meta, status = pod["metadata"], pod.get("status") or {}
    owner = controller_of(pod)
    ready = any(one.get("type") == "Ready" and one.get("status") == "True" for one in status.get("conditions") or ())
    return PodFacts(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta.get("uid", ""),
        started=min(filter(None, map(_began, status.get("containerStatuses") or ())), default=None),
        ready=ready,
        leaving="deletionTimestamp" in meta,
        replaced=owner is not None and owner.get("kind") not in _ENDING,
    )


def _began(container: KubeObject) -> datetime | None:
    text = ((container.get("state") or {}).get("running") or {}).get("startedAt")
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo else None

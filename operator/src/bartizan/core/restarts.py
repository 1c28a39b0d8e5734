"""Which pod of a policy is replaced next: one at a time, only where something makes another, and for all reasons at once.

Whatever needs a restart (a certificate that was not reloaded, later a secret) asks here, so that a pod for which there are two
reasons goes once. How many may be missing is for the PodDisruptionBudget to say; here it is one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bartizan.api.v1alpha1 import Restarted
from bartizan.core.model import ObjectRef
from bartizan.core.served.pods import PodFacts

PATIENCE: Final = timedelta(minutes=10)
"""How long the next one waits for as many ready pods as there were: the workload may have been scaled down meanwhile."""
GLANCE: Final = timedelta(seconds=5)
"""How often it is looked whether the next one may go."""
REFUSED: Final = timedelta(seconds=15)
"""How often it is asked again for one that may not go: no event tells that a budget allows it."""
_NAMED: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Evict:
    """Ask the API server to evict this very pod."""

    ref: ObjectRef
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is done about restarts now."""

    evict: Evict | None = None
    restarted: Restarted | None = None
    """What is to be remembered, before it is done."""
    words: tuple[str, ...] = ()
    """What is under way or waited for, for a person."""
    look_after: timedelta | None = None


def next_restart(
    pods: Iterable[PodFacts],
    wanted: Mapping[str, str],
    last: Restarted | None,
    *,
    refused: str = "",
    now: datetime,
) -> Step:
    """Return the next step.

    Args:
        pods: all pods of the policy.
        wanted: uids of pods that are to be replaced, and why.
        last: the pod that was chosen last, as remembered.
        refused: what the API server said when it was asked to evict that one; empty if it did not refuse.
        now: the moment.
    """
    known = tuple(pods)
    candidates = [pod for pod in known if pod.uid in wanted and not pod.leaving]
    alone = [pod.name for pod in candidates if not pod.replaced]
    words = (f"nothing replaces {_listed(alone)}: delete it yourself",) if alone else ()
    candidates = sorted(
        (pod for pod in candidates if pod.replaced), key=lambda pod: (pod.ready, pod.started or now, pod.name)
    )
    if not candidates:
        return Step(restarted=last, words=words)
    chosen = next((pod for pod in candidates if last and pod.uid == last.uid), None)
    waits = _waits(known, wanted, last, now) if chosen is None else ""
    if waits:
        return Step(restarted=last, words=(*words, waits), look_after=GLANCE)
    pod = chosen or candidates[0]
    kept = last if chosen else Restarted(pod=pod.name, uid=pod.uid, at=now.replace(microsecond=0), of=len(known))
    held = f"pod {pod.name} is to be evicted" + (f" and may not leave yet: {refused}" if chosen and refused else "")
    ref = ObjectRef(api_version="v1", kind="Pod", namespace=pod.namespace, name=pod.name)
    again = REFUSED if chosen and refused else GLANCE
    return Step(evict=Evict(ref=ref, uid=pod.uid), restarted=kept, words=(*words, held), look_after=again)


def _waits(pods: tuple[PodFacts, ...], wanted: Mapping[str, str], last: Restarted | None, now: datetime) -> str:
    """Return what the next restart waits for; empty: nothing."""
    leaving = [pod.name for pod in pods if pod.leaving]
    if leaving:
        return f"waits until {_listed(leaving)} is gone"
    unready = [pod.name for pod in pods if not pod.ready and pod.uid not in wanted]
    if unready:
        return f"waits until {_listed(unready)} is ready"
    if last and len(pods) < last.of and now < last.at + PATIENCE:
        return f"waits for the successor of pod {last.pod}"
    return ""


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")

"""A forecast as text for a terminal and as the JSON document of `bartizan pki simulate`."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Final

from bartizan.api.duration import format_duration
from bartizan.api.names import KubeObject
from bartizan.core.network.expiry import spoken
from bartizan.core.network.graph_text import Paint, plain
from bartizan.core.pki.consumers import Consumer, Loads
from bartizan.core.pki.forecast import LONGEST, Forecast, Question
from bartizan.core.pki.forecast_refusals import Refusal

MEANING: Final = {
    "Prepared": "the next authority is made",
    "Publishing": "the new root joins every bundle; the old one signs",
    "Activated": "an issuing authority is made under the new root",
    "Draining": "the new one signs; certificates of the old one are issued anew",
    "Retirable": "nothing uses the old one any more; it is looked once more",
    "Retired": "the old one leaves bundles and chains, its Secrets are deleted",
    "Stable": "it is over",
}
LIMITS: Final = (
    "peers outside the cluster, and pods without a policy, are not looked at",
    "files and certificates are taken to arrive at once: each time is the earliest possible",
    "what a pod trusts cannot be seen: one that was seen to load certificates is taken to load the bundle too",
)
"""What no forecast can know."""
_TITLES: Final = {
    "Root": "If the root of trust domain {name} rotated now ({now})",
    "Issuing": "If the issuing authority of trust domain {name} rotated now ({now})",
    "Distrust": "If {ids} of trust domain {name} were distrusted now ({now})",
    "Current": "How the rotation of trust domain {name} goes on from now ({now})",
}
_NAMED: Final = 8


def text(question: Question, found: Forecast, unseen: Iterable[str] = (), paint: Paint = plain) -> str:
    """Return the timeline, who would be refused, and what is not known."""
    title = _TITLES[question.what].format(
        name=question.view.name, now=spoken(question.now), ids=", ".join(question.distrusted)
    )
    if found.blocked:
        return f"{paint('title', title)}:\n  {paint('bad', 'nothing begins')}: {found.blocked}\n"
    lines = [f"{paint('title', title)}, at the earliest:", *timeline(question.now, found, paint)]
    lines += ["", *_refusals(found, question.now, paint), *_unknown(question.consumers, paint)]
    lines += [paint("quiet", f"not seen: {one}") for one in unseen]
    return "\n".join([*lines, *(paint("quiet", f"not known: {one}") for one in LIMITS)]) + "\n"


def timeline(now: datetime, found: Forecast, paint: Paint = plain) -> Iterator[str]:
    """Yield a line for each phase, and what it waits for."""
    for stage in found.stages:
        yield f"  {stage.phase:<11} {_after(now, stage.at):<12} {MEANING[stage.phase]}"
        for reason in stage.waited_for:
            yield paint("quiet", f"  {'':<24} waits: {reason}")
    if found.over:
        yield f"  {'Stable':<11} {_after(now, found.over):<12} {MEANING['Stable']}"
    else:
        days = LONGEST // timedelta(days=1)
        yield paint("bad", f"  it does not end by itself: {days} days from now it still waits")
    if found.deadline:
        yield f"  the old root goes at {spoken(found.deadline)} at the latest, whoever still uses it"


def document(question: Question, found: Forecast, unseen: Iterable[str] = ()) -> KubeObject:
    """Return the JSON document; its fields are described in docs/how-to/rotate-authorities.md."""
    return {
        "trustDomain": question.view.name,
        "what": question.what,
        "distrusted": list(question.distrusted),
        "now": spoken(question.now),
        "blocked": found.blocked,
        "timeline": [
            {
                "phase": stage.phase,
                "at": spoken(stage.at),
                "afterSeconds": int((stage.at - question.now.replace(microsecond=0)).total_seconds()),
                "waitsFor": list(stage.waited_for),
            }
            for stage in found.stages
        ],
        "over": spoken(found.over) if found.over else None,
        "deadline": spoken(found.deadline) if found.deadline else None,
        "refusals": [_refusal(one) for one in found.refusals],
        "policies": [
            {
                "policy": one.name,
                "loads": str(one.loads),
                "because": one.why,
                "pods": list(one.pods),
                "heldUp": one.held_up,
            }
            for one in question.consumers
        ],
        "notSeen": [*unseen],
        "notKnown": [*LIMITS],
    }


def _refusal(one: Refusal) -> KubeObject:
    return {
        "refused": "/".join(one.refused),
        "by": "/".join(one.by),
        "why": one.why,
        "phase": one.phase,
        "at": spoken(one.at),
        "certain": one.certain,
        "because": one.because,
    }


def names(found: Sequence[str]) -> str:
    """Return some names and how many more there are."""
    more = len(found) - _NAMED
    return ", ".join(found[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _refusals(found: Forecast, now: datetime, paint: Paint) -> Iterator[str]:
    known, possible = found.breaks, [one for one in found.refusals if one.why == "Untrusted" and not one.certain]
    ended = [one for one in found.refusals if one.why == "Expired"]
    if known:
        yield paint("bad", "Refused because of it:")
        yield from _grouped(known, now)
    if possible:
        yield paint("waiting", "Refused because of it, unless they load what is new (nobody has seen whether they do):")
        yield from _grouped(possible, now)
    if ended:
        yield paint("waiting", "Refused because their certificate ends meanwhile, whether anything rotates or not:")
        yield from _grouped(ended, now)
    if not found.refusals:
        yield paint("good", "Nobody is refused by anybody, along all open edges.")


def _grouped(refusals: Iterable[Refusal], now: datetime) -> Iterator[str]:
    """Yield a line for each cause and moment."""
    ordered = sorted(refusals, key=lambda one: (one.at, one.because, one.refused, one.by))
    for (at, phase, because), group in groupby(ordered, key=lambda one: (one.at, one.phase, one.because)):
        pairs = [f"{'/'.join(one.refused)} by {'/'.join(one.by)}" for one in group]
        yield f"  {phase} {_after(now, at)}: {names(pairs)}: {because}"


def _unknown(consumers: Iterable[Consumer], paint: Paint) -> Iterator[str]:
    every = tuple(consumers)
    never = [one for one in every if one.loads is Loads.NEVER]
    unknown = [one.name for one in every if one.loads is Loads.UNKNOWN]
    known = sum(one.changes for one in every)
    yield f"{known} of {len(every)} policies with a certificate are known to take up a new one."
    for one in never:
        pods = f" (pods {names(one.pods)})" if one.pods else ""
        yield paint("bad", f"  does not: {one.name}{pods}: {one.why}")
    if unknown:
        yield paint("waiting", f"  nobody knows: {names(unknown)}")
    for one in every:
        if one.held_up:
            yield paint("bad", f"  held up: {one.name}: {one.held_up}")


def _after(now: datetime, at: datetime) -> str:
    span = at - now.replace(microsecond=0)
    return f"+{format_duration(span)}" if span > timedelta(0) else "at once"

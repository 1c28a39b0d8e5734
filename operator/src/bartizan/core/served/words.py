"""The sentences of CertificateServed: what was seen, why it is not more, and what the reader can do about it.

They say times and never ages, and nothing that changes from probe to probe: a status must not change by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bartizan.core.conditions import Observation, Status
from bartizan.core.reasons import ConditionType, Mode, Reason

_NAMED: Final = 3
_KIND: Final = ConditionType.CERTIFICATE_SERVED


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """The names of the pods by what they serve."""

    current: tuple[str, ...] = ()
    stale: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()
    not_tls: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()
    not_seen: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """How many pods there are."""
        kinds = (self.current, self.stale, self.late, self.foreign, self.not_tls, self.unclear, self.not_seen)
        return sum(map(len, kinds))


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What the sentences are made of."""

    mode: Mode
    probed: bool
    """Whether there is a prober."""
    asked: tuple[str, ...]
    """The ports that would be asked."""
    ports: tuple[str, ...]
    """Those that a policy's probe may reach."""
    named: str
    """The port that the policy names; empty: it names none."""
    issued: bool
    deadline: datetime | None
    """Until when the pods have time to load what was issued."""
    counts: Counts
    restarting: bool = False
    """Whether pods are replaced by themselves."""
    restarts: tuple[str, ...] = ()


def observation(looked: Looked) -> Observation:
    """Return the condition."""
    status, reason, message = _judged(looked)
    return Observation(type=_KIND, status=status, reason=reason, message="; ".join((message, *looked.restarts)))


def _judged(looked: Looked) -> tuple[Status, Reason, str]:
    hidden = _hidden(looked)
    if hidden:
        return "Unknown", Reason.NOT_PROVABLE, hidden
    if not looked.issued:
        return "Unknown", Reason.NOT_CONFIRMED, "there is no certificate yet that could be served"
    return _wrong(looked) or _seen(looked)


def _hidden(looked: Looked) -> str:
    """Return why nothing can be seen; empty: something can."""
    if looked.mode is not Mode.ENFORCE:
        return f"the namespace is in {looked.mode.lower()} mode, where nothing is probed"
    if not looked.probed:
        return "there is no prober: install the chart with prober.enabled=true"
    if looked.named and not looked.asked:
        return f"port {looked.named} is given by a container port's name or is not TCP: give its TCP number, to be asked there"
    if not looked.asked:
        return "the policy declares no TCP port by number: what a pure client presents cannot be seen from outside"
    if not looked.ports:
        return (
            f"no policy may call {_listed(looked.asked)}, and probes are let through only where a policy is: what nobody "
            "calls nobody sees"
        )
    counts = looked.counts
    if not looked.named and counts.total and len(counts.not_tls) + len(counts.foreign) == counts.total:
        return (
            f"none of {_listed(looked.ports)} serves the certificate ({_odd(counts)}); if one is to, name it in "
            "spec.mtls.onRotation.confirm.port"
        )
    return ""


def _odd(counts: Counts) -> str:
    words = [
        *(["some do not speak TLS"] if counts.not_tls else []),
        *(["some serve certificates that bartizan did not issue"] if counts.foreign else []),
    ]
    return ", ".join(words)


def _wrong(looked: Looked) -> tuple[Status, Reason, str] | None:
    counts = looked.counts
    if looked.named and counts.not_tls:
        message = (
            f"{_listed(counts.not_tls)} does not speak TLS on port {looked.named}: serve the mounted certificate there, or "
            "name another port in spec.mtls.onRotation.confirm.port"
        )
        return "False", Reason.NOT_TLS, message
    if looked.named and counts.foreign:
        message = (
            f"{_listed(counts.foreign)} serves a certificate on port {looked.named} that no authority of the trust domain "
            "signed: serve the mounted one"
        )
        return "False", Reason.SERVED_FOREIGN, message
    if counts.stale:
        fix = "reload it when the mounted files change"
        fix += "" if looked.restarting else ", or set spec.mtls.onRotation.fallback to Restart"
        message = f"{_listed(counts.stale)} still served an older certificate after {_time(looked.deadline)}: {fix}"
        return "False", Reason.SERVED_STALE, message
    return None


def _seen(looked: Looked) -> tuple[Status, Reason, str]:
    counts = looked.counts
    if not counts.total:
        return "Unknown", Reason.NOT_CONFIRMED, "no pod of the policy runs"
    if len(counts.current) == counts.total:
        return "True", Reason.SERVED, f"every pod ({counts.total}) was seen to serve the present certificate"
    parts = [f"{len(counts.current)} of {counts.total} pods were seen to serve the present certificate"]
    if counts.late:
        parts.append(f"{_listed(counts.late)} served an older one and has until {_time(looked.deadline)} to load it")
    if counts.not_seen:
        parts.append(f"not asked since it was issued: {_listed(counts.not_seen)}")
    if counts.unclear:
        parts.append(f"showed no certificate when asked without a server name: {_listed(counts.unclear)}")
    if counts.not_tls or counts.foreign:
        parts.append(f"serve something else on every port: {_listed((*counts.not_tls, *counts.foreign))}")
    return "Unknown", Reason.NOT_CONFIRMED, "; ".join(parts)


def _time(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else "its time"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")

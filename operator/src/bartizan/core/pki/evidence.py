"""What is known of who trusts and who uses which authority, and what it forbids.

An authority is published before it signs, and dropped when nothing it signed is in use. Both are judged by what was seen, not
by the time that has passed: the ledger of issued certificates, the Secrets and bundles that workloads mount, and what probes
were shown in handshakes. Whoever sees something else can be added to `Evidence` without the phases noticing.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from bartizan.core.pki.authority import AUTHORITY_BACKDATE, Authority

LONGEST_CERTIFICATE: Final = timedelta(hours=168)
"""The longest lifetime a policy may ask for (`spec.mtls.lifetime`)."""
QUIET: Final = timedelta(minutes=30)
"""How long no probe may have been shown a certificate of an authority before it goes."""
_LISTED: Final = 10
_SAME_LOOK: Final = timedelta(seconds=5)
"""A ledger that was begun in the look in which the authority was made is not younger than it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A place from which workloads read what to trust, and perhaps their certificate."""

    name: str
    """In a person's words, such as `Secret shop/orders-tls`."""
    bundle: str
    """`bundle_id` of the bundle in it."""
    authority: str = ""
    """The id of the issuing authority of the certificate in it; empty: it holds none."""
    ends: datetime | None = None
    """When that certificate ends, and is in nobody's way any more; None: it is replaced before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything seen."""

    targets: tuple[Target, ...] = ()
    unseen: tuple[str, ...] = ()
    """Places that can't be looked into now, each in a person's words; nothing is concluded while there are any."""
    last_ends: Mapping[str, datetime] = field(default_factory=dict)
    """By the ledger: when the last certificate of each issuing authority (id) ends."""
    complete_since: datetime | None = None
    """From when on the ledger is complete; None: it was not read."""
    sightings: Mapping[str, datetime] = field(default_factory=dict)
    """When a probe was last shown a certificate of an authority (id)."""
    quiet: timedelta = QUIET
    """How long no probe may have been shown one before the authority goes."""
    probed: bool = True
    """Whether anybody probes."""


def bundle_id(pem: str | bytes) -> str:
    """Return a short name of a bundle by which two can be compared."""
    return hashlib.sha256(pem.encode() if isinstance(pem, str) else pem).hexdigest()[:16]


def unpublished(bundle_pem: str, evidence: Evidence) -> tuple[str, ...]:
    """Return where the bundle has not arrived yet, in words."""
    wanted = bundle_id(bundle_pem)
    late = (f"{target.name} does not hold the bundle yet" for target in evidence.targets if target.bundle != wanted)
    return _listed([*_unseen(evidence), *late])


def in_use(going: Iterable[Authority], evidence: Evidence, *, since: datetime, now: datetime) -> tuple[str, ...]:
    """Return what keeps authorities from being dropped, in words; empty: nothing they signed can be in use.

    `since` is when others began to sign in their place.
    """
    authorities = tuple(going)
    if not authorities:
        return ()
    reasons = [*_unseen(evidence)]
    if evidence.complete_since is None:
        reasons.append("the ledger of issued certificates is not read yet")
    elif unwritten := _unwritten(authorities, evidence.complete_since, now):
        reasons.append(
            f"certificates issued before the ledger began may be valid until {_moment(unwritten)}, and are not in it"
        )
    for one in authorities:
        end = evidence.last_ends.get(one.id)
        if end and end >= now:
            reasons.append(f"the last certificate of {_called(one)} in the ledger ends {_moment(end)}")
    ids = {one.id: one for one in authorities}
    held = (one for one in evidence.targets if one.authority in ids and (one.ends is None or one.ends >= now))
    reasons += [f"{target.name} holds a certificate of {_called(ids[target.authority])}" for target in held]
    reasons += [
        f"a certificate of {_called(ids[key])} was seen served at {_moment(seen)}"
        for key, seen in sorted(evidence.sightings.items())
        if key in ids and seen + evidence.quiet > now
    ]
    if now < since + evidence.quiet:
        reasons.append(_looking(evidence, since))
    return _listed(reasons)


def _looking(evidence: Evidence, since: datetime) -> str:
    """Return what is waited for before it is held that nothing is served; without a prober it is waited all the same."""
    end = _moment(since + evidence.quiet)
    if evidence.probed:
        return f"probes have looked for what is served since {_moment(since)}, and go on until {end}"
    return f"nobody probes what is served (the prober is not installed), and so it waits until {end} all the same"


def _unwritten(authorities: Iterable[Authority], complete_since: datetime, now: datetime) -> datetime | None:
    """Return until when certificates may be valid that are not in the ledger, or None where there can't be any.

    What was issued before the ledger was complete has ended after the longest life there is, or with its authority.
    """
    older = (one.not_after for one in authorities if one.not_before + AUTHORITY_BACKDATE + _SAME_LOOK < complete_since)
    until = min(max(older, default=now), complete_since + LONGEST_CERTIFICATE)
    return until if until > now else None


def _unseen(evidence: Evidence) -> list[str]:
    return [f"{place} can't be looked into" for place in evidence.unseen]


def _listed(reasons: list[str]) -> tuple[str, ...]:
    """Return so many reasons as a status can bear."""
    more = len(reasons) - _LISTED
    return (*reasons[:_LISTED], *([f"and {more} more"] if more > 0 else []))


def _called(authority: Authority) -> str:
    return f"{authority.role.lower()} authority generation {authority.generation}"


def _moment(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")

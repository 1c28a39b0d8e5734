"""When a policy was probed, and what its probes saw served: that matters to those around it.

A new probe of one policy proves edges of its neighbours, and shows which certificates they serve. What was seen of certificates
is remembered beyond the report that told it, because a run asks some of a service's pods only. It is lost with the process and
seen again within some runs: whoever concludes anything from what was not seen must wait for that after a start.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import ServedSighting
from bartizan.core.model import PolicyKey
from bartizan.core.network.proof import SKEW, read_report

_MOST_AUTHORITIES: Final = 256
"""How many authorities are remembered: a server may show a certificate of any authority that it makes up."""


class Probed:
    """Remembers when each policy was probed last, and what its probes saw of certificates."""

    def __init__(self) -> None:
        """Know of no probe."""
        self._seen: dict[PolicyKey, str] = {}
        self._sightings: dict[str, dict[tuple[str, str], tuple[PolicyKey, ServedSighting]]] = {}
        self._authorities: dict[str, datetime] = {}

    def news(self, key: PolicyKey, item: KubeObject | None) -> bool:
        """Whether the policy was probed since this was last asked; takes in what was seen. None: the policy is gone."""
        if item is None:
            self._seen.pop(key, None)
            self._sightings.pop("/".join(key), None)
            return False
        at = str(((item.get("status") or {}).get("probes") or {}).get("at", ""))
        before = self._seen.get(key, "")
        self._seen[key] = at
        if at != before:
            self._take(key, item)
        return at != before

    def sightings(
        self, of: PolicyKey, *, by: Collection[PolicyKey], uids: Collection[str], now: datetime
    ) -> tuple[ServedSighting, ...]:
        """Return the latest of each pod and port of a policy, as told by those that may call it; others are not believed.

        What is not about the pods of `uids` is forgotten: they are gone. A sighting of the future is none.
        """
        held = self._sightings.get("/".join(of), {})
        for place in [place for place in held if place[0] not in uids]:
            del held[place]
        return tuple(one for who, one in held.values() if who in by and one.at <= now + SKEW)

    def authorities(self) -> Mapping[str, datetime]:
        """Return when a certificate of each authority was last seen served, by the authority's key identifier (AKI, hex)."""
        return dict(self._authorities)

    def _take(self, key: PolicyKey, item: KubeObject) -> None:
        report = read_report(item)
        for one in report.served if report else ():
            held = self._sightings.setdefault(one.of, {})
            place = (one.uid, one.port)
            if place not in held or held[place][1].at <= one.at:
                held[place] = (key, one)
            if one.authority:
                self._meet(one.authority, one.at)

    def _meet(self, authority: str, at: datetime) -> None:
        longest = datetime.min.replace(tzinfo=UTC)
        self._authorities[authority] = max(at, self._authorities.get(authority, longest))
        if len(self._authorities) > _MOST_AUTHORITIES:
            del self._authorities[min(self._authorities, key=lambda one: self._authorities[one])]


def last_served(authorities: Iterable[tuple[str, str]], seen: Mapping[str, datetime]) -> Mapping[str, datetime]:
    """Return when each authority's certificates were last seen served, by bartizan's own id of it.

    `authorities` are pairs of that id and the key identifier by which certificates name it (`core.served.leaf.own_key_id`).
    """
    return {name: seen[key_id] for name, key_id in authorities if key_id in seen}

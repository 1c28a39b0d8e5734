"""What one declared rule comes to: the edge's status for people, and the grants that are written for packets.

Status and grants are made in the same place from the same values, so that the status can never say more than is open.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import EdgeStatus
from bartizan.core.network.ports import PortRange, port_texts
from bartizan.core.reasons import Reason

State: TypeAlias = Literal["Applied", "PendingConsent", "Degraded", "Denied", "Expired"]


@dataclass(frozen=True, slots=True)
class Grant:
    """One peer and the ports that are open between it and the policy's pods."""

    peer: KubeObject
    ports: frozenset[PortRange]


@dataclass(frozen=True, slots=True)
class Edge:
    """What one rule comes to."""

    status: EdgeStatus
    grants: tuple[Grant, ...] = ()
    loops: bool = False
    """The peer is the policy itself: the grants hold in both directions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A rule whose verdict is still to be found."""

    name: str
    """What the status calls the peer."""
    inward: bool
    """Whether the rule is one of `ingress`."""
    purpose: str | None = None
    """The reason the policy gives for the rule."""
    until: datetime | None = None
    """When the edge closes by itself."""

    def applied(self, ports: Iterable[PortRange], peers: Iterable[KubeObject], *notes: str) -> Edge:
        """Return the edge written as declared."""
        return self._open("Applied", None, ports, peers, notes)

    def degraded(self, reason: Reason, ports: Iterable[PortRange], peers: Iterable[KubeObject], *notes: str) -> Edge:
        """Return the edge written narrower than declared; the first note says what is left out."""
        return self._open("Degraded", reason, ports, peers, notes)

    def pending(self, reason: Reason, ports: Iterable[PortRange], note: str) -> Edge:
        """Return the edge that waits for the other side; nothing is opened."""
        return Edge(self._status("PendingConsent", reason, ports, (note,)))

    def denied(self, reason: Reason, note: str, ports: Iterable[PortRange] = ()) -> Edge:
        """Return the edge that cannot be; nothing is opened."""
        return Edge(self._status("Denied", reason, ports, (note,)))

    def expired(self, reason: Reason, ports: Iterable[PortRange], note: str) -> Edge:
        """Return the edge that has ended at `until`; nothing is opened."""
        return Edge(self._status("Expired", reason, ports, (note,)))

    def _open(
        self,
        state: State,
        reason: Reason | None,
        ports: Iterable[PortRange],
        peers: Iterable[KubeObject],
        notes: tuple[str, ...],
    ) -> Edge:
        opened = frozenset(ports)
        grants = tuple(Grant(peer, opened) for peer in peers)
        return Edge(self._status(state, reason, opened, notes), grants)

    def _status(
        self, state: State, reason: Reason | None, ports: Iterable[PortRange], notes: tuple[str, ...]
    ) -> EdgeStatus:
        sentences = [note for note in (*notes, self.purpose) if note]
        return EdgeStatus(
            from_=self.name if self.inward else None,
            to=None if self.inward else self.name,
            ports=port_texts(ports),
            state=state,
            reason=reason.value if reason else None,
            message="; ".join(sentences) or None,
            until=self.until,
        )

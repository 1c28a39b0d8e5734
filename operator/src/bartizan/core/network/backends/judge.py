"""What NetworkPolicies and the tiers around them mean together for one packet, written from the API's text.

Like `semantics` it is independent of what emits the objects. Source: `sigs.k8s.io/network-policy-api` v0.2.0, `apis/v1alpha2`:
Admin, then NetworkPolicy, then Baseline, then allowed. Within a tier the lower priority number comes first, and the first rule
that matches decides; `Pass` goes on to the next tier. NetworkPolicy decides for every pod it selects. A rule with a peer or
protocol that is not known matches nothing if it accepts, and denies otherwise.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from bartizan.api.names import KubeObject
from bartizan.core.network.semantics import (
    Direction,
    Endpoint,
    ExternalEndpoint,
    Flow,
    Ruling,
    allows,
    is_peer,
)

Tier: TypeAlias = Literal["Admin", "NetworkPolicy", "Baseline", "Default"]
_PEERS: Final = frozenset({"namespaces", "pods", "networks"})
_PROTOCOLS: Final = {"tcp": "TCP", "udp": "UDP", "sctp": "SCTP"}


@dataclass(frozen=True, slots=True, kw_only=True)
class TierRuling:
    """What decides at one end of a flow."""

    allowed: bool
    tier: Tier
    by: str = ""
    """The deciding ClusterNetworkPolicy, or the NetworkPolicy that allows, as `namespace/name`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TieredVerdict:
    """Whether a flow passes: both ends must let it."""

    egress: TierRuling
    ingress: TierRuling

    @property
    def allowed(self) -> bool:
        """Whether both ends allow the flow."""
        return self.egress.allowed and self.ingress.allowed


def tiered(flow: Flow, network_policies: Iterable[KubeObject], cluster_policies: Iterable[KubeObject]) -> TieredVerdict:
    """Return whether `flow` passes and which tier decides at each end."""
    plain = allows(flow, network_policies)
    tiers = sorted(cluster_policies, key=lambda item: (item["spec"]["priority"], item["metadata"]["name"]))
    return TieredVerdict(
        egress=_ruling("Egress", flow, plain.egress, tiers), ingress=_ruling("Ingress", flow, plain.ingress, tiers)
    )


def _ruling(direction: Direction, flow: Flow, plain: Ruling, tiers: list[KubeObject]) -> TierRuling:
    outward = direction == "Egress"
    subject, other = (flow.source, flow.destination) if outward else (flow.destination, flow.source)
    if isinstance(subject, ExternalEndpoint) or subject == other:
        return TierRuling(allowed=True, tier="Default")
    mine = [item for item in tiers if _is_subject(item["spec"]["subject"], subject)]
    admin = _decided("Admin", direction, flow, other, mine)
    if admin is not None:
        return admin
    if plain.isolated:
        return TierRuling(allowed=plain.allowed, tier="NetworkPolicy", by=plain.by.policy if plain.by else "")
    below = _decided("Baseline", direction, flow, other, mine)
    return below or TierRuling(allowed=True, tier="Default")


def _decided(
    tier: Literal["Admin", "Baseline"],
    direction: Direction,
    flow: Flow,
    other: Endpoint | ExternalEndpoint,
    policies: list[KubeObject],
) -> TierRuling | None:
    """Return what the tier decides; None if no rule matches or the first that does passes on."""
    for item in policies:
        if item["spec"]["tier"] != tier:
            continue
        for rule in item["spec"].get(direction.lower()) or ():
            strange = _is_strange(rule, direction)
            if rule["action"] == "Accept" and strange:
                continue
            if strange or _matches(rule, direction, flow, other):
                if rule["action"] == "Pass" and not strange:
                    return None
                return TierRuling(allowed=rule["action"] == "Accept", tier=tier, by=item["metadata"]["name"])
    return None


def _is_strange(rule: KubeObject, direction: Direction) -> bool:
    """Whether the rule names peers or protocols that this version does not know."""
    peers = rule["from" if direction == "Ingress" else "to"]
    return any(len(peer) != 1 or not peer.keys() <= _PEERS for peer in peers) or any(
        not protocol.keys() <= {*_PROTOCOLS, "destinationNamedPort"} for protocol in rule.get("protocols") or ()
    )


def _is_subject(subject: KubeObject, pod: Endpoint) -> bool:
    if "pods" in subject:
        return is_peer({"namespaceSelector": {}, **subject["pods"]}, pod, "", cidr_matches_pods=True)
    return is_peer({"namespaceSelector": subject["namespaces"]}, pod, "", cidr_matches_pods=True)


def _matches(rule: KubeObject, direction: Direction, flow: Flow, other: Endpoint | ExternalEndpoint) -> bool:
    peers = rule["from" if direction == "Ingress" else "to"]
    protocols = rule.get("protocols") or []
    reached = any(_is_peer(peer, other) for peer in peers)
    return reached and (not protocols or any(_is_protocol(protocol, flow) for protocol in protocols))


def _is_peer(peer: KubeObject, other: Endpoint | ExternalEndpoint) -> bool:
    if "networks" in peer:
        blocks = ({"ipBlock": {"cidr": cidr}} for cidr in peer["networks"])
        return any(is_peer(block, other, "", cidr_matches_pods=True) for block in blocks)
    return isinstance(other, Endpoint) and _is_subject(peer, other)


def _is_protocol(protocol: KubeObject, flow: Flow) -> bool:
    if "destinationNamedPort" in protocol:
        target = flow.destination
        named = target.named_ports if isinstance(target, Endpoint) else {}
        return named.get(protocol["destinationNamedPort"]) == (flow.port, flow.protocol)
    key, value = next(iter(protocol.items()))
    if _PROTOCOLS[key] != flow.protocol:
        return False
    port = value.get("destinationPort") or {}
    if "range" in port:
        return bool(port["range"]["start"] <= flow.port <= port["range"]["end"])
    return bool(port.get("number", flow.port) == flow.port)

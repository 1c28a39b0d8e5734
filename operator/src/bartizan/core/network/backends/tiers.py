"""What holds above and below the NetworkPolicies of governed namespaces, where the cluster has tiers.

Below: `bartizan-baseline` denies what no NetworkPolicy decides. NetworkPolicies are asked first and always decide for the pods
they select, so it takes nothing from any of them; it counts when they are gone, and nobody can delete it with rights in a
namespace. Above: `bartizan-metadata` denies the cloud's metadata addresses before any NetworkPolicy is asked, so that a foreign
one can't open them. A namespace in which a policy may reach them is left out of it: a tier's denial is final for every service.

Both stand in the last place of their tier, behind whatever the platform itself says there. They hold for namespaces that are
labelled as enforced and have been isolated once: the day of the label cuts nothing before the NetworkPolicies are there.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from bartizan.api.kinds import CLUSTER_NETWORK_POLICY
from bartizan.api.names import (
    BASELINE_NETWORK_POLICY,
    ENFORCEMENT_LABEL,
    MANAGED_BY,
    MANAGED_BY_LABEL,
    METADATA_NETWORK_POLICY,
    KubeObject,
)
from bartizan.api.v1alpha1 import EgressRule
from bartizan.core.emit import sealed
from bartizan.core.model import END_OF_TIME, Snapshot
from bartizan.core.network.expiry import ends, in_force
from bartizan.core.network.peers import NAMESPACE_LABEL
from bartizan.core.network.ranges import EVERYWHERE, METADATA
from bartizan.core.network.rules import egress_problem
from bartizan.core.ownership import abandoned, is_foreign, upkeep
from bartizan.core.plan import Apply, Delete, Plan
from bartizan.core.reasons import Mode

LAST: Final = 1000
"""The lowest precedence there is within a tier."""
_EVERY_NAMESPACE: Final = {"matchExpressions": [{"key": NAMESPACE_LABEL, "operator": "Exists"}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class TiersObserved:
    """What exists."""

    baseline: KubeObject | None = None
    """Whatever bears the name `bartizan-baseline`."""
    metadata: KubeObject | None = None
    """Whatever bears the name `bartizan-metadata`."""
    isolated: Collection[str] = ()
    """The namespaces in which `bartizan-baseline`, the NetworkPolicy, stands."""


def plan_tiers(snapshot: Snapshot, observed: TiersObserved) -> Plan:
    """Return what is to be done about the cluster's two tier objects at the snapshot's moment."""
    if not snapshot.capabilities.cluster_network_policy:
        return Plan()
    enforced = {name for name, view in snapshot.namespaces.items() if view.mode is Mode.ENFORCE}
    held = sorted(enforced & {*observed.isolated, *_listed(observed.baseline)})
    closed = sorted(set(held) - _reaching_metadata(snapshot))
    kept = [
        _kept(baseline_tier(held) if held else None, observed.baseline),
        _kept(metadata_tier(closed) if closed else None, observed.metadata),
    ]
    change = min((end for end in _ends(snapshot) if end > snapshot.now), default=END_OF_TIME)
    return Plan(
        applies=tuple(apply for applies, _ in kept for apply in applies),
        deletes=tuple(delete for _, deletes in kept for delete in deletes),
        requeue_after=None if change == END_OF_TIME else change - snapshot.now,
    )


def baseline_tier(namespaces: Collection[str]) -> KubeObject:
    """Return the object below all NetworkPolicies: nothing in, nothing out."""
    everywhere = [str(block) for block in EVERYWHERE]
    return _tier_object(
        BASELINE_NETWORK_POLICY,
        "Baseline",
        namespaces,
        ingress=[{"name": "deny-all", "action": "Deny", "from": [{"namespaces": _EVERY_NAMESPACE}]}],
        egress=[
            {"name": "deny-all", "action": "Deny", "to": [{"namespaces": _EVERY_NAMESPACE}, {"networks": everywhere}]}
        ],
    )


def metadata_tier(namespaces: Collection[str]) -> KubeObject:
    """Return the object above all NetworkPolicies: no way to where clouds hand out machine credentials."""
    addresses = [str(block) for block in METADATA]
    rule = {"name": "deny-cloud-metadata", "action": "Deny", "to": [{"networks": addresses}]}
    return _tier_object(METADATA_NETWORK_POLICY, "Admin", namespaces, egress=[rule])


def _tier_object(name: str, tier: str, namespaces: Collection[str], **rules: list[KubeObject]) -> KubeObject:
    listed = {"key": NAMESPACE_LABEL, "operator": "In", "values": sorted(namespaces)}
    subject = {"matchLabels": {ENFORCEMENT_LABEL: "enforce"}, "matchExpressions": [listed]}
    return sealed(
        {
            "apiVersion": CLUSTER_NETWORK_POLICY.api_version,
            "kind": CLUSTER_NETWORK_POLICY.kind,
            "metadata": {"name": name, "labels": {MANAGED_BY_LABEL: MANAGED_BY}},
            "spec": {"tier": tier, "priority": LAST, "subject": {"namespaces": subject}, **rules},
        }
    )


def _kept(desired: KubeObject | None, observed: KubeObject | None) -> tuple[tuple[Apply, ...], tuple[Delete, ...]]:
    """Return the writes that leave `desired` or nothing; somebody else's object of that name is left alone."""
    if desired is None:
        return (), abandoned(observed)
    if is_foreign(observed):
        return (), ()
    return upkeep(desired, observed, manager="bartizan/networkpolicy"), ()


def _listed(baseline: KubeObject | None) -> Iterator[str]:
    """Yield the namespaces that the object already holds for: that their NetworkPolicies are gone takes nobody out of it."""
    if baseline is None or is_foreign(baseline):
        return
    subject = ((baseline.get("spec") or {}).get("subject") or {}).get("namespaces") or {}
    for expression in subject.get("matchExpressions") or ():
        if expression.get("key") == NAMESPACE_LABEL and expression.get("operator") == "In":
            yield from expression.get("values") or ()


def _reaching_metadata(snapshot: Snapshot) -> set[str]:
    return {namespace for namespace, rule in _metadata_rules(snapshot) if in_force(rule, snapshot.now)}


def _ends(snapshot: Snapshot) -> Iterator[datetime]:
    return (ends(rule) for _, rule in _metadata_rules(snapshot))


def _metadata_rules(snapshot: Snapshot) -> Iterator[tuple[str, EgressRule]]:
    """Yield the rules that open cloud metadata where the platform allows it, with their namespaces."""
    if snapshot.baseline.network.cloud_metadata == "Forbid":
        return
    for policy in snapshot.policies.values():
        for rule in policy.spec.network.egress:
            if rule.to.cloud_metadata is not None and egress_problem(policy, rule) is None:
                yield policy.namespace, rule

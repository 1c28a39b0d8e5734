"""Rules that end by themselves: what is in force at a moment, and when the picture changes next without anybody's doing.

A rule with `until` counts up to that moment and not at it. Both sides of an edge are judged at the same moment, so whichever
side ends, the other closes with it.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TypeAlias

from bartizan.api.v1alpha1 import EgressRule, IngressRule
from bartizan.core.model import END_OF_TIME, PolicyView, Snapshot
from bartizan.core.network.callers import callers, ingress_rules
from bartizan.core.network.peers import neighbours, policy_key
from bartizan.core.network.ports import PortRange

Ends: TypeAlias = Mapping[PortRange, datetime]
"""Ports, and when each of them closes: `END_OF_TIME` for one that stays."""


def in_force(rule: IngressRule | EgressRule, now: datetime) -> bool:
    """Whether the rule still counts."""
    return ends(rule) > now


def ends(rule: IngressRule | EgressRule) -> datetime:
    """Return when the rule ends."""
    return rule.until or END_OF_TIME


def spoken(moment: datetime) -> str:
    """Return a moment as it stands in a message, to the second."""
    return moment.replace(microsecond=0).isoformat().replace("+00:00", "Z")


def next_end(policy: PolicyView, snapshot: Snapshot) -> datetime | None:
    """Return when next a rule ends that `policy`'s edges or requests depend on: its own, or another policy's about it."""
    moments = [ends(rule) for rule in ingress_rules(policy)]
    moments += [ends(rule) for rule in policy.spec.network.egress]
    moments += _about(policy, snapshot)
    return min((moment for moment in moments if snapshot.now < moment < END_OF_TIME), default=None)


def _about(policy: PolicyView, snapshot: Snapshot) -> Iterator[datetime]:
    """Yield when the rules of other policies about `policy` end."""
    for key in neighbours(policy) | callers(policy.key, snapshot):
        other = snapshot.policies.get(key)
        if other is None:
            continue
        yield from (ends(rule) for rule in ingress_rules(other) if policy_key(rule.from_, other) == policy.key)
        yield from (ends(rule) for rule in other.spec.network.egress if policy_key(rule.to, other) == policy.key)

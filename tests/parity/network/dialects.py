"""How each judge is known to read NetworkPolicies otherwise than the API's text says, as changes made to what it is asked.

With these changes, and no others, our semantics engine must give the judge's every answer. So a difference that is not
listed here, in either direction, fails a test.
"""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from typing import Any

from bartizan.api.names import KubeObject
from bartizan.core.network.semantics import Endpoint, Flow, allows


def np_guard_is_asked(flow: Flow) -> bool:
    """Whether np-guard can be asked: it lists no workload's traffic with itself and no IPv6."""
    return (
        flow.source != flow.destination
        and ip_address(flow.source.ip).version == ip_address(flow.destination.ip).version == 4
    )


def as_np_guard_reads(flow: Flow, policies: list[KubeObject]) -> bool:
    """Return our verdict where a block never means a pod."""
    return allows(flow, policies, cidr_matches_pods=False).allowed


def as_cyclonus_reads(flow: Flow, strict: list[KubeObject]) -> bool:
    """Return our verdict where a pod's traffic with itself is like any other; `strict` comes from `not_in_needs_label`."""
    if flow.source == flow.destination and isinstance(flow.source, Endpoint):
        flow = replace(flow, source=replace(flow.source, name=f"{flow.source.name}-twin"))
    return allows(flow, strict).allowed


def without_ipv6(policies: list[KubeObject]) -> list[KubeObject]:
    """Return the policies less their IPv6 blocks; np-guard refuses a whole case for one of them.

    A rule that had no other peer goes too: left without peers it would mean everybody.
    """
    return [_with_rules(policy, _without_ipv6_peers) for policy in policies]


def not_in_needs_label(policies: list[KubeObject]) -> list[KubeObject]:
    """Return the policies with every `NotIn` also demanding that the label is there."""
    return [_with_exists(policy) for policy in policies]


def _with_rules(policy: KubeObject, change: Callable[[str, dict[str, Any]], dict[str, Any] | None]) -> KubeObject:
    spec = dict(policy["spec"])
    for direction, end in (("ingress", "from"), ("egress", "to")):
        if direction in spec:
            changed = (change(end, rule) for rule in spec[direction])
            spec[direction] = [rule for rule in changed if rule is not None]
    return {**policy, "spec": spec}


def _without_ipv6_peers(end: str, rule: dict[str, Any]) -> dict[str, Any] | None:
    peers = [peer for peer in rule[end] if ":" not in peer.get("ipBlock", {}).get("cidr", "")]
    return {**rule, end: peers} if peers else None


def _with_exists(item: Any) -> Any:
    if isinstance(item, list):
        expanded = [_with_exists(entry) for entry in item]
        keys = [entry["key"] for entry in item if isinstance(entry, dict) and entry.get("operator") == "NotIn"]
        return [*expanded, *({"key": key, "operator": "Exists"} for key in keys)]
    return {key: _with_exists(value) for key, value in item.items()} if isinstance(item, dict) else item

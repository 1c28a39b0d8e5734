"""Who waits for a policy's consent: callers that ask for more than they are admitted to.

A request is not an object of its own. It is what the caller declares, seen from the called side; so it comes and goes with the
caller's rule, and nobody can ask in another's name. When it was first seen is the one thing that has to be remembered, and the
status remembers it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from bartizan.api.v1alpha1 import EgressRule, RequestStatus
from bartizan.core.model import PolicyView, Snapshot
from bartizan.core.network.callers import callers, denial
from bartizan.core.network.consent import admitted_ports
from bartizan.core.network.expiry import in_force
from bartizan.core.network.numbers import numbered
from bartizan.core.network.peers import policy_key
from bartizan.core.network.ports import PortRange, own_ports, resolve_asked
from bartizan.core.network.rules import egress_problem, policy_problem


def open_requests(policy: PolicyView, snapshot: Snapshot, known: Mapping[str, datetime]) -> tuple[RequestStatus, ...]:
    """Return the callers that wait for `policy`, longest waiting first.

    Args:
        policy: the called side.
        snapshot: the cluster; its moment is that of requests seen for the first time.
        known: when requests that were told before were first seen, by caller (`namespace/name`).
    """
    policy = numbered(policy, snapshot)
    found = []
    for key in callers(policy.key, snapshot):
        consumer = snapshot.policies.get(key)
        if consumer is None or key == policy.key or policy_problem(consumer) or denial(policy, key):
            continue
        waiting = _waiting(consumer, policy, snapshot.now)
        if waiting:
            name = "/".join(key)
            found.append(_request(name, waiting, policy, known.get(name, snapshot.now)))
    return tuple(sorted(found, key=lambda request: (request.since, request.from_)))


def _waiting(
    consumer: PolicyView, provider: PolicyView, now: datetime
) -> list[tuple[EgressRule, frozenset[PortRange]]]:
    """Return the caller's rules that wait, each with the ports it waits for."""
    admitted = admitted_ports(provider, consumer.key, now)
    found = []
    for rule in consumer.spec.network.egress:
        if policy_key(rule.to, consumer) != provider.key or not in_force(rule, now) or egress_problem(consumer, rule):
            continue
        wanted = resolve_asked(rule.ports, provider.spec.network.ports)
        refused = wanted.found - admitted
        impossible = not wanted.found and bool(wanted.missing)
        if not impossible and (refused if rule.ports else not wanted.found & admitted):
            found.append((rule, refused))
    return found


def _request(
    name: str, waiting: list[tuple[EgressRule, frozenset[PortRange]]], policy: PolicyView, since: datetime
) -> RequestStatus:
    wanted = frozenset[PortRange]().union(*(ports for _, ports in waiting))
    ends = [rule.until for rule, _ in waiting]
    known = [end for end in ends if end is not None]
    return RequestStatus(
        from_=name,
        ports=tuple(sorted({port.name for port in policy.spec.network.ports if own_ports([port]) & wanted})),
        reason=_first(rule.reason for rule, _ in waiting),
        since=since.replace(microsecond=0),
        until=max(known) if len(known) == len(ends) else None,
    )


def _first(texts: Iterable[str | None]) -> str | None:
    return next((text for text in texts if text), None)


def first_seen(requests: Iterable[Mapping[str, object]]) -> dict[str, datetime]:
    """Return when the requests in a status were first seen; entries that cannot be read (somebody's edit) count as new."""
    found: dict[str, datetime] = {}
    for entry in requests:
        caller, since = entry.get("from"), entry.get("since")
        if isinstance(caller, str) and isinstance(since, str):
            try:
                moment = datetime.fromisoformat(since)
            except ValueError:
                continue
            if moment.tzinfo:
                found[caller] = moment
    return found

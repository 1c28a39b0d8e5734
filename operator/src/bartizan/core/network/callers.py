"""Who may call a policy, wherever it is written: its own list, and the answers it gave to callers that asked.

An approval counts exactly like a line of `ingress`. A denial counts more than either: it holds even where `ingress` lists the
caller, so that saying no never has to wait for somebody else's repository.
"""

from bartizan.api.v1alpha1 import Decision, IngressRule, Peer
from bartizan.core.model import PolicyKey, PolicyView, Snapshot
from bartizan.core.network.peers import neighbours


def ingress_rules(policy: PolicyView) -> tuple[IngressRule, ...]:
    """Return the rules about callers: `ingress`, then what was approved. Whoever reads callers has to read these."""
    return tuple(rule for _, rule in placed_ingress_rules(policy))


def placed_ingress_rules(policy: PolicyView) -> tuple[tuple[str, IngressRule], ...]:
    """Return the same rules, each with its place in the policy's `spec`, such as `network.decisions[0]`."""
    network = policy.spec.network
    own = ((f"network.ingress[{place}]", rule) for place, rule in enumerate(network.ingress))
    approved = (
        (f"network.decisions[{place}]", as_rule(one))
        for place, one in enumerate(network.decisions)
        if one.verdict == "Approved"
    )
    return (*own, *approved)


def as_rule(decision: Decision) -> IngressRule:
    """Return the ingress rule that an approval stands for."""
    return IngressRule(
        from_=Peer(service=decision.service, namespace=decision.namespace),
        ports=decision.ports,
        until=decision.until,
        reason=decision.reason,
    )


def denial(provider: PolicyView, consumer: PolicyKey) -> Decision | None:
    """Return the denial that `provider` gave to `consumer`, if it did."""
    return next(
        (
            one
            for one in provider.spec.network.decisions
            if one.verdict == "Denied" and (one.namespace, one.service) == consumer
        ),
        None,
    )


def callers(key: PolicyKey, snapshot: Snapshot) -> frozenset[PolicyKey]:
    """Return the other policies that name the policy `key`, as caller or called side."""
    if snapshot.callers is not None:
        return snapshot.callers.get(key, frozenset())
    return frozenset(other.key for other in snapshot.policies.values() if key in neighbours(other))

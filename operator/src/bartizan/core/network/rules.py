"""Which rules can be read at all.

The CRD refuses malformed rules when they are applied, but a decision about packets does not rest on that: a rule that breaks
one of those promises opens nothing, on its own side and in the eyes of the other side alike.
"""

from bartizan.api.v1alpha1 import EgressRule, IngressRule
from bartizan.core.model import PolicyView
from bartizan.core.network.peers import peer_problem, policy_key
from bartizan.core.network.ports import resolve_names, well_formed
from bartizan.core.select import is_empty


def policy_problem(policy: PolicyView) -> str | None:
    """Return why none of the policy's rules counts, or None."""
    if is_empty(policy.spec.workload.selector):
        return "workload.selector is empty and would mean every pod of the namespace: name at least one label"
    return None


def ingress_problem(policy: PolicyView, rule: IngressRule) -> str | None:
    """Return why the ingress rule opens nothing, with the fix, or None."""
    problem = policy_problem(policy) or peer_problem(rule.from_)
    if problem is None and not policy.spec.network.ports:
        return "ingress needs network.ports: list the ports on which the service listens"
    missing = resolve_names(rule.ports, policy.spec.network.ports).missing
    if problem is None and missing:
        return f"network.ports has no port {', '.join(missing)}: correct the name, or list the port"
    return problem


def egress_problem(policy: PolicyView, rule: EgressRule) -> str | None:
    """Return why the egress rule opens nothing, with the fix, or None."""
    problem = policy_problem(policy) or peer_problem(rule.to)
    if problem:
        return problem
    for port in rule.ports:
        if not well_formed(port):
            return "a port is given by exactly one of name or port, and endPort must not be below port"
    if policy_key(rule.to, policy) is not None:
        return None
    if not rule.ports:
        return "ports must be listed for this kind of peer: an edge without ports would be open on all of them"
    unnumbered = next((port.name for port in rule.ports if port.port is None), None)
    if unnumbered is not None:
        return f"the port name {unnumbered} means nothing at this kind of peer: give the number"
    return None

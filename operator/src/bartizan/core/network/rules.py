"""Which rules can be read at all.

The CRD refuses malformed rules when they are applied, but a decision about packets does not rest on that: a rule that breaks
one of those promises opens nothing, on its own side and in the eyes of the other side alike.
"""

from bartizan.api.v1alpha1 import EgressRule, IngressRule, Peer
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
    if problem is None and _called_only(rule.from_):
        return "this kind of peer never calls: list it under egress"
    missing = resolve_names(rule.ports, policy.spec.network.ports).missing
    if problem is None and missing:
        return f"network.ports has no port {', '.join(missing)}: correct the name, or list the port"
    return problem


def _called_only(peer: Peer) -> bool:
    return peer.fqdn is not None or peer.kubernetes_api is not None or peer.cloud_metadata is not None


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
    if rule.to.gateway is not None:
        return "a gateway only calls: list it under ingress"
    if rule.to.kubernetes_api is not None:
        return "kubernetesAPI brings its own ports: leave ports out" if rule.ports else None
    if rule.to.cloud_metadata is not None and not rule.reason:
        return "cloudMetadata needs a reason: whoever reaches it may act as the machine"
    if rule.to.cloud_metadata is not None and not rule.ports:
        return None
    if not rule.ports:
        return "ports must be listed for this kind of peer: an edge without ports would be open on all of them"
    unnumbered = next((port.name for port in rule.ports if port.port is None), None)
    if unnumbered is not None:
        return f"the port name {unnumbered} means nothing at this kind of peer: give the number"
    return None

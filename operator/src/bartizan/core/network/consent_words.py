"""What is said about an edge that is not open, or not all of it: what the other side lacks, and who has to do what.

Apart from the decision, so that a sentence can be made better without touching what is open.
"""

from datetime import datetime

from bartizan.api.v1alpha1 import Decision
from bartizan.core.model import PolicyView, Snapshot
from bartizan.core.network.expiry import spoken
from bartizan.core.network.ports import PortRange, port_texts
from bartizan.core.reasons import Mode, Reason


def lacking(name: str, missing: tuple[str, ...], provider: PolicyView) -> str:
    """Return that the called side has no such port; empty if none is missing."""
    if not missing:
        return ""
    if problems := without_number(provider):
        return f"{name} has no number for port {', '.join(missing)}: {problems}"
    has = ", ".join(sorted(f"{port.name} ({port.port}/{port.protocol})" for port in provider.spec.network.ports))
    return f"{name} has no port {', '.join(missing)}; it has {has or 'none'}"


def without_number(provider: PolicyView) -> str:
    """Return why ports that the called side gives by name have no number; empty if all have."""
    return "; ".join(one.message for one in provider.port_problems if one.reason is Reason.PORT_NOT_FOUND)


def ask_provider(name: str, policy: PolicyView, provider: PolicyView, ports: frozenset[PortRange]) -> str:
    """Return what the called side has to write."""
    if provider.key == policy.key:
        return f"ingress does not list self{_on(ports)}: add to network.ingress: from: {{self: {{}}}}"
    caller = f"service: {policy.name}"
    if provider.namespace != policy.namespace:
        caller += f", namespace: {policy.namespace}"
    return f"{name} does not admit {'/'.join(policy.key)}{_on(ports)}: its ingress must list from: {{{caller}}}"


def ask_consumer(name: str, policy: PolicyView, ports: frozenset[PortRange]) -> str:
    """Return what the caller has to write."""
    return f"{name} does not ask for {'/'.join(policy.key)}{_on(ports)}: its egress must list it before it is admitted"


def denied_by(name: str, consumer: PolicyView | str, decision: Decision) -> str:
    """Return who denied whom, and why."""
    asker = consumer if isinstance(consumer, str) else "/".join(consumer.key)
    return f"{name} denied {asker}" + (f": {decision.reason}" if decision.reason else "")


def lapsed_by(name: str, what: str, ended: datetime) -> str:
    """Return that the other side let the edge end."""
    return f"{name}: {what} until {spoken(ended)}, which has passed; its policy must set a later until"


def idle(name: str, ports: frozenset[PortRange]) -> str:
    """Return which admitted ports the caller has no use for; empty if it uses all."""
    return f"{name} does not ask for {', '.join(port_texts(ports))}" if ports else ""


def far_side(policy: PolicyView, peer: PolicyView, snapshot: Snapshot) -> str:
    """Return a note if the other end is not held by bartizan: the edge is open there to more than this policy."""
    mode = snapshot.mode(peer.namespace)
    if peer.namespace == policy.namespace or mode is Mode.ENFORCE:
        return ""
    return f"namespace {peer.namespace} is in mode {mode.value}, so the other end is not isolated"


def _on(ports: frozenset[PortRange]) -> str:
    return f" on {', '.join(port_texts(ports))}" if ports else ""

"""Counts the edges of a policy by state, for the columns that `kubectl get` prints."""

from bartizan.api.v1alpha1 import EdgeStatus, PolicySummary


def summary(edges: tuple[EdgeStatus, ...]) -> PolicySummary:
    """Return how many edges there are of each state; an enforced edge is an applied one too."""
    states = [edge.state for edge in edges]
    return PolicySummary(
        edges=len(states),
        applied=states.count("Applied") + states.count("Enforced"),
        enforced=states.count("Enforced"),
        pending=states.count("PendingConsent"),
        degraded=states.count("Degraded") + states.count("Denied"),
        expired=states.count("Expired"),
    )

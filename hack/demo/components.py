"""How many pods each part of bartizan has: whoever tries what happens without one takes it away and brings it back."""

from __future__ import annotations

import cluster as harness
from demo.install import NAMESPACE


def selector(component: str) -> str:
    """Return the labels of a component's Deployment and pods."""
    return f"app.kubernetes.io/component={component}"


def scale(target: harness.Cluster, component: str, replicas: int) -> None:
    """Set the number of pods of a component and return when it is so."""
    label = selector(component)
    target.kubectl("scale", "deploy", "-n", NAMESPACE, "-l", label, f"--replicas={replicas}")
    ready(target, component)
    if replicas == 0:
        target.kubectl("wait", "--for=delete", "pod", "-n", NAMESPACE, "-l", label, "--timeout=60s")


def ready(target: harness.Cluster, component: str) -> None:
    """Return when every pod that a component is to have is ready."""
    target.kubectl("rollout", "status", "deploy", "-n", NAMESPACE, "-l", selector(component), "--timeout=120s")

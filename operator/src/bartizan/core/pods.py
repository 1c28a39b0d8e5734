"""What is asked of any pod as the API server shows it: whether it has run to its end, and what controls it."""

from typing import Final

from bartizan.api.names import KubeObject

_FINISHED: Final = frozenset({"Succeeded", "Failed"})
"""Phases of a pod none of whose containers runs or is ever started again."""


def has_finished(pod: KubeObject) -> bool:
    """Whether the pod runs no more, well or badly ended."""
    return (pod.get("status") or {}).get("phase") in _FINISHED


def controller_of(item: KubeObject) -> KubeObject | None:
    """Return the owner reference of what controls the object, or None; the API server allows one at the most."""
    return next((owner for owner in item["metadata"].get("ownerReferences") or () if owner.get("controller")), None)

"""A pod that keeps every rule of a policy that says nothing special, for whoever asks something else than whether it does."""

from __future__ import annotations

from typing import Any

from bartizan.api.names import KubeObject


def compliant(meta: dict[str, Any], account: str) -> KubeObject:
    """Return a pod with this metadata that runs this ServiceAccount."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta,
        "spec": {
            "serviceAccountName": account,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [
                {
                    "name": "app",
                    "image": "app:1",
                    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                }
            ],
        },
    }

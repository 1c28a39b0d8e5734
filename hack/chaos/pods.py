"""The pods of a storm: some that must be let in and some that must not, each for a reason of its own.

All of them carry a scheduling gate, so that they exist for the API server and never for a node: it is admission that is tried.
"""

from __future__ import annotations

from typing import Any, Final

from bartizan.api.names import KubeObject
from bench import pods

NAMESPACE: Final = "shop"
_GATE: Final = "bartizan.dev/storm"


def compliant(name: str) -> KubeObject:
    """A pod of the shop's `web`, as its Deployment makes it."""
    pod = pods.compliant({"name": name, "namespace": NAMESPACE, "labels": {"app": "web"}}, "web")
    spec = pod["spec"]
    spec |= {"automountServiceAccountToken": False, "schedulingGates": [{"name": _GATE}]}
    spec["securityContext"]["runAsUser"] = 65532
    spec["containers"][0]["securityContext"]["readOnlyRootFilesystem"] = True
    return pod


def privileged(name: str) -> KubeObject:
    """The same, with all the rights of its node."""
    pod = compliant(name)
    pod["spec"]["containers"][0]["securityContext"] |= {"privileged": True, "allowPrivilegeEscalation": True}
    return pod


def on_the_host(name: str) -> KubeObject:
    """The same, on its node's network."""
    return _with(name, hostNetwork=True)


def uncovered(name: str) -> KubeObject:
    """A pod that no policy selects."""
    pod = _with(name, serviceAccountName="default")
    pod["metadata"]["labels"] = {"app": "nobody"}
    return pod


def borrowed(name: str) -> KubeObject:
    """A pod with the labels of `web` and an account that is not its own."""
    return _with(name, serviceAccountName="default")


def as_root(name: str) -> KubeObject:
    """The same as root, which only the level of its policy refuses."""
    return _with(name, securityContext={"runAsUser": 0, "seccompProfile": {"type": "RuntimeDefault"}})


FORBIDDEN: Final = (privileged, on_the_host, uncovered, borrowed, as_root)


def _with(name: str, **parts: Any) -> KubeObject:
    pod = compliant(name)
    pod["spec"] |= parts
    return pod

"""The objects of a running cluster that say who may talk to whom, read once and never written.

Whoever asks needs the verb `list`, in all namespaces, on: servicesecuritypolicies and securitybaselines (bartizan.dev),
networkpolicies and servicecidrs (networking.k8s.io), namespaces, nodes, pods and services. Secrets are not read.
"""

import os
from pathlib import Path
from typing import Final

from bartizan.api.kinds import (
    NAMESPACE,
    NETWORK_POLICY,
    NODE,
    POD,
    POLICY,
    SECURITY_BASELINE,
    SERVICE,
    SERVICE_CIDR,
    Kind,
)
from bartizan.api.names import KubeObject
from bartizan.kube.api import KubeApi
from bartizan.kube.client import Client
from bartizan.kube.errors import NotFoundError

READ: Final[tuple[Kind, ...]] = (
    NAMESPACE,
    POLICY,
    SECURITY_BASELINE,
    NETWORK_POLICY,
    POD,
    NODE,
    SERVICE,
    SERVICE_CIDR,
)


async def cluster_objects(kubeconfig: Path | None) -> list[KubeObject]:
    """Return the objects of the cluster that `kubeconfig` leads to.

    Raises:
        KubeError: it cannot be reached, or does not let us list a kind.
    """
    api = await Client.connect(kubeconfig or of_the_shell())
    try:
        return await read_objects(api)
    finally:
        await api.close()


async def read_objects(api: KubeApi) -> list[KubeObject]:
    """Return the objects of each kind in `READ`; a kind that the cluster does not have has none.

    The kinds are listed one after another. What is of a Namespace that came or went in between is left out, so that all
    that is returned can have been there at one moment.
    """
    items: list[KubeObject] = []
    for kind in READ:
        try:
            items += (await api.list(kind)).items
        except NotFoundError:
            continue
    there = {item["metadata"]["name"] for item in items if item["kind"] == NAMESPACE.kind}
    return [item for item in items if item["metadata"].get("namespace", "") in {"", *there}]


def of_the_shell() -> Path | None:
    """Return the kubeconfig that `kubectl` would use; None within a pod, or where there is none."""
    if given := os.environ.get("KUBECONFIG"):
        return Path(given)
    usual = Path.home() / ".kube" / "config"
    return usual if "KUBERNETES_SERVICE_HOST" not in os.environ and usual.exists() else None

"""From manifests as people write them to the ends and policies that our semantics engine judges.

Only what bears on a verdict is read: workloads stand for their pods, a namespace without a manifest has the one label the API
server gives it, an object without a namespace is in `default`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_network
from typing import Any

from bartizan.api.names import KubeObject
from bartizan.core.network.semantics import Endpoint
from judges import Workload

TEMPLATES = {
    "Deployment": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}


@dataclass(frozen=True)
class Reading:
    """What a set of manifests holds for our engine."""

    ends: dict[Workload, tuple[Endpoint, ...]]
    """The pods of each workload; several where pods of one owner are listed one by one."""
    policies: list[KubeObject]
    edges_of_blocks: tuple[IPv4Address, ...]
    """The first address of every stretch of addresses that the policies tell apart."""


def read(manifests: Iterable[KubeObject]) -> Reading:
    """Return what the manifests hold; objects that bear on no verdict are passed over."""
    items = list(manifests)
    labels = {
        item["metadata"]["name"]: item["metadata"].get("labels") or {} for item in items if item["kind"] == "Namespace"
    }
    ends: dict[Workload, tuple[Endpoint, ...]] = {}
    for item in items:
        if item["kind"] == "Pod" or item["kind"] in TEMPLATES:
            workload, end = _end(item, labels)
            ends[workload] = (*ends.get(workload, ()), end)
    policies = [_policy(item) for item in items if item["kind"] == "NetworkPolicy"]
    return Reading(ends, policies, _edges(policies))


def _end(item: KubeObject, namespaces: dict[str, dict[str, str]]) -> tuple[Workload, Endpoint]:
    namespace, name, kind = _namespace(item), item["metadata"]["name"], item["kind"]
    template = item
    for step in TEMPLATES.get(kind, ()):
        template = template[step]
    owner = next((o for o in item["metadata"].get("ownerReferences") or [] if o.get("controller")), None)
    if owner and owner.get("kind") != "Node":
        workload = (namespace, owner["name"], owner.get("kind", "Pod"))
    else:
        workload = (namespace, name, kind)
    end = Endpoint(
        namespace=namespace,
        name=name,
        ip=(item.get("status") or {}).get("podIP", "127.0.0.1") if kind == "Pod" else "127.0.0.1",
        labels=(template.get("metadata") or {}).get("labels") or {},
        namespace_labels={"kubernetes.io/metadata.name": namespace} | namespaces.get(namespace, {}),
        named_ports=_named_ports(template["spec"]),
    )
    return workload, end


def _named_ports(spec: dict[str, Any]) -> dict[str, tuple[int, str]]:
    ports = [port for container in spec.get("containers") or [] for port in container.get("ports") or []]
    named: dict[str, tuple[int, str]] = {}
    for port in ports:
        if port.get("name"):
            named.setdefault(port["name"], (port.get("containerPort", 0), port.get("protocol", "TCP")))
    return named


def _policy(item: KubeObject) -> KubeObject:
    return {**item, "metadata": {**item["metadata"], "namespace": _namespace(item)}}


def _namespace(item: KubeObject) -> str:
    return str(item["metadata"].get("namespace") or "default")


def _edges(policies: list[KubeObject]) -> tuple[IPv4Address, ...]:
    """Return the first address of each stretch: where a block begins, and right behind where one ends."""
    edges = {0}
    for policy in policies:
        for direction, end in (("ingress", "from"), ("egress", "to")):
            for rule in policy["spec"].get(direction) or []:
                for peer in rule.get(end) or []:
                    block = peer.get("ipBlock")
                    for text in [block["cidr"], *(block.get("except") or [])] if block else []:
                        network = ip_network(text, strict=False)
                        edges |= {int(network[0]), int(network[-1]) + 1}
    return tuple(IPv4Address(edge) for edge in sorted(edges) if edge < 2**32)

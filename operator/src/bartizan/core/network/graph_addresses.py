"""Whose an address is: of a pod that runs, or of a Service, as far as files or a cluster tell.

A NetworkPolicy holds for whatever pod has an address, so an address of the cluster is never judged like one outside of it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from bartizan.api.names import KubeObject
from bartizan.core.network.graph_workloads import lasting_labels
from bartizan.core.pods import has_finished


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who has an address."""

    kind: str
    """Pod or Service."""
    namespace: str
    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    """A pod's, without those that tell replicas apart."""


def read_holders(items: Iterable[KubeObject]) -> dict[str, Holder]:
    """Return who has which address; pods in their node's network and pods that have ended have none of their own."""
    return {str(ip_address(address)): holder for item in items for address, holder in _held(item)}


def _held(item: KubeObject) -> Iterator[tuple[str, Holder]]:
    if item.get("apiVersion") != "v1" or item.get("kind") not in {"Pod", "Service"}:
        return
    meta, spec = item["metadata"], item.get("spec") or {}
    namespace = meta.get("namespace", "")
    if item["kind"] == "Service":
        holder = Holder(kind="Service", namespace=namespace, name=meta["name"])
        found = (spec.get("clusterIP"), *(spec.get("clusterIPs") or ()))
    elif spec.get("hostNetwork") or has_finished(item):
        return
    else:
        labels = lasting_labels(meta.get("labels") or {})
        holder = Holder(kind="Pod", namespace=namespace, name=meta["name"], labels=labels)
        status = item.get("status") or {}
        found = (status.get("podIP"), *(one.get("ip") for one in status.get("podIPs") or ()))
    for address in found:
        if _is_address(address):
            yield address, holder


def _is_address(text: str | None) -> bool:
    """Whether it is an address: a Service without one says None or nothing."""
    try:
        ip_address(text or "")
    except ValueError:
        return False
    return True

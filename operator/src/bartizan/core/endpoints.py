"""Where the cluster's own servers really listen: the DNS pods, a node-local DNS cache, the API server.

A packet is judged before or after its Service address is rewritten, depending on the plugin, so both ends of that rewriting
must be known. They are read from what the cluster says of itself (Services, EndpointSlices, the cache's own arguments) and
never assumed: OpenShift's DNS pods listen on 5353, and clients of the API server dial 443 while its endpoints listen on 6443.
"""

import ipaddress
from collections.abc import Iterable, Iterator
from typing import Final

from bartizan.api.names import KubeObject

SERVICE_NAME_LABEL: Final = "kubernetes.io/service-name"
"""On an EndpointSlice: the Service it belongs to."""
API_SERVICE: Final = ("default", "kubernetes")
"""The Service through which pods find the API server; its slices are written by the API server itself."""
DNS_SERVICES: Final = ("coredns", "dns-default", "kube-dns", "rke2-coredns-rke2-coredns")
"""What distributions call the DNS Service. Only where its target port is a name must its slices be found by it."""
NODE_LOCAL_LABEL: Final = ("k8s-app", "node-local-dns")
"""What NodeLocal DNSCache's DaemonSet is labelled with (kubernetes/kubernetes cluster/addons/dns/nodelocaldns)."""
_LOCAL_ADDRESSES: Final = ("-localip", "--localip")
_DNS_PROTOCOLS: Final = frozenset({"UDP", "TCP"})


def dns_ports(services: Iterable[KubeObject], slices: Iterable[KubeObject]) -> tuple[tuple[int, str], ...]:
    """Return number and protocol of the ports that DNS `services` lead to for port 53; empty if nothing tells.

    A target port given by name is looked up in the Service's EndpointSlices, where the API server's own controller has
    resolved it.
    """
    known = list(slices)
    return tuple(sorted({port for service in services for port in _targets(service, known)}))


def node_local_addresses(daemon_sets: Iterable[KubeObject], namespace: str) -> tuple[str, ...]:
    """Return the addresses on which a node-local DNS cache of `namespace` answers, as its `-localip` argument lists them."""
    key, value = NODE_LOCAL_LABEL
    return tuple(
        address
        for item in daemon_sets
        if item["metadata"].get("namespace") == namespace and (item["metadata"].get("labels") or {}).get(key) == value
        for address in _local_addresses(item)
    )


def api_server_ways(services: Iterable[KubeObject], slices: Iterable[KubeObject]) -> tuple[tuple[str, int], ...]:
    """Return address and TCP port of every way to the API server: the Service's own, then its endpoints', both families."""
    found: set[tuple[str, int]] = set()
    for service in services:
        if _place(service) == API_SERVICE:
            spec = service.get("spec") or {}
            addresses = spec.get("clusterIPs") or [spec.get("clusterIP") or ""]
            found |= {(address, port) for address in addresses for port in _tcp(spec.get("ports"))}
    for item in _slices_of(API_SERVICE, slices):
        addresses = [address for end in item.get("endpoints") or () for address in end.get("addresses") or ()]
        found |= {(address, port) for address in addresses for port in _tcp(item.get("ports"))}
    return tuple(sorted(found))


def _targets(service: KubeObject, slices: list[KubeObject]) -> Iterator[tuple[int, str]]:
    for port in (service.get("spec") or {}).get("ports") or ():
        protocol = port.get("protocol", "TCP")
        if port.get("port") != 53 or protocol not in _DNS_PROTOCOLS:
            continue
        target = port.get("targetPort", 53)
        if isinstance(target, int):
            yield (target or 53, protocol)
            continue
        for item in _slices_of(_place(service), slices):
            for entry in item.get("ports") or ():
                same = entry.get("name") == port.get("name") and entry.get("protocol", "TCP") == protocol
                if same and entry.get("port"):
                    yield (entry["port"], protocol)


def _slices_of(service: tuple[str, str], slices: Iterable[KubeObject]) -> Iterator[KubeObject]:
    for item in slices:
        labels = item["metadata"].get("labels") or {}
        if (item["metadata"].get("namespace", ""), labels.get(SERVICE_NAME_LABEL)) == service:
            yield item


def _place(item: KubeObject) -> tuple[str, str]:
    return (item["metadata"].get("namespace", ""), item["metadata"]["name"])


def _tcp(ports: Iterable[KubeObject] | None) -> Iterator[int]:
    return (port["port"] for port in ports or () if port.get("protocol", "TCP") == "TCP" and port.get("port"))


def _local_addresses(daemon_set: KubeObject) -> Iterator[str]:
    template = ((daemon_set.get("spec") or {}).get("template") or {}).get("spec") or {}
    for container in template.get("containers") or ():
        words = [*(container.get("command") or ()), *(container.get("args") or ())]
        for word, following in zip(words, [*words[1:], ""], strict=True):
            name, equals, value = word.partition("=")
            if name in _LOCAL_ADDRESSES:
                yield from filter(_is_address, (value if equals else following).split(","))


def _is_address(text: str) -> bool:
    """Whether it is one address and no block: an argument must not open a range."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True

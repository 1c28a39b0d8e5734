"""How Kubernetes objects become the views that decisions read.

Reading is the one place where an object may turn out not to be what its CRD promises (an older schema, a manifest written past
validation). A policy that can't be read becomes a value too, with one sentence that names the field, so that it is reported and
the others go on.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from bartizan.api.names import DEFAULT_NAME, ENFORCEMENT_LABEL, KubeObject
from bartizan.api.v1alpha1 import SecurityBaselineSpec, ServiceSecurityPolicySpec, TrustDomainSpec
from bartizan.core.endpoints import api_server_ways, dns_ports, node_local_addresses
from bartizan.core.model import (
    ClusterRanges,
    InvalidPolicy,
    NamespaceView,
    PolicyView,
    ServiceView,
    TrustDomainView,
)
from bartizan.core.reasons import Mode

_MODES: Final = {"enforce": Mode.ENFORCE, "warn": Mode.WARN, "audit": Mode.AUDIT}
_SHOWN: Final = 60
"""How many characters of a refused value a message shows."""
STRICT_BASELINE: Final = SecurityBaselineSpec.model_validate(
    {"network": {"internet": "Forbid"}, "podSecurity": {"level": "restricted"}}
)
"""What counts while the SecurityBaseline can't be read and none was read before: nothing beyond the cluster opens, and pods are
held to the highest level."""

NO_BASELINE: Final = (
    f"there is no SecurityBaseline {DEFAULT_NAME}, so nothing beyond the cluster opens: "
    "helm upgrade makes it, or create it yourself"
)
"""What is said while the object that holds the floors does not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A cluster-scoped object of ours that can't be read; `problem` is a sentence that names the field."""

    name: str
    uid: str
    generation: int
    problem: str


def read_policy(item: KubeObject) -> PolicyView | InvalidPolicy:
    """Return the policy, or what is wrong with it. Never raises for any JSON object that has a name."""
    meta = item["metadata"]
    namespace, name = meta.get("namespace", ""), meta["name"]
    uid, generation = meta.get("uid", ""), meta.get("generation", 0)
    try:
        spec = ServiceSecurityPolicySpec.model_validate(item.get("spec"))
    except ValidationError as error:
        return InvalidPolicy(namespace=namespace, name=name, uid=uid, generation=generation, problem=sentence(error))
    return PolicyView(namespace=namespace, name=name, uid=uid, generation=generation, spec=spec)


def read_namespace(item: KubeObject, *, system: frozenset[str]) -> NamespaceView:
    """Return the namespace; one in `system` is never governed, and an unknown word in the label governs nothing."""
    meta = item["metadata"]
    name = meta["name"]
    label = (meta.get("labels") or {}).get(ENFORCEMENT_LABEL, "")
    mode = Mode.NOT_GOVERNED if name in system else _MODES.get(label, Mode.NOT_GOVERNED)
    return NamespaceView(name=name, mode=mode, deleting="deletionTimestamp" in meta)


def read_service(item: KubeObject) -> ServiceView:
    """Return the Service's name, selector and ways from outside."""
    meta, spec = item["metadata"], item.get("spec") or {}
    ports = [(port, port.get("protocol") or "TCP") for port in spec.get("ports") or ()]
    return ServiceView(
        namespace=meta.get("namespace", ""),
        name=meta["name"],
        selector=spec.get("selector") or {},
        type=spec.get("type") or "ClusterIP",
        ports=tuple(sorted(f"{port['port']}/{protocol}" for port, protocol in ports)),
        node_ports=tuple(sorted(f"{port['nodePort']}/{protocol}" for port, protocol in ports if port.get("nodePort"))),
        external_ips=tuple(sorted(spec.get("externalIPs") or ())),
        keeps_client=spec.get("externalTrafficPolicy") == "Local",
    )


def read_trust_domain(item: KubeObject) -> TrustDomainView | Unreadable:
    """Return the trust domain, or what is wrong with it."""
    meta = item["metadata"]
    try:
        spec = TrustDomainSpec.model_validate(item.get("spec"))
    except ValidationError as error:
        return _unreadable(item, error)
    return TrustDomainView(name=meta["name"], uid=meta.get("uid", ""), generation=meta.get("generation", 0), spec=spec)


def read_baseline(item: KubeObject) -> SecurityBaselineSpec | Unreadable:
    """Return the floors, or what is wrong with the object."""
    try:
        return SecurityBaselineSpec.model_validate(item.get("spec") or {})
    except ValidationError as error:
        return _unreadable(item, error)


def without_baseline(last: SecurityBaselineSpec) -> SecurityBaselineSpec:
    """Return what counts while there is no SecurityBaseline: the `last` one known, with internet and cloud metadata closed.

    Deleting the floors must not lower them, and DNS and the cluster's own ranges are facts that outlive the object.
    """
    closed = {"internet": "Forbid", "cloud_metadata": "Forbid"}
    return last.model_copy(update={"network": last.network.model_copy(update=closed)})


def read_ranges(
    *,
    nodes: Iterable[KubeObject],
    service_cidrs: Iterable[KubeObject],
    services: Iterable[KubeObject],
    baseline: SecurityBaselineSpec,
    slices: Iterable[KubeObject] = (),
    daemon_sets: Iterable[KubeObject] = (),
) -> ClusterRanges:
    """Return the addresses inside the cluster, sorted, so that equal clusters give equal values.

    Of `slices` those of the DNS Service and of the API server are looked at, of `daemon_sets` the node-local DNS cache.
    """
    seen, known, ends = list(nodes), list(services), list(slices)
    dns = [service for service in known if serves_dns(read_service(service), baseline)]
    return ClusterRanges(
        pods=_blocks(cidr for node in seen for cidr in _pod_cidrs(node)),
        nodes=_blocks(address for node in seen for address in _internal_addresses(node)),
        services=_blocks(cidr for item in service_cidrs for cidr in (item.get("spec") or {}).get("cidrs") or ()),
        dns_addresses=_blocks(
            (
                *(address for service in dns for address in _cluster_addresses(service)),
                *node_local_addresses(daemon_sets, baseline.network.dns.namespace),
            )
        ),
        dns_ports=tuple((port, "UDP" if protocol == "UDP" else "TCP") for port, protocol in dns_ports(dns, ends)),
        api_server=tuple(
            (block, port) for address, port in api_server_ways(known, ends) for block in _blocks((address,))
        ),
    )


def serves_dns(service: ServiceView, baseline: SecurityBaselineSpec) -> bool:
    """Whether the Service leads to the cluster's DNS pods: it selects by labels that the baseline's DNS selector names."""
    dns = baseline.network.dns
    wanted = dns.selector.match_labels
    return (
        service.namespace == dns.namespace
        and bool(service.selector)
        and all(wanted.get(key) == value for key, value in service.selector.items())
    )


def sentence(error: ValidationError) -> str:
    """Return the first problem as one sentence: field, what is wrong, the value seen, how many more there are."""
    problems = error.errors(include_url=False)
    first = problems[0]
    where = _path(first["loc"])
    said = f"{where}: {first['msg'][:1].lower()}{first['msg'][1:]}"
    if first["type"] not in {"missing", "extra_forbidden"}:
        said += f" (is {_shortened(first['input'])})"
    return said + (f"; and {len(problems) - 1} more" if len(problems) > 1 else "")


def _unreadable(item: KubeObject, error: ValidationError) -> Unreadable:
    meta = item["metadata"]
    return Unreadable(
        name=meta["name"], uid=meta.get("uid", ""), generation=meta.get("generation", 0), problem=sentence(error)
    )


def _path(location: tuple[int | str, ...]) -> str:
    return "spec" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _pod_cidrs(node: KubeObject) -> tuple[str, ...]:
    spec = node.get("spec") or {}
    return tuple(spec.get("podCIDRs") or ([spec["podCIDR"]] if spec.get("podCIDR") else []))


def _internal_addresses(node: KubeObject) -> tuple[str, ...]:
    addresses = (node.get("status") or {}).get("addresses") or ()
    return tuple(entry["address"] for entry in addresses if entry.get("type") == "InternalIP")


def _cluster_addresses(service: KubeObject) -> tuple[str, ...]:
    spec = service.get("spec") or {}
    return tuple(spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else []))


def _blocks(texts: Iterable[str]) -> tuple[str, ...]:
    """Return addresses and blocks as blocks (a bare address is a /32 or /128), without duplicates; `None` and junk fall out."""
    found = set()
    for text in texts:
        try:
            found.add(str(ipaddress.ip_network(text, strict=False)))
        except ValueError:
            continue
    return tuple(sorted(found))

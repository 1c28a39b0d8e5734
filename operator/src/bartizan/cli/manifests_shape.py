"""Whether an object from a file is what its kind promises, as far as the network's verbs read it.

The API server would refuse what is refused here. A file has not met one, and a NetworkPolicy read wrongly would be drawn as a
closed door.
"""

from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import Any, Final

from bartizan.api.kinds import NETWORK_POLICY, NODE, SERVICE, SERVICE_CIDR
from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import SecurityBaselineSpec
from bartizan.core.checks.view import template_of
from bartizan.core.network.graph_workloads import is_workload
from bartizan.core.views import read_ranges

_OPERATORS: Final = ("In", "NotIn", "Exists", "DoesNotExist")
_PROTOCOLS: Final = ("TCP", "UDP", "SCTP")
_TYPES: Final = {dict: "a mapping", list: "a list", str: "text", int: "a whole number"}


def shape_problem(item: KubeObject) -> str | None:
    """Return the first thing that is wrong, with its path, or None."""
    return next(_problems(item), None)


def _problems(item: KubeObject) -> Iterator[str]:
    meta = item.get("metadata")
    if not isinstance(meta, dict):
        yield f"needs metadata: it is {_seen(meta)}"
        return
    if not isinstance(meta.get("name") or meta.get("generateName"), str):
        yield "has no metadata.name"
    yield from _labels(meta.get("labels"), "metadata.labels")
    yield from _is(meta.get("namespace"), str, "metadata.namespace")
    for path in ("spec", "status"):
        yield from _is(item.get(path), dict, path)
    if is_workload(item) and isinstance(item.get("spec") or {}, dict):
        yield from _workload(item)
    if item["kind"] in {NODE.kind, SERVICE_CIDR.kind, SERVICE.kind}:
        yield from _of_the_cluster(item)
    if (item["apiVersion"], item["kind"]) == (NETWORK_POLICY.api_version, NETWORK_POLICY.kind):
        yield from _network_policy(item.get("spec"))


def _workload(item: KubeObject) -> Iterator[str]:
    try:
        pod = template_of(item)
        meta, spec = pod.get("metadata") or {}, pod.get("spec") or {}
        labels = meta.get("labels")
        containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
        ports = [port for container in containers for port in container.get("ports") or ()]
        numbers = [port.get("containerPort") for port in ports]
        texts = [port.get("name") for port in ports]
        owners = item["metadata"].get("ownerReferences") or ()
        texts += [text or 0 for owner in owners for text in (owner["kind"], owner["name"])]
        texts.append((item.get("status") or {}).get("phase"))
    except (AttributeError, KeyError, TypeError):
        yield "has a pod that cannot be read: metadata, spec, containers and ports must be what the API says"
        return
    yield from _labels(labels, "the pod's metadata.labels")
    for text in texts:
        yield from _is(text, str, "a name or phase")
    yield from (
        f"has the containerPort {_seen(number)}; allowed are 1 to 65535"
        for number in numbers
        if not _port_number(number)
    )
    address = (item.get("status") or {}).get("podIP")
    if address and not _block(address):
        yield f"has status.podIP {_seen(address)}, which is no address"


def _of_the_cluster(item: KubeObject) -> Iterator[str]:
    """Read the objects that tell the cluster's addresses as the network's verbs will."""
    spec, status = item.get("spec") or {}, item.get("status") or {}
    try:
        texts = [spec.get("podCIDR"), spec.get("clusterIP")]
        texts += [text for name in ("podCIDRs", "clusterIPs", "cidrs") for text in spec.get(name) or ()]
        texts += [entry["address"] for entry in status.get("addresses") or ()]
    except (AttributeError, KeyError, TypeError):
        texts = [0]
    for text in texts:
        yield from _is(text, str, "an address or range")
    kind = (item["apiVersion"], item["kind"])
    found = [[item] if kind == (known.api_version, known.kind) else [] for known in (NODE, SERVICE_CIDR, SERVICE)]
    try:
        read_ranges(nodes=found[0], service_cidrs=found[1], services=found[2], baseline=SecurityBaselineSpec())
    except (AttributeError, KeyError, TypeError):
        yield "cannot be read: its addresses, ranges or selector are not what the API says"


def _network_policy(spec: Any) -> Iterator[str]:
    if not isinstance(spec, dict):
        yield f"needs spec: it is {_seen(spec)}"
        return
    yield from _selector(spec.get("podSelector"), "spec.podSelector")
    types = spec.get("policyTypes") or []
    if not isinstance(types, list) or not set(map(str, types)) <= {"Ingress", "Egress"}:
        yield f"has spec.policyTypes {_seen(types)}; allowed are Ingress and Egress"
    for field, direction in (("ingress", "from"), ("egress", "to")):
        rules = spec.get(field)
        yield from _is(rules, list, f"spec.{field}")
        for position, rule in enumerate(rules if isinstance(rules, list) else ()):
            yield from _rule(rule, direction, f"spec.{field}[{position}]")


def _rule(rule: Any, direction: str, path: str) -> Iterator[str]:
    if not isinstance(rule, dict):
        yield f"has {path} {_seen(rule)}; it must be a mapping ({{}} allows everything)"
        return
    for name in (direction, "ports"):
        yield from _is(rule.get(name), list, f"{path}.{name}")
    for position, peer in enumerate(rule.get(direction) or () if isinstance(rule.get(direction), list) else ()):
        yield from _peer(peer, f"{path}.{direction}[{position}]")
    for position, port in enumerate(rule.get("ports") or () if isinstance(rule.get("ports"), list) else ()):
        yield from _port(port, f"{path}.ports[{position}]")


def _peer(peer: Any, path: str) -> Iterator[str]:
    if not isinstance(peer, dict):
        yield f"has {path} {_seen(peer)}; it must be a mapping"
        return
    for name in ("namespaceSelector", "podSelector"):
        if name in peer:
            yield from _selector(peer[name], f"{path}.{name}")
    if "ipBlock" in peer:
        block = peer["ipBlock"]
        holes = (block.get("except") or []) if isinstance(block, dict) else []
        blocks = (
            [block.get("cidr"), *(holes if isinstance(holes, list) else [holes])]
            if isinstance(block, dict)
            else [block]
        )
        yield from (
            f"has {path}.ipBlock with {_seen(text)}: no block of addresses" for text in blocks if not _block(text)
        )


def _port(port: Any, path: str) -> Iterator[str]:
    if not isinstance(port, dict):
        yield f"has {path} {_seen(port)}; it must be a mapping"
        return
    if port.get("protocol", "TCP") not in _PROTOCOLS:
        yield f"has {path}.protocol {_seen(port['protocol'])}; allowed are {', '.join(_PROTOCOLS)}"
    number, end = port.get("port"), port.get("endPort")
    if number is not None and not isinstance(number, str) and not _port_number(number):
        yield f"has {path}.port {_seen(number)}; allowed are 1 to 65535, or a name"
    if end is not None and not (_port_number(end) and _port_number(number) and number <= end):
        yield f"has {path}.endPort {_seen(end)}; it needs a numbered port that is not above it"


def _selector(selector: Any, path: str) -> Iterator[str]:
    yield from _is(selector, dict, path)
    if not isinstance(selector, dict):
        return
    yield from _labels(selector.get("matchLabels"), f"{path}.matchLabels")
    expressions = selector.get("matchExpressions")
    yield from _is(expressions, list, f"{path}.matchExpressions")
    for one in expressions if isinstance(expressions, list) else ():
        fits = isinstance(one, dict) and isinstance(one.get("key"), str) and one.get("operator") in _OPERATORS
        if not fits or not isinstance(one.get("values") or [], list):
            yield f"has {path}.matchExpressions with {_seen(one)}; it takes key, operator and values"


def _labels(labels: Any, path: str) -> Iterator[str]:
    yield from _is(labels, dict, path)
    if isinstance(labels, Mapping):
        wrong = next((key for key, value in labels.items() if not isinstance(value, str)), None)
        if wrong is not None:
            yield f"has {path}.{wrong} {_seen(labels[wrong])}; a label is text: quote it"


def _is(value: Any, kind: type, path: str) -> Iterator[str]:
    if value is not None and not isinstance(value, kind):
        yield f"has {path} {_seen(value)}; it must be {_TYPES[kind]}"


def _port_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535


def _block(text: Any) -> bool:
    if not isinstance(text, str):
        return False
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _seen(value: Any) -> str:
    text = repr(value)
    return "missing" if value is None else text if len(text) <= 60 else f"{text[:59]}…"

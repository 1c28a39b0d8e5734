"""Who may talk to whom, read off the policies' own text, one packet at a time.

Deliberately naive and written without the compiler: no sets of ports, no blocks cut out of blocks, no NetworkPolicy. It knows
two questions, "may this pod send this" and "may this pod receive this", and asks every rule.
"""

from ipaddress import ip_address, ip_network
from typing import Any

from bartizan.core.network.semantics import Endpoint, Flow
from bartizan.core.reasons import Mode
from property.network.worlds import (
    API_SERVER,
    DNS_ADDRESSES,
    DNS_NAMES,
    METADATA,
    NODE,
    POD_RANGE,
    SERVICE_RANGE,
    World,
)

METADATA_KNOWN = (
    *("169.254.169.252", "169.254.169.254", "169.254.170.23", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    *("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "64:ff9b::a9fe:a9fe", "::a9fe:a9fe"),
)


def may_send(world: World, flow: Flow, *, by_address: bool) -> bool:
    """Whether the policies' text lets the flow leave its source."""
    pod, other = flow.source, flow.destination
    if pod == other or not isinstance(pod, Endpoint) or world.modes.get(pod.namespace) is not Mode.ENFORCE:
        return True
    for (namespace, name), spec in world.policies.items():
        if namespace != pod.namespace or not _selected(spec["workload"]["selector"], pod.labels):
            continue
        if flow.port == 53 and flow.protocol in ("TCP", "UDP") and _is_dns(other, by_address=by_address):
            return True
        for rule in spec["network"]["egress"]:
            if _sends(world, (namespace, name), rule, flow, by_address=by_address):
                return True
        for rule in spec["network"]["ingress"]:
            to_itself = _named(rule["from"], namespace, name) == (namespace, name)
            if to_itself and _covered(other, namespace, spec) and _own_port(spec, rule, flow):
                return True
    return False


def may_receive(world: World, flow: Flow, *, by_address: bool) -> bool:
    """Whether the policies' text lets the flow into its destination."""
    pod, other = flow.destination, flow.source
    if pod == other or not isinstance(pod, Endpoint) or world.modes.get(pod.namespace) is not Mode.ENFORCE:
        return True
    for (namespace, name), spec in world.policies.items():
        if namespace != pod.namespace or not _selected(spec["workload"]["selector"], pod.labels):
            continue
        for rule in spec["network"]["ingress"]:
            if not _own_port(spec, rule, flow):
                continue
            caller = _named(rule["from"], namespace, name)
            if caller == (namespace, name):
                if _covered(other, namespace, spec):
                    return True
            elif caller is not None:
                asked = caller in world.policies and any(
                    _named(call["to"], *caller) == (namespace, name) and _asks(call, spec, flow)
                    for call in world.policies[caller]["network"]["egress"]
                )
                if asked and _covered(other, caller[0], world.policies[caller]):
                    return True
            elif "gateway" in rule["from"]:
                beside = rule["from"].get("namespace", namespace)
                named = isinstance(other, Endpoint) and other.labels.get("gateway.networking.k8s.io/gateway-name")
                if named == rule["from"]["gateway"] and other.namespace == beside:
                    return True
            elif {"fqdn", "kubernetesAPI", "cloudMetadata"} & rule["from"].keys():
                continue
            elif _is_outside_peer(world, rule["from"], other, by_address=by_address):
                return True
    return False


def _sends(world: World, me: tuple[str, str], rule: dict[str, Any], flow: Flow, *, by_address: bool) -> bool:
    """Whether one egress rule lets the flow out."""
    called = _named(rule["to"], *me)
    to, ports = rule["to"], rule["ports"]
    if "gateway" in to:
        return False
    if "kubernetesAPI" in to:
        outside = by_address or not isinstance(flow.destination, Endpoint)
        dialled = any(_in(flow.destination.ip, block) and flow.port == port for block, port in API_SERVER)
        return not ports and outside and flow.protocol == "TCP" and dialled
    if "cloudMetadata" in to:
        known = flow.destination.ip in METADATA_KNOWN and world.metadata == "Allow" and "reason" in rule
        return known and (_on_numbers(ports, flow) if ports else (flow.port, flow.protocol) == (80, "TCP"))
    if called is None:
        numbered = rule["ports"] and all("port" in port for port in rule["ports"])
        return bool(
            numbered
            and any(_number(port, flow) for port in rule["ports"])
            and _is_outside_peer(world, rule["to"], flow.destination, by_address=by_address)
        )
    if called not in world.policies:
        return False
    there = world.policies[called]
    admitted = any(
        _named(entry["from"], *called) == me and _own_port(there, entry, flow) for entry in there["network"]["ingress"]
    )
    return admitted and _asks(rule, there, flow) and _covered(flow.destination, called[0], there)


def _named(peer: dict[str, Any], namespace: str, name: str) -> tuple[str, str] | None:
    if "self" in peer:
        return (namespace, name)
    return (peer.get("namespace", namespace), peer["service"]) if "service" in peer else None


def _own_port(spec: dict[str, Any], rule: dict[str, Any], flow: Flow) -> bool:
    """Whether an ingress rule of `spec` speaks of the flow's port; a rule that names a port it lacks speaks of none."""
    ports = {port["name"]: port for port in spec["network"]["ports"]}
    names = rule["ports"] or list(ports)
    return all(name in ports for name in names) and any(_same(ports[name], flow) for name in names)


def _asks(rule: dict[str, Any], there: dict[str, Any], flow: Flow) -> bool:
    """Whether an egress rule speaks of the flow's port, which must be one the called policy declares."""
    declared = [port for port in there["network"]["ports"] if _same(port, flow)]
    if not rule["ports"]:
        return bool(declared)
    return any(
        port.get("name") == wish["name"] if "name" in wish else _number(wish, flow)
        for port in declared
        for wish in rule["ports"]
    )


def _same(port: dict[str, Any], flow: Flow) -> bool:
    return (port["port"], port.get("protocol", "TCP")) == (flow.port, flow.protocol)


def _number(port: dict[str, Any], flow: Flow) -> bool:
    in_range = port["port"] <= flow.port <= port.get("endPort", port["port"])
    return in_range and port.get("protocol", "TCP") == flow.protocol


def _on_numbers(ports: list[dict[str, Any]], flow: Flow) -> bool:
    return all("port" in port for port in ports) and any(_number(port, flow) for port in ports)


def _covered(other: Any, namespace: str, spec: dict[str, Any]) -> bool:
    return (
        isinstance(other, Endpoint)
        and other.namespace == namespace
        and _selected(spec["workload"]["selector"], other.labels)
    )


def _is_outside_peer(world: World, peer: dict[str, Any], other: Any, *, by_address: bool) -> bool:
    if "workload" in peer:
        there = peer["workload"]
        return (
            isinstance(other, Endpoint)
            and other.namespace == there["namespace"]
            and _selected(there["selector"], other.labels)
        )
    if isinstance(other, Endpoint) and not by_address:
        return False
    if _closed(other.ip):
        return False
    if "fqdn" in peer:
        listed = other.ip in DNS_NAMES.get(peer["fqdn"], ()) and "onUnsupported" not in peer
        return listed and other.ip == "8.8.8.8" and peer["fqdn"] != "evil.denied.example"
    if "internet" in peer:
        inside = any(_in(other.ip, block) for block in (POD_RANGE, SERVICE_RANGE, NODE, *DNS_ADDRESSES[:1]))
        return world.internet == "Allow" and not inside
    if peer["cidr"].startswith("::ffff:") or (peer["cidr"].endswith("/0") and world.internet == "Forbid"):
        return False
    return _in(other.ip, peer["cidr"]) and not any(_in(other.ip, hole) for hole in peer.get("except", []))


def _is_dns(other: Any, *, by_address: bool) -> bool:
    if isinstance(other, Endpoint):
        return other.namespace == "kube-system" and other.labels.get("k8s-app") == "kube-dns"
    return other.ip != "169.254.169.254" and any(_in(other.ip, block) for block in DNS_ADDRESSES)


def _closed(ip: str) -> bool:
    return ip_address(ip).is_link_local or ip in METADATA


def _in(ip: str, block: str) -> bool:
    return ip_address(ip) in ip_network(block)


def _selected(selector: dict[str, Any], labels: Any) -> bool:
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    for entry in selector.get("matchExpressions", []):
        has, value = entry["key"] in labels, labels.get(entry["key"])
        if entry["operator"] == "In" and not (has and value in entry["values"]):
            return False
        if entry["operator"] == "NotIn" and has and value in entry["values"]:
            return False
        if entry["operator"] == "Exists" and not has:
            return False
        if entry["operator"] == "DoesNotExist" and has:
            return False
    return True

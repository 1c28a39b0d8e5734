"""The CEL rules of our CustomResourceDefinitions in Python, by the message with which the API server refuses.

A rule gets the mapping it stands on and the field it points at, as written: nothing is defaulted, so what is left out is
treated as what its default means. Each is shown to agree with the API server's rule by the table of bad objects that the API
server is asked about too.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final, TypeAlias

from bartizan.api.duration import parse_duration
from bartizan.api.grants import CLOSED_GROUPS, CLOSED_RESOURCES
from bartizan.api.names import DEFAULT_NAME, KubeObject
from bartizan.api.v1alpha1.common import LABEL_KEY, OBJECT_NAME, OBJECT_NAME_MAX
from bartizan.api.v1alpha1.peers import CLUSTER_NAMES
from bartizan.api.v1alpha1.values import BLOCK

Rule: TypeAlias = Callable[[KubeObject, str], bool]
"""Whether the rule holds for a mapping; the second argument is the field that the rule points at."""

_PEERS: Final = (
    "service", "workload", "self", "gateway", "internet", "cidr", "fqdn", "kubernetesAPI", "cloudMetadata",
)  # fmt: skip
_CALLED_ONLY: Final = ("fqdn", "kubernetesAPI", "cloudMetadata")
_SHORTEST, _LONGEST = timedelta(hours=1), timedelta(hours=168)
_ROOT, _ISSUING = timedelta(hours=87600), timedelta(hours=2160)
_SETTLE, _DEADLINE = timedelta(hours=1), timedelta(minutes=15)
_NARROWEST: Final = {4: 24, 6: 112}


def _listed(item: Mapping[str, Any], field: str) -> list[Any]:
    return item.get(field) or []


def _has(item: Mapping[str, Any], *fields: str) -> bool:
    return any(item.get(field) is not None for field in fields)


def _block(text: str) -> IPv4Network | IPv6Network | None:
    """Return the block, or None for what the API server's `isCIDR` and `masked` do not take."""
    if not re.fullmatch(r"[0-9a-fA-F.:]+/(0|[1-9][0-9]{0,2})", text) or re.match(
        r"::ffff:[0-9.]*\.", text, re.IGNORECASE
    ):
        return None
    try:
        return ip_network(text)
    except ValueError:
        return None


def _holds(block: IPv4Network | IPv6Network | None, text: str) -> bool:
    part = _block(text)
    if isinstance(block, IPv4Network) and isinstance(part, IPv4Network):
        return part.subnet_of(block)
    return isinstance(block, IPv6Network) and isinstance(part, IPv6Network) and part.subnet_of(block)


def _narrow(text: str) -> bool:
    block = _block(text)
    return block is None or block.prefixlen >= _NARROWEST[block.version]


def _differ(values: Iterable[Any]) -> bool:
    seen = list(values)
    return len(seen) == len(set(seen))


def _same(values: Iterable[Any]) -> bool:
    return len(set(values)) <= 1


def _named(item: KubeObject, _field: str) -> bool:
    name = item["metadata"]["name"]
    return len(name) <= OBJECT_NAME_MAX and re.search(OBJECT_NAME.replace("$", r"\Z"), name) is not None


def _span(item: KubeObject, field: str, default: timedelta) -> timedelta:
    try:
        return parse_duration(item.get(field, default))
    except ValueError:
        return timedelta.max


def _within_a_week(item: KubeObject, field: str) -> bool:
    return _SHORTEST <= _span(item, field, _SHORTEST) <= _LONGEST


def _to(rule: KubeObject, *kinds: str) -> bool:
    return _has(rule.get("to") or {}, *kinds)


def _operands(item: KubeObject, field: str) -> bool:
    return bool(_listed(item, field)) == (item.get("operator") in {"In", "NotIn"})


def _outside(item: KubeObject, field: str) -> bool:
    return not str(item.get(field) or "").endswith(tuple(CLUSTER_NAMES))


def _claimable(item: KubeObject, field: str) -> bool:
    return not any(
        name == "cluster.local" or name.endswith((".svc", ".cluster.local")) for name in _listed(item, field)
    )


def _known_ports(item: KubeObject, field: str) -> bool:
    names = {port.get("name") for port in _listed(item, "ports")}
    return all(name in names for rule in _listed(item, field) for name in _listed(rule, "ports"))


def _confirms(item: KubeObject, field: str) -> bool:
    found: Any = item.get(field)
    for step in ("onRotation", "confirm", "port"):
        found = found.get(step) if isinstance(found, Mapping) else None
    network = item.get("network")
    ports = _listed(network, "ports") if isinstance(network, Mapping) else []
    return found is None or any(isinstance(port, Mapping) and port.get("name") == found for port in ports)


_OF_OBJECTS: Final[Mapping[str, Rule]] = {
    "metadata.name must be a DNS label (lower case letters, digits, inner hyphens) of at most 50 characters: the objects "
    "bartizan makes are named after it": _named,
    "metadata.name must be a DNS label (lower case letters, digits, inner hyphens) of at most 50 characters: the Secrets of "
    "its authorities are named after it": _named,
    "metadata.name must be default: a cluster has one baseline": lambda o, _: o["metadata"]["name"] == DEFAULT_NAME,
    "every key must be a label's key: a name of letters, digits, -, _ and ., at most 63 long, after a DNS subdomain and / if "
    "it has an owner": lambda o, f: all(re.search(LABEL_KEY.replace("$", r"\Z"), key) for key in o.get(f) or {}),
    "a selector must name at least one label: an empty one would select every pod of the namespace": lambda o, _: bool(
        o.get("matchLabels") or o.get("matchExpressions")
    ),
    "values must be given for In and NotIn, and left out for Exists and DoesNotExist": _operands,
    "names inside the cluster are derived from the Services that select the pods and cannot be claimed": _claimable,
    "an IP address is no DNS name, and no DNS name ends in a number": lambda o, f: (
        not any(re.search(r"\.[0-9]+\Z", name) for name in _listed(o, f))
    ),
}
_OF_PEERS: Final[Mapping[str, Rule]] = {
    f"a peer names exactly one of: {', '.join(_PEERS)}": lambda o, _: sum(_has(o, kind) for kind in _PEERS) == 1,
    "namespace goes with service and gateway only": lambda o, f: not _has(o, f) or _has(o, "service", "gateway"),
    "onUnsupported goes with fqdn only": lambda o, f: not _has(o, f) or _has(o, "fqdn"),
    "a name inside the cluster has a policy: name it by service, or its pods by workload": _outside,
    "except goes with cidr only": lambda o, f: not _listed(o, f) or _has(o, "cidr"),
    f"cidr must be {BLOCK}": lambda o, f: not _has(o, f) or _block(o[f]) is not None,
    "every entry of except must be a block inside cidr": lambda o, f: (
        not _has(o, "cidr") or _block(o["cidr"]) is None or all(_holds(_block(o["cidr"]), e) for e in _listed(o, f))
    ),
    f"{', '.join(_CALLED_ONLY)} never call: they go under egress": lambda o, f: not _has(o.get(f) or {}, *_CALLED_ONLY),
    f"a policy grants nothing in {', '.join(CLOSED_GROUPS)}: write a Role by hand": lambda o, f: (
        not (set(CLOSED_GROUPS) & set(_listed(o, f)))
    ),
    "a policy grants no access to secrets: list them under spec.secrets": lambda o, f: (
        not (set(CLOSED_RESOURCES) & set(_listed(o, f)))
    ),
}
_OF_RULES: Final[Mapping[str, Rule]] = {
    "ports and until go with Approved: a denial holds on every port until it is changed": lambda o, f: (
        o.get(f) == "Approved" or not (_listed(o, "ports") or _has(o, "until"))
    ),
    "a port is given by exactly one of name and port": lambda o, _: _has(o, "name") != _has(o, "port"),
    "endPort needs port and must not be below it": lambda o, f: (
        not _has(o, f) or (_has(o, "port") and o[f] >= o["port"])
    ),
    "protocol goes with port; a name brings its own": lambda o, f: not _has(o, f) or _has(o, "port"),
    "ports must be listed unless the peer is a service or self, whose own ports are the default": lambda o, f: (
        _to(o, "service", "self", "kubernetesAPI", "cloudMetadata") or bool(_listed(o, f))
    ),
    "kubernetesAPI brings its own ports: leave ports out": lambda o, f: (
        not _to(o, "kubernetesAPI") or not _listed(o, f)
    ),
    "a gateway only calls: it goes under ingress": lambda o, _: not _to(o, "gateway"),
    "cloudMetadata needs a reason: whoever reaches it may act as the machine": lambda o, _: (
        not _to(o, "cloudMetadata") or bool(o.get("reason"))
    ),
    "a port name only means something at a service or self: give the number": lambda o, f: (
        _to(o, "service", "self") or all(_has(port, "port") for port in _listed(o, f))
    ),
    "the names of ports must differ": lambda o, f: _differ(port.get("name") for port in _listed(o, f)),
    "an ingress rule names a port that network.ports does not have": _known_ports,
    "ingress needs network.ports: list the ports on which the service listens": lambda o, f: (
        not _listed(o, "ingress") or bool(_listed(o, f))
    ),
}
_OF_THE_REST: Final[Mapping[str, Rule]] = {
    "lifetime must lie between 1h and 168h": _within_a_week,
    "maxLifetime must lie between 1h and 168h": _within_a_week,
    "issuing must be at least 336h (twice the longest certificate) and root at least 8760h": lambda o, _: (
        _span(o, "issuing", _ISSUING) >= timedelta(hours=336) and _span(o, "root", _ROOT) >= timedelta(hours=8760)
    ),
    "settle must be between 2m (a kubelet needs as long to update what is mounted) and 168h": lambda o, _: (
        timedelta(minutes=2) <= _span(o, "settle", _SETTLE) <= timedelta(hours=168)
    ),
    "emergencyDeadline must be between 1m and 168h": lambda o, _: (
        timedelta(minutes=1) <= _span(o, "emergencyDeadline", _DEADLINE) <= timedelta(hours=168)
    ),
    "root must outlive issuing": lambda o, _: _span(o, "root", _ROOT) > _span(o, "issuing", _ISSUING),
    f"every entry must be {BLOCK}": lambda o, f: all(_block(text) is not None for text in _listed(o, f)),
    f"no entry may be wider than /{_NARROWEST[4]} (IPv4) or /{_NARROWEST[6]} (IPv6): every pod may reach it on port 53": (
        lambda o, f: all(map(_narrow, _listed(o, f)))
    ),
    "path must stay below /vault/secrets: no part of it may be . or ..": lambda o, f: (
        not {".", ".."} & set(str(o.get(f)).split("/"))
    ),
    "the names of items must differ": lambda o, f: _differ(item.get("name") for item in _listed(o, f)),
    "all items share one Vault role: a pod logs in to Vault once": lambda o, f: _same(
        item["vault"]["role"] for item in _listed(o, f)
    ),
    "all items name the same containers: the Vault injector mounts its volume for all secrets or none": lambda o, f: (
        _same(tuple(_listed(item, "containers")) for item in _listed(o, f))
    ),
    "formats must name PEM, which a Secret of type kubernetes.io/tls always holds, and each format once": lambda o, f: (
        not _has(o, f) or ("PEM" in _listed(o, f) and _differ(_listed(o, f)))
    ),
    "two items cannot be written to the same file": lambda o, f: _differ(
        item["file"]["path"] for item in _listed(o, f)
    ),
}
_OF_ROTATION: Final[Mapping[str, Rule]] = {
    "within must lie between 1m and 24h": lambda o, f: (
        timedelta(minutes=1) <= _span(o, f, timedelta(minutes=10)) <= timedelta(hours=24)
    ),
    "fallback goes with strategy Watch only": lambda o, f: (
        o.get(f, "None") == "None" or o.get("strategy", "Watch") == "Watch"
    ),
    "confirm names a port that network.ports does not have": _confirms,
}
_OF_ISSUERS: Final[Mapping[str, Rule]] = {
    "an issuer is exactly one of: builtIn, certManager, vaultPKI, csrSigner": lambda o, _: (
        sum(_has(o, one) for one in ("builtIn", "certManager", "vaultPKI", "csrSigner")) == 1
    ),
    "an external issuer needs bundle: the roots that its certificates are verified with and peers trust": lambda o, _: (
        _has(o, "bundle") or not _has(o, "issuer") or _has(o["issuer"], "builtIn")
    ),
    "bundle holds a private key: everybody may read it. Leave only certificates in it, and replace that key": lambda o, f: (
        "PRIVATE KEY" not in str(o.get(f))
    ),
    "signerName must be a third party's: Kubernetes' own signers refuse SPIFFE IDs": lambda o, f: (
        not str(o.get(f)).startswith("kubernetes.io/")
    ),
}
RULES: Final[Mapping[str, Rule]] = {
    **_OF_OBJECTS,
    **_OF_PEERS,
    **_OF_RULES,
    **_OF_THE_REST,
    **_OF_ROTATION,
    **_OF_ISSUERS,
}
"""Every rule that judges an object alone. A rule about a change has nothing to say of a file."""

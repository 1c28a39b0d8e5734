"""Names and the API server in Cilium's words, for what a NetworkPolicy cannot say.

Cilium adds up what NetworkPolicies and its own policies allow, so this object only adds: `enableDefaultDeny` is off in both
directions, and isolation stays the NetworkPolicy's alone. It may come before that and go after it without cutting anything.

Names need the DNS proxy on the very same pods: the questions that the NetworkPolicy lets through to the cluster's DNS, and no
others, are led through it. Which names may be asked is not narrowed: the NetworkPolicy lets all of them pass, and Cilium counts
the wider rule. Source: cilium `Documentation/security/policy`, `pkg/policy/api` (v1.18).
"""

from collections.abc import Iterable, Iterator
from typing import Final

from bartizan.api.kinds import CILIUM_NETWORK_POLICY
from bartizan.api.names import KubeObject, network_policy_name
from bartizan.core.emit import owned_by
from bartizan.core.model import PolicyView, Snapshot
from bartizan.core.network.api_server import api_server_edge
from bartizan.core.network.backends.unnamed import never_by_name
from bartizan.core.network.dns import dns_grants
from bartizan.core.network.expiry import in_force
from bartizan.core.network.fqdn import LABELS_BELOW, refusal
from bartizan.core.network.peers import NAMESPACE_LABEL
from bartizan.core.network.ports import PortRange, by_ports, merged, read_number
from bartizan.core.network.ranges import inside, read_block
from bartizan.core.network.rules import egress_problem
from bartizan.core.network.verdicts import Draft
from bartizan.core.select import to_kube

POD_NAMESPACE: Final = "k8s:io.kubernetes.pod.namespace"
"""Cilium's label for the namespace a pod is in; nobody can set it."""
_ANY_NAME: Final = [{"matchPattern": "*"}]
_MOST_PORTS: Final = 40
"""How many ports Cilium takes in one list."""


def wants_cilium(policy: PolicyView) -> bool:
    """Whether the policy has an edge that CiliumNetworkPolicy says better than NetworkPolicy."""
    return any(rule.to.fqdn is not None or rule.to.kubernetes_api is not None for rule in policy.spec.network.egress)


def cilium_policy(policy: PolicyView, snapshot: Snapshot, network_policy: KubeObject) -> KubeObject | None:
    """Return the CiliumNetworkPolicy beside `network_policy`, owned and sealed; None if there is nothing to say in it.

    Judged at the snapshot's moment. `network_policy` tells which addresses are open by address and so must stay reachable
    when a name is kept from leading there.
    """
    named = _names(policy, snapshot)
    api = _api_ports(policy, snapshot)
    if not named and not api:
        return None
    egress = [*(_dns_rules(snapshot) if named else ()), *_name_rules(named)]
    if api:
        egress.append({"toEntities": ["kube-apiserver"], "toPorts": _ports(api)})
    closed = never_by_name(named.keys(), network_policy, snapshot)
    denied = [{"toCIDRSet": blocks, "toPorts": _ports(ports)} for blocks, ports in closed]
    spec: KubeObject = {
        "endpointSelector": to_kube(policy.spec.workload.selector),
        "enableDefaultDeny": {"egress": False, "ingress": False},
        "egress": egress,
        **({"egressDeny": denied} if denied else {}),
    }
    return owned_by(
        policy,
        {
            "apiVersion": CILIUM_NETWORK_POLICY.api_version,
            "kind": CILIUM_NETWORK_POLICY.kind,
            "metadata": {"name": network_policy_name(policy.name), "namespace": policy.namespace},
            "spec": spec,
        },
    )


def _names(policy: PolicyView, snapshot: Snapshot) -> dict[PortRange, set[str]]:
    """Return the names that the policy may call now, by port."""
    found: dict[PortRange, set[str]] = {}
    for rule in policy.spec.network.egress:
        name = rule.to.fqdn
        if name is None or egress_problem(policy, rule) or not in_force(rule, snapshot.now) or refusal(name, snapshot):
            continue
        for port in filter(None, map(read_number, rule.ports)):
            found.setdefault(port, set()).add(name)
    return found


def _name_rules(named: dict[PortRange, set[str]]) -> list[KubeObject]:
    """Return one rule per set of ports."""
    return [
        {"toFQDNs": [entry for name in names for entry in _selectors(name)], "toPorts": _ports(ports)}
        for ports, names in by_ports((name, [port]) for port, names in named.items() for name in names)
    ]


def _selectors(name: str) -> Iterator[KubeObject]:
    """Yield how Cilium is told a name. Its `*` stands for characters of one label, ours for one label or more."""
    if not name.startswith("*."):
        yield {"matchName": name}
        return
    for depth in range(1, LABELS_BELOW + 1):
        yield {"matchPattern": "*." * depth + name.removeprefix("*.")}


def _dns_rules(snapshot: Snapshot) -> list[KubeObject]:
    """Return the NetworkPolicy's own DNS rules, led through Cilium's DNS proxy: from its answers Cilium learns addresses."""
    rules = []
    for grant in dns_grants(snapshot):
        ports = [{"ports": entries, "rules": {"dns": _ANY_NAME}} for entries in _entries(grant.ports)]
        rules.append({**_dns_peer(grant.peer), "toPorts": ports})
    return rules


def _dns_peer(peer: KubeObject) -> KubeObject:
    if "ipBlock" in peer:
        return {"toCIDRSet": [peer["ipBlock"]]}
    namespace = peer["namespaceSelector"]["matchLabels"][NAMESPACE_LABEL]
    selector = peer["podSelector"]
    labels = {POD_NAMESPACE: namespace, **selector.get("matchLabels", {})}
    return {"toEndpoints": [{**selector, "matchLabels": labels}]}


def _api_ports(policy: PolicyView, snapshot: Snapshot) -> frozenset[PortRange]:
    """Return the ports of the API server's endpoints, if the policy may call it now and they are known.

    Cilium judges after the Service's address was rewritten, and where the API server runs its Service's port may be another's.
    """
    called = any(
        rule.to.kubernetes_api is not None and egress_problem(policy, rule) is None and in_force(rule, snapshot.now)
        for rule in policy.spec.network.egress
    )
    if not called:
        return frozenset()
    services = [block for block in map(read_block, snapshot.ranges.services) if block is not None]
    ports: set[PortRange] = set()
    for grant in api_server_edge(Draft(name="kubernetesAPI", inward=False), snapshot).grants:
        block = read_block(grant.peer["ipBlock"]["cidr"])
        if block is not None and not any(inside(block, service) for service in services):
            ports |= grant.ports
    return frozenset(ports)


def _ports(ports: Iterable[PortRange]) -> list[KubeObject]:
    return [{"ports": entries} for entries in _entries(ports)]


def _entries(ports: Iterable[PortRange]) -> Iterator[list[KubeObject]]:
    """Yield the ports in Cilium's spelling, in lists as long as Cilium takes them."""
    every = [_entry(port) for port in merged(ports)]
    for start in range(0, len(every), _MOST_PORTS):
        yield every[start : start + _MOST_PORTS]


def _entry(port: PortRange) -> KubeObject:
    last = {} if port.single else {"endPort": port.last}
    return {"port": str(port.first), **last, "protocol": port.protocol}

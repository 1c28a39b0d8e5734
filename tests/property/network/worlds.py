"""Worlds for the oracle: policies as the plain JSON users write, pods, outside addresses, and the flows between them.

The pools are small on purpose: names, labels and ports must collide for edges to come about.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import SecurityBaselineSpec
from bartizan.core.model import ClusterRanges, ResolvedName, Snapshot
from bartizan.core.network.compile import baseline_policy, compile_network
from bartizan.core.network.semantics import Endpoint, ExternalEndpoint, Flow
from bartizan.core.reasons import Mode
from bartizan.testing.builders import a_policy_view, a_snapshot

NAMESPACES = ("shop", "bank")
NAMES = ("web", "api", "db")
POD_RANGE, SERVICE_RANGE, NODE = "10.244.0.0/16", "10.96.0.0/16", "192.168.7.4/32"
DNS_ADDRESSES = ("10.96.0.10/32", "169.254.20.10/32", "169.254.169.254/32")
OUTSIDE = (
    "192.0.2.1", "203.0.113.5", "203.0.113.9", "8.8.8.8", "10.96.0.10", "10.96.7.7", "192.168.7.4", "169.254.20.10", "2001:db8::1", "fd12::1",
)  # fmt: skip
API_SERVER = (("10.96.7.7/32", 81), ("192.0.2.1/32", 80), ("fd12::1/128", 82))
DNS_NAMES = {
    "api.example": ("8.8.8.8", "10.244.0.1", "169.254.169.254", "192.168.7.4"),
    "rebound.example": ("10.244.0.2", "fd12::1"),
    "evil.denied.example": ("8.8.8.8",),
}
METADATA = (
    *("169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    *("fd00:ec2::254", "fd20:ce::254", "fe80::1", "64:ff9b::a9fe:a9fe", "::a9fe:a9fe"),
)
PORT_POOL = ({"name": "a", "port": 80}, {"name": "b", "port": 81}, {"name": "c", "port": 80, "protocol": "UDP"}, {"name": "d", "port": 53})  # fmt: skip
FLOW_PORTS = ((53, "TCP"), (53, "UDP"), (80, "TCP"), (80, "UDP"), (81, "TCP"), (82, "TCP"))


def flows_between(ends: Sequence[Endpoint | ExternalEndpoint]) -> list[Flow]:
    """Return every flow between the ends that has a pod at one of them at least."""
    return [
        Flow(source=source, destination=destination, port=port, protocol=protocol)
        for source in ends
        for destination in ends
        if isinstance(source, Endpoint) or isinstance(destination, Endpoint)
        for port, protocol in FLOW_PORTS
    ]


@dataclass(frozen=True)
class World:
    """Policies by (namespace, name) as specs in JSON, modes of namespaces, pods, and whether the internet is forbidden."""

    policies: dict[tuple[str, str], dict[str, Any]]
    modes: dict[str, Mode]
    pods: tuple[Endpoint, ...]
    internet: str = "Allow"
    metadata: str = "Forbid"

    def snapshot(self) -> Snapshot:
        """Return what the compiler sees."""
        views = [a_policy_view(name, namespace, **spec) for (namespace, name), spec in self.policies.items()]
        network = {
            "internet": self.internet,
            "cloudMetadata": self.metadata,
            "fqdnDenyList": ["*.denied.example"],
            "dns": {"addresses": DNS_ADDRESSES[1:]},
        }
        ranges = ClusterRanges(
            pods=(POD_RANGE,),
            services=(SERVICE_RANGE,),
            nodes=(NODE,),
            dns_addresses=DNS_ADDRESSES[:1],
            api_server=API_SERVER,
        )
        baseline = SecurityBaselineSpec.model_validate({"network": network})
        names = {name: ResolvedName(name=name, addresses=addresses) for name, addresses in DNS_NAMES.items()}
        return a_snapshot(*views, namespaces=self.modes, ranges=ranges, baseline=baseline, names=names)

    def emitted(self) -> list[KubeObject]:
        """Return the NetworkPolicies that stand in the cluster: those of enforced namespaces."""
        snapshot = self.snapshot()
        enforced = [namespace for namespace, mode in self.modes.items() if mode is Mode.ENFORCE]
        written = [
            compile_network(policy, snapshot).network_policy
            for policy in snapshot.policies.values()
            if policy.namespace in enforced
        ]
        return [*written, *(baseline_policy(namespace) for namespace in enforced)]

    def flows(self) -> list[Flow]:
        """Return every flow that has a pod at one end at least."""
        return flows_between([*self.pods, *(ExternalEndpoint(ip=ip) for ip in (*OUTSIDE, *METADATA))])

    def with_rules(self, key: tuple[str, str], direction: str, rules: list[Any]) -> "World":
        """Return the same world with another list of rules in one policy."""
        spec = self.policies[key]
        changed = {**spec, "network": {**spec["network"], direction: rules}}
        return replace(self, policies={**self.policies, key: changed})


def a_pod(index: int, namespace: str, labels: dict[str, str]) -> Endpoint:
    """Return a pod with an address of its own."""
    return Endpoint(
        namespace=namespace,
        name=f"pod-{index}",
        ip=f"10.244.0.{index}",
        labels=labels,
        namespace_labels={"kubernetes.io/metadata.name": namespace},
    )


selectors = st.one_of(
    st.sampled_from(NAMES).map(lambda name: {"matchLabels": {"app": name}}),
    st.sampled_from(
        [
            {
                "matchLabels": {"app": "web"},
                "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["x"]}],
            },
            {"matchExpressions": [{"key": "app", "operator": "In", "values": ["api", "db"]}]},
            {"matchExpressions": [{"key": "tier", "operator": "Exists"}]},
            {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]},
        ]
    ),
)
services = st.fixed_dictionaries(
    {"service": st.sampled_from((*NAMES, "ghost"))}, optional={"namespace": st.sampled_from(NAMESPACES)}
)
cidrs = st.sampled_from(
    [
        {"cidr": "203.0.113.0/24"},
        {"cidr": "203.0.113.0/24", "except": ["203.0.113.8/29", "203.0.113.9/32"]},
        {"cidr": "0.0.0.0/0"},
        {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]},
        {"cidr": "128.0.0.0/1"},
        {"cidr": "169.254.0.0/16"},
        {"cidr": "169.254.169.254/32"},
        {"cidr": "10.244.0.0/16"},
        {"cidr": "::/0"},
        {"cidr": "fd00::/8"},
        {"cidr": "::ffff:0:0/96"},
        {"cidr": "203.0.113.0/24", "except": ["203.0.113.0/25", "203.0.113.128/25"]},
    ]
)
special = st.sampled_from(
    [
        {"cloudMetadata": {}},
        {"kubernetesAPI": {}},
        {"gateway": "public", "namespace": "tools"},
        {"gateway": "public"},
        *({"fqdn": name} for name in (*DNS_NAMES, "*.api.example", "unasked.example")),
        {"fqdn": "api.example", "onUnsupported": "Deny"},
    ]
)
peers = st.one_of(
    services,
    services,
    services,
    special,
    st.sampled_from([{"gateway": "public", "namespace": "tools"}, {"gateway": "public"}]),
    st.just({"self": {}}),
    st.just({"internet": {}}),
    cidrs,
    st.builds(
        lambda namespace, selector: {"workload": {"namespace": namespace, "selector": selector}},
        st.sampled_from((*NAMESPACES, "tools")),
        selectors,
    ),
)
asked_ports = st.sampled_from(
    [
        {"name": "a"},
        {"name": "b"},
        {"name": "z"},
        {"port": 80},
        {"port": 80, "protocol": "UDP"},
        {"port": 53, "protocol": "UDP"},
        {"port": 80, "endPort": 82},
        {"port": 53, "endPort": 80},
    ]
)
plain_calls = st.builds(
    lambda to, ports, reason: {"to": to, "ports": ports, **reason},
    peers,
    st.lists(asked_ports, max_size=2),
    st.sampled_from([{"reason": "because"}, {}]),
)
special_calls = st.builds(
    lambda to, ports: {"to": to, "ports": ports, "reason": "because"},
    special,
    st.sampled_from([[], [{"port": 80}], [{"port": 80, "endPort": 82}]]),
)
egress_rules = st.one_of(plain_calls, plain_calls, special_calls)
ingress_rules = st.builds(
    lambda source, ports: {"from": source, "ports": ports},
    peers,
    st.lists(st.sampled_from(["a", "b", "c", "z"]), max_size=2, unique=True),
)


@st.composite
def specs(draw: st.DrawFn, name: str) -> dict[str, Any]:
    """Draw one policy's spec; most select pods by the policy's own name."""
    selector = draw(st.one_of(st.just({"matchLabels": {"app": name}}), selectors))
    network = {
        "ports": draw(st.lists(st.sampled_from(PORT_POOL), max_size=3, unique_by=lambda port: port["name"])),
        "ingress": draw(st.lists(ingress_rules, max_size=3)),
        "egress": draw(st.lists(egress_rules, max_size=3)),
    }
    return {"workload": {"selector": selector}, "network": network}


@st.composite
def agreements(draw: st.DrawFn, policies: dict[tuple[str, str], dict[str, Any]]) -> None:
    """Let some policies name each other on both sides, not always about the same ports; chance alone seldom does."""
    everyone = st.sampled_from(sorted(policies))
    for consumer, provider in draw(st.lists(st.tuples(everyone, everyone), min_size=1, max_size=3)):
        there = policies[provider]["network"]
        there["ports"] = there["ports"] or list(PORT_POOL[:2])
        names = st.lists(st.sampled_from([*(port["name"] for port in there["ports"]), "z"]), max_size=2, unique=True)
        call = {"to": {"service": provider[1], "namespace": provider[0]}, "ports": [{"name": n} for n in draw(names)]}
        policies[consumer]["network"]["egress"].append(call)
        caller = {"service": consumer[1], "namespace": consumer[0]}
        there["ingress"].append({"from": caller, "ports": draw(names)})


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw a world: policies that name each other, pods with and without policy, a third namespace without bartizan."""
    keys = draw(
        st.lists(st.tuples(st.sampled_from(NAMESPACES), st.sampled_from(NAMES)), min_size=1, max_size=4, unique=True)
    )
    bank = draw(st.sampled_from((Mode.ENFORCE, Mode.ENFORCE, Mode.AUDIT)))
    modes = {"shop": Mode.ENFORCE, "bank": bank, "tools": Mode.NOT_GOVERNED}
    labels = st.fixed_dictionaries({}, optional={"app": st.sampled_from(NAMES), "tier": st.sampled_from(["x", "y"])})
    drawn = draw(st.lists(st.tuples(st.sampled_from((*NAMESPACES, "tools")), labels), min_size=1, max_size=3))
    drawn += [(namespace, {"app": name}) for namespace, name in (*keys, keys[0])]
    drawn.append(("kube-system", {"k8s-app": "kube-dns"}))
    drawn.append((draw(st.sampled_from((*NAMESPACES, "tools"))), {"gateway.networking.k8s.io/gateway-name": "public"}))
    policies = {key: draw(specs(key[1])) for key in keys}
    draw(agreements(policies))
    return World(
        policies=policies,
        modes=modes,
        pods=tuple(a_pod(index, *pod) for index, pod in enumerate(drawn, start=1)),
        internet=draw(st.sampled_from(("Allow", "Allow", "Forbid"))),
        metadata=draw(st.sampled_from(("Allow", "Forbid"))),
    )

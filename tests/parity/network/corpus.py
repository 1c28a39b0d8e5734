"""The worlds on which four engines must agree, drawn from a `Random`, so that a seed or Hypothesis can be behind it.

Pools are small on purpose: names, labels and ports must collide for edges to come about, and half of the rules are written as
agreements of both sides, because chance alone seldom makes one.
"""

from random import Random
from typing import Any

from bartizan.core.network.semantics import Endpoint, ExternalEndpoint, Flow
from bartizan.core.reasons import Mode
from property.network.worlds import NAMESPACES, World, a_pod

CASES = 320
NAMES = ("web", "api", "db", "queue")
PORTS: tuple[dict[str, Any], ...] = (
    {"name": "a", "port": 80},
    {"name": "b", "port": 81},
    {"name": "c", "port": 80, "protocol": "UDP"},
    {"name": "d", "port": 53},
    {"name": "e", "port": 90, "protocol": "SCTP"},
)
ASKED: tuple[dict[str, Any], ...] = (
    {"name": "a"},
    {"name": "c"},
    {"name": "z"},
    {"port": 80},
    {"port": 80, "protocol": "UDP"},
    {"port": 90, "protocol": "SCTP"},
    {"port": 80, "endPort": 82},
    {"port": 53, "endPort": 80, "protocol": "UDP"},
    {"port": 85, "endPort": 65535, "protocol": "SCTP"},
)
NUMBERED = tuple(port for port in ASKED if "port" in port)
FLOW_PORTS = (
    (1, "UDP"), (52, "UDP"), (53, "TCP"), (53, "UDP"), (79, "TCP"), (80, "TCP"), (80, "UDP"), (80, "SCTP"), (81, "TCP"),
    (82, "TCP"), (83, "TCP"), (84, "SCTP"), (90, "SCTP"), (65535, "SCTP"),
)  # fmt: skip
OUTSIDE = (
    "203.0.113.5", "203.0.113.9", "8.8.8.8", "10.96.0.10", "10.96.7.7", "192.168.7.4", "169.254.20.10", "169.254.169.254",
    "100.100.100.200",
)  # fmt: skip
OUTSIDE_IPV6 = ("2001:db8::1", "fd12::1", "fd00:ec2::254", "fe80::1")
BLOCKS: tuple[dict[str, Any], ...] = (
    {"cidr": "203.0.113.0/24"},
    {"cidr": "203.0.113.0/24", "except": ["203.0.113.8/29"]},
    {"cidr": "0.0.0.0/0"},
    {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]},
    {"cidr": "128.0.0.0/1"},
    {"cidr": "169.254.0.0/16"},
    {"cidr": "10.244.0.0/16"},
    {"cidr": "10.244.0.4/30"},
    {"cidr": "::/0"},
    {"cidr": "fd00::/8"},
)
SELECTORS: tuple[dict[str, Any], ...] = (
    {"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["x"]}]},
    {"matchExpressions": [{"key": "app", "operator": "In", "values": ["api", "db"]}]},
    {"matchExpressions": [{"key": "tier", "operator": "Exists"}]},
    {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]},
)


def fixed_worlds() -> list[World]:
    """Return the fixed corpus: always the same worlds in the same order."""
    return [a_world(seeded(f"bartizan {number}")) for number in range(CASES)]


def seeded(seed: str) -> Random:
    """Return the same draws for the same seed."""
    return Random(seed)  # noqa: S311 - a corpus is drawn, not a key


def a_world(random: Random) -> World:
    """Return a world of two governed namespaces, one that is not, the cluster's DNS, and pods with and without policy."""
    places = [(namespace, name) for namespace in NAMESPACES for name in NAMES]
    keys = random.sample(places, random.randint(1, 5))
    policies = {key: _spec(random, key[1]) for key in keys}
    for _ in range(random.randint(1, 4)):
        _agree(random, policies, random.choice(keys), random.choice(keys))
    for _ in range(random.randint(0, 2)):
        _agree_without_names(random, policies[random.choice(keys)]["network"], policies[random.choice(keys)]["network"])
    modes = {
        "shop": Mode.ENFORCE,
        "bank": random.choice((Mode.ENFORCE, Mode.ENFORCE, Mode.AUDIT)),
        "tools": Mode.NOT_GOVERNED,
    }
    return World(policies, modes, _pods(random, keys), random.choice(("Allow", "Allow", "Forbid")))


def some_flows(random: Random, world: World) -> list[Flow]:
    """Return flows between all pods, and between pods and some addresses outside, on some ports."""
    addresses = [*random.sample(OUTSIDE, 3), random.choice(OUTSIDE_IPV6)]
    ports = random.sample(FLOW_PORTS, 6)
    ends = [*world.pods, *(ExternalEndpoint(ip=ip) for ip in addresses)]
    return [
        Flow(source=source, destination=destination, port=port, protocol=protocol)
        for source in ends
        for destination in ends
        if isinstance(source, Endpoint) or isinstance(destination, Endpoint)
        for port, protocol in (ports[:1] if source == destination else ports)
    ]


def _spec(random: Random, name: str) -> dict[str, Any]:
    own = {"matchLabels": {"app": name}}
    network = {
        "ports": _some(random, PORTS, 3),
        "ingress": [
            {"from": _peer(random), "ports": _some(random, ("a", "b", "c", "e", "z"), 2)}
            for _ in range(random.randint(0, 2))
        ],
        "egress": [_egress(random) for _ in range(random.randint(0, 2))],
    }
    return {"workload": {"selector": random.choice((own, own, random.choice(SELECTORS)))}, "network": network}


def _egress(random: Random) -> dict[str, Any]:
    to = _peer(random)
    named = "service" in to or "self" in to
    return {"to": to, "ports": _some(random, ASKED if named else NUMBERED, 2)}


def _agree(random: Random, policies: dict[tuple[str, str], dict[str, Any]], consumer: Any, provider: Any) -> None:
    """Let one policy call another that admits it, not always about the same ports."""
    there = policies[provider]["network"]
    there["ports"] = there["ports"] or list(PORTS[:2])
    names = [port["name"] for port in there["ports"]]
    call = {
        "to": {"service": provider[1], "namespace": provider[0]},
        "ports": [{"name": n} for n in _some(random, names, 2)],
    }
    policies[consumer]["network"]["egress"].append(call)
    caller = {"service": consumer[1], "namespace": consumer[0]}
    there["ingress"].append({"from": caller, "ports": _some(random, names, 2)})


def _agree_without_names(random: Random, calling: dict[str, Any], called: dict[str, Any]) -> None:
    """Let one policy call a block or pods by label, and another admit the same."""
    called["ports"] = called["ports"] or list(PORTS[:2])
    pods = {"cidr": "10.244.0.0/16"}
    to, source = (random.choice((pods, _workload(random))) for _ in range(2))
    calling["egress"].append({"to": to, "ports": [{"port": 80, "endPort": 82}]})
    called["ingress"].append({"from": source, "ports": []})


def _peer(random: Random) -> dict[str, Any]:
    match random.choice(("service", "service", "self", "internet", "cidr", "cidr", "workload")):
        case "service":
            peer = {"service": random.choice((*NAMES, "ghost"))}
            return peer | ({"namespace": random.choice(NAMESPACES)} if random.random() < 0.5 else {})
        case "cidr":
            return dict(random.choice(BLOCKS))
        case "workload":
            return _workload(random)
        case kind:
            return {kind: {}}


def _workload(random: Random) -> dict[str, Any]:
    selector = random.choice((*SELECTORS, {"matchLabels": {"app": random.choice(NAMES)}}))
    return {"workload": {"namespace": random.choice((*NAMESPACES, "tools")), "selector": selector}}


def _pods(random: Random, keys: list[tuple[str, str]]) -> tuple[Endpoint, ...]:
    drawn = [(namespace, {"app": name}) for namespace, name in keys]
    drawn += [(random.choice((*NAMESPACES, "tools")), {"app": random.choice(NAMES)}) for _ in range(2)]
    drawn += [(random.choice(NAMESPACES), {})]
    drawn = [
        (namespace, labels | ({"tier": random.choice("xy")} if random.random() < 0.3 else {}))
        for namespace, labels in drawn
    ]
    drawn.append(("kube-system", {"k8s-app": "kube-dns"}))
    return tuple(a_pod(index, *pod) for index, pod in enumerate(drawn, start=1))


def _some(random: Random, pool: Any, most: int) -> list[Any]:
    return random.sample(list(pool), random.randint(0, min(most, len(pool))))

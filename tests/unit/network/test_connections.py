"""The ports between two ends, exactly: every stretch, both edges, every protocol."""

import pytest

from bartizan.core.network.connections import connections
from bartizan.core.network.ports import PortRange
from bartizan.core.network.semantics import Endpoint, ExternalEndpoint

WEB = Endpoint(namespace="shop", name="web", ip="10.244.0.1", labels={"app": "web"})
API = Endpoint(
    namespace="shop", name="api", ip="10.244.0.2", labels={"app": "api"}, named_ports={"http": (8080, "TCP")}
)
OUTSIDE = ExternalEndpoint(ip="203.0.113.5")
EVERYTHING = tuple(PortRange(1, 65535, protocol) for protocol in ("SCTP", "TCP", "UDP"))


def a_network_policy(*rules, direction="ingress", app="api", namespace="shop"):
    """Return a NetworkPolicy for one direction of the pods of `app`."""
    return {
        "metadata": {"namespace": namespace, "name": f"{app}-{direction}-{len(rules)}"},
        "spec": {
            "podSelector": {"matchLabels": {"app": app}},
            "policyTypes": [direction.capitalize()],
            direction: list(rules),
        },
    }


def to_ports(*ports):
    """Return a rule for everybody on these ports."""
    return {"ports": list(ports)}


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        pytest.param([], EVERYTHING, id="no policy: everything"),
        pytest.param([a_network_policy()], (), id="isolated and nothing allowed"),
        pytest.param([a_network_policy({})], EVERYTHING, id="a rule without ports"),
        pytest.param([a_network_policy(to_ports({"protocol": "UDP"}))], (PortRange(1, 65535, "UDP"),), id="a whole protocol"),
        pytest.param([a_network_policy(to_ports({"port": 443}))], (PortRange(443, 443, "TCP"),), id="absent protocol is TCP"),
        pytest.param([a_network_policy(to_ports({"port": 1, "endPort": 65535}))], (PortRange(1, 65535, "TCP"),), id="both ends of the range"),
        pytest.param(
            [a_network_policy(to_ports({"port": 80, "endPort": 90}, {"port": 91}, {"port": 93}))],
            (PortRange(80, 91, "TCP"), PortRange(93, 93, "TCP")),
            id="touching ranges are one, a gap of one port stays",
        ),
        pytest.param(
            [a_network_policy(to_ports({"port": 80, "endPort": 90})), a_network_policy(to_ports({"port": 85, "endPort": 99, "protocol": "TCP"}), {"ports": [{"port": 1, "protocol": "SCTP"}]})],
            (PortRange(1, 1, "SCTP"), PortRange(80, 99, "TCP")),
            id="policies add up",
        ),
        pytest.param([a_network_policy(to_ports({"port": "http"}))], (PortRange(8080, 8080, "TCP"),), id="a name of the called pod"),
        pytest.param([a_network_policy(to_ports({"port": "grpc"}))], (), id="a name the called pod lacks"),
        pytest.param(
            [
                a_network_policy(to_ports({"port": 80, "endPort": 100})),
                a_network_policy(to_ports({"port": 90, "endPort": 110}), direction="egress", app="web"),
            ],
            (PortRange(90, 100, "TCP"),),
            id="both ends must allow",
        ),
        pytest.param([a_network_policy(namespace="bank")], EVERYTHING, id="another namespace has no say"),
    ],
)  # fmt: skip
def test_every_open_port_is_named(policies, expected):
    """What is open from web to api is exactly these ranges."""
    assert connections(WEB, API, policies) == expected


def test_addresses_outside_have_ports_too():
    """Towards and from an address outside, only the pod's side decides; a pod reaches itself on every port."""
    policies = [a_network_policy({"from": [{"ipBlock": {"cidr": "203.0.113.0/24"}}], "ports": [{"port": 80}]})]
    assert connections(OUTSIDE, API, policies) == (PortRange(80, 80, "TCP"),)
    assert connections(API, OUTSIDE, policies) == EVERYTHING
    assert connections(API, API, policies) == EVERYTHING


def test_a_plugin_may_keep_blocks_from_pods():
    """Where a plugin does not compare blocks with pods' addresses, a block opens nothing between pods."""
    policies = [a_network_policy({"from": [{"ipBlock": {"cidr": "10.244.0.0/16"}}], "ports": [{"port": 80}]})]
    assert connections(WEB, API, policies) == (PortRange(80, 80, "TCP"),)
    assert connections(WEB, API, policies, cidr_matches_pods=False) == ()

"""Container ports by name: which numbers they stand for, during a rollout and when they are not clear."""

from dataclasses import replace

import pytest

from bartizan.core.model import NamedPort, PortProblem, WorkloadShape
from bartizan.core.network.compile import compile_network
from bartizan.core.network.numbers import numbered
from bartizan.core.reasons import Reason
from unit.network.building import a_policy, a_world, edges_of, ingress_of, pods, tcp

WEB = a_policy("shop/web", egress=[{"to": {"service": "api"}, "ports": [{"name": "http"}]}])
API = a_policy(
    "shop/api", ports=[{"name": "http", "port": "web"}], ingress=[{"from": {"service": "web"}, "ports": ["http"]}]
)


def shape(origin, *ports, running=False, app="api"):
    """Return a shape; ports are (name, number) or (name, number, protocol)."""
    named = frozenset(NamedPort(*(*port, "TCP")[:3]) for port in ports)
    return WorkloadShape(namespace="shop", labels=(("app", app),), ports=named, origin=origin, running=running)


OLD_POD = shape("ReplicaSet api-1", ("web", 8080), running=True)
NEW_TEMPLATE = shape("Deployment api", ("web", 9090))
CANARY = shape("Deployment canary", ("web", 9090))
STABLE = shape("Deployment api", ("web", 8080))
TORN = shape("Deployment api", ("web", 8080), ("web", 9090))
NUMBERS = {
    "a template before the first pod": ([STABLE], [8080], None),
    "a template and its pods": ([STABLE, OLD_POD], [8080], None),
    "a template ahead of its pods: both, until the last old pod is gone": ([NEW_TEMPLATE, OLD_POD], [8080, 9090], None),
    "pods of two revisions without a template": (
        [OLD_POD, shape("ReplicaSet api-2", ("web", 9090), running=True)],
        [8080, 9090],
        None,
    ),
    "the name at another policy's workload": ([shape("Deployment web", ("web", 1), app="web"), STABLE], [8080], None),
    "two templates that disagree": (
        [STABLE, CANARY],
        [8080, 9090],
        (
            Reason.PORT_AMBIGUOUS,
            (
                "container port web stands for different TCP numbers: 8080 in Deployment api, 9090 in Deployment canary; all of "
                "them are open on every pod of the policy: give them one number, or declare one port per number"
            ),
        ),
    ),
    "two containers of one pod that disagree": (
        [TORN],
        [8080, 9090],
        (
            Reason.PORT_AMBIGUOUS,
            (
                "container port web stands for different TCP numbers: 8080/9090 in Deployment api; all of them are open on every "
                "pod of the policy: give them one number, or declare one port per number"
            ),
        ),
    ),
    "no workload yet": (
        [],
        ["web"],
        (
            Reason.PORT_NOT_FOUND,
            "port http: no pod or pod template of the policy exists yet that tells the number of web",
        ),
    ),
    "no container has it": (
        [shape("Deployment api", ("metrics", 9100))],
        ["web"],
        (
            Reason.PORT_NOT_FOUND,
            "port http: no container of Deployment api has a port named web: name it there, or give a number",
        ),
    ),
    "another protocol": (
        [shape("Deployment api", ("web", 8080, "UDP"))],
        ["web"],
        (
            Reason.PORT_NOT_FOUND,
            "port http: container port web is 8080/UDP in Deployment api, the policy says TCP: correct protocol",
        ),
    ),
}


def snapshot(shapes):
    """Return a world with both policies and these shapes."""
    return replace(a_world(API, WEB), shapes={"shop": tuple(shapes)})


@pytest.mark.parametrize("case", NUMBERS)
def test_a_name_stands_for(case):
    """The numbers, and the problem with the workload named."""
    shapes, numbers, problem = NUMBERS[case]
    found = numbered(API, snapshot(shapes))
    expected = () if problem is None else (PortProblem(name="http", reason=problem[0], message=problem[1]),)
    assert ([port.port for port in found.spec.network.ports], found.port_problems) == (numbers, expected)


def test_both_numbers_are_open_on_both_sides_while_a_port_changes():
    """Provider and consumer write the union, and nothing is degraded: this is how a rollout looks."""
    world = snapshot([NEW_TEMPLATE, OLD_POD])
    provider, consumer = compile_network(API, world), compile_network(WEB, world)
    assert ingress_of(provider) == [{"from": [pods("shop/web")], "ports": [tcp(8080), tcp(9090)]}]
    assert {"to": [pods("shop/api")], "ports": [tcp(8080), tcp(9090)]} in consumer.network_policy["spec"]["egress"]
    expected = {"ports": ["8080/TCP", "9090/TCP"], "state": "Applied"}
    assert edges_of(provider) == [{"from": "shop/web", **expected}]
    assert edges_of(consumer) == [{"to": "shop/api", **expected}]


def test_the_old_number_closes_when_its_last_pod_is_gone():
    """Nobody has to remember it: what no pod and no template says is not open."""
    assert ingress_of(compile_network(API, snapshot([NEW_TEMPLATE]))) == [
        {"from": [pods("shop/web")], "ports": [tcp(9090)]}
    ]


def test_a_name_that_stands_for_nothing_opens_nothing():
    """Both sides say why, with the workload named, and nothing is written for it."""
    world = snapshot([shape("Deployment api", ("metrics", 9100))])
    provider, consumer = compile_network(API, world), compile_network(WEB, world)
    reason = "port http: no container of Deployment api has a port named web: name it there, or give a number"
    assert ingress_of(provider) == []
    assert edges_of(provider) == [
        {"from": "shop/web", "ports": [], "state": "Denied", "reason": "PortNotFound", "message": reason}
    ]
    assert edges_of(consumer) == [
        {
            "to": "shop/api",
            "ports": [],
            "state": "Denied",
            "reason": "PortNotFound",
            "message": f"shop/api has no number for port http: {reason}",
        }
    ]


def test_an_ambiguous_name_is_degraded_where_it_is_declared():
    """Nothing is cut, and the provider's edge names both workloads."""
    edge = edges_of(compile_network(API, snapshot([STABLE, CANARY])))[0]
    assert (edge["state"], edge["reason"], edge["ports"]) == ("Degraded", "PortAmbiguous", ["8080/TCP", "9090/TCP"])
    assert "8080 in Deployment api, 9090 in Deployment canary" in edge["message"]

"""`reach`: everything within so many hops, and the longest way."""

from bartizan.core.network.reach import Step, reach
from unit.graph.drawing import HTTP, TCP_8080, a_network, a_service_policy


def a_chain(length):
    """Return services s0 → s1 → … each of which calls the next; the last calls the internet."""
    policies = []
    for n in range(length):
        egress = (
            [{"to": {"service": f"s{n + 1}"}}]
            if n + 1 < length
            else [{"to": {"internet": {}}, "ports": [{"port": 443}]}]
        )
        ingress = [{"from": {"service": f"s{n - 1}"}}] if n else []
        policies.append(a_service_policy(f"shop/s{n}", ports=[HTTP], ingress=ingress, egress=egress))
    return a_network(*policies)


def test_everything_is_reached_by_the_shortest_way():
    """Each hop is one call; the worst path is the longest of the shortest ways."""
    found = reach(a_chain(3), "shop/s0")
    steps = [(step.target, step.hops, step.via) for step in found.steps]
    assert steps == [("shop/s1", 1, "shop/s0"), ("shop/s2", 2, "shop/s1"), ("internet", 3, "shop/s2")]
    assert (found.worst, found.by_hops) == (found.steps, {1: 1, 2: 1, 3: 1})


def test_hops_are_a_bound():
    """With one hop only direct calls count."""
    assert reach(a_chain(3), "shop/s0", hops=1).steps == (
        Step(target="shop/s1", hops=1, via="shop/s0", ports=(TCP_8080,)),
    )


def test_a_service_that_calls_nobody_reaches_nothing():
    """Without calls there are no steps and no worst path; DNS is passed through only if asked."""
    network = a_network(a_service_policy("shop/web"))
    alone = reach(network, "shop/web")
    assert (alone.steps, alone.worst) == ((), ())
    assert [step.target for step in reach(network, "shop/web", hops=1, dns=True).steps] == ["dns"]


def test_circles_end():
    """Services that call each other are reached once, and never oneself."""
    network = a_network(
        a_service_policy("shop/a", ingress=[{"from": {"service": "b"}}], egress=[{"to": {"service": "b"}}]),
        a_service_policy("shop/b", ingress=[{"from": {"service": "a"}}], egress=[{"to": {"service": "a"}}]),
    )
    assert [step.target for step in reach(network, "shop/a").steps] == ["shop/b"]

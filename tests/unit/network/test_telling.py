"""Which labels tell pods apart: all that any selector looks at, and no others."""

from dataclasses import replace

import pytest

from bartizan.core.model import WorkloadShape
from bartizan.core.network.compile import compile_network
from bartizan.core.network.dns import dns_grants
from bartizan.core.network.rollout import Around, Step, next_step
from bartizan.core.network.telling import only, told_by_policies, told_by_rules
from unit.network.building import HTTP, a_policy, a_world

IN = {"matchExpressions": [{"key": "tier", "operator": "In", "values": ["a", "b"]}]}
EVERY_PEER = {
    "ingress": [
        {"from": {"service": "web"}},
        {"from": {"self": {}}},
        {"from": {"workload": {"namespace": "tools", "selector": {"matchLabels": {"runner": "yes"}}}}},
        {"from": {"gateway": "edge", "namespace": "infra"}},
    ],
    "egress": [
        {"to": {"service": "web"}},
        {"to": {"workload": {"namespace": "tools", "selector": IN}}, "ports": [{"port": 80}]},
        {"to": {"cidr": "198.51.100.0/24"}, "ports": [{"port": 443}]},
    ],
}


def test_what_is_read_from_specs_covers_what_is_compiled():
    """No peer kind writes a selector whose labels were not known beforehand, except that for DNS pods, which all have."""
    web = a_policy(
        "shop/web", ports=[HTTP], selector={"matchLabels": {"role": "web"}}, egress=[{"to": {"service": "api"}}]
    )
    api = a_policy("shop/api", ports=[HTTP], **EVERY_PEER)
    world = replace(a_world(api, web), former={api.key: (a_policy("shop/old", selector=IN).spec.workload.selector,)})
    dns = told_by_rules([{"spec": {"podSelector": {}, "egress": [{"to": [one.peer for one in dns_grants(world)]}]}}])
    written = [compile_network(one, world).network_policy for one in (api, web)]
    assert dns
    assert {"app", "role", "runner", "tier"} < told_by_rules(written)
    assert told_by_rules(written) <= told_by_policies((api, web), world) | dns


def test_labels_that_no_selector_names_are_left_out():
    """What is left is sorted as before."""
    labels = (("app", "web"), ("statefulset.kubernetes.io/pod-name", "web-7"), ("tier", "a"))
    assert only(labels, frozenset({"tier", "app"})) == (("app", "web"), ("tier", "a"))


def stateful(app, replicas):
    """Return the pods of a StatefulSet, each with a label of its own."""
    return [
        WorkloadShape(
            namespace="shop",
            labels=(("app", app), ("statefulset.kubernetes.io/pod-name", f"{app}-{number}")),
            origin=f"StatefulSet {app}",
            running=True,
        )
        for number in range(replicas)
    ]


@pytest.mark.timeout(5)
def test_replicas_with_names_of_their_own_are_judged_as_one():
    """Closing an edge between two StatefulSets of 200 is decided in moments; 40,000 pairs would take half a minute."""
    web = a_policy("shop/web", egress=[{"to": {"service": "api"}}])
    api = a_policy("shop/api", ports=[HTTP], ingress=[{"from": {"service": "web"}}])
    standing = [compile_network(one, a_world(web, api)).network_policy for one in (web, api)]
    closed = a_policy("shop/web")
    world = replace(a_world(closed, api), shapes={"shop": (*stateful("web", 200), *stateful("api", 200))})
    desired = compile_network(closed, world)
    step = next_step(closed, desired, standing[0], Around(snapshot=world, network_policies=standing))
    assert step == Step(writes=(desired.network_policy,))

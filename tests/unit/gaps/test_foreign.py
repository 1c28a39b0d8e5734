"""What a foreign NetworkPolicy opens beyond what a policy declares, case by case, as whole sentences."""

from itertools import product

import pytest

from bartizan.core.gaps.find import find_gaps
from bartizan.core.gaps.pods import PodShape
from bartizan.core.gaps.surroundings import Surroundings, foreign
from bartizan.core.network.compile import baseline_policy, compile_network
from unit.network.building import GRPC, HTTP, a_policy, a_world

ORDERS = a_policy(
    "shop/orders",
    ports=[HTTP, GRPC],
    ingress=[
        {"from": {"service": "web"}, "ports": ["http"]},
        {"from": {"cidr": "203.0.113.0/24"}, "ports": ["http"]},
        {"from": {"workload": {"namespace": "tools", "selector": {"matchLabels": {"app": "x"}}}}},
    ],
    egress=[{"to": {"cidr": "198.51.100.0/24"}, "ports": [{"port": 5432}, {"port": 6000, "endPort": 6010}]}],
)
WEB = a_policy("shop/web", egress=[{"to": {"service": "orders"}}])
RUNNING = PodShape(
    namespace="shop",
    origin="Deployment shop/orders",
    labels=(("app", "orders"), ("track", "stable")),
    named_ports=(("web", 8080, "TCP"), ("debug", 6060, "TCP")),
)


def gaps_of(spec, *, pods=(RUNNING,), policy=ORDERS):
    """Return the messages of ForeignAllow for one foreign NetworkPolicy."""
    snapshot = a_world(policy, WEB)
    item = {"kind": "NetworkPolicy", "metadata": {"namespace": "shop", "name": "theirs"}, "spec": spec}
    around = Surroundings(network_policies=(item,), pods=tuple(pods))
    found = find_gaps(policy, compile_network(policy, snapshot).network_policy, snapshot, around)
    return [(gap.object, gap.message) for gap in found if gap.type == "ForeignAllow"]


def ingress(*rules, **selector):
    """Return the spec of a NetworkPolicy with ingress rules."""
    return {"podSelector": selector or {"matchLabels": {"app": "orders"}}, "ingress": list(rules)}


def egress(*rules):
    """Return the spec of a NetworkPolicy with egress rules only."""
    return {"podSelector": {}, "policyTypes": ["Egress"], "egress": list(rules)}


def tcp(*ports):
    """Return ports of a rule."""
    return [{"port": port, "protocol": "TCP"} for port in ports]


def pods(**labels):
    """Return a peer of the same namespace."""
    return {"podSelector": {"matchLabels": labels}}


def block(cidr, *holes):
    """Return a block as peer."""
    return {"ipBlock": {"cidr": cidr, **({"except": list(holes)} if holes else {})}}


EVERYWHERE = {"namespaceSelector": {}}
X_ONLY = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "tools"}}, **pods(app="x", tier="y")}
CASES = {
    "everybody on every port": (ingress({}), "lets in everybody on every port"),
    "everybody on one port": (ingress({"ports": tcp(22)}), "lets in everybody on 22/TCP"),
    "a protocol left out means TCP": (ingress({"ports": [{"port": 22}]}), "lets in everybody on 22/TCP"),
    "no number means all of a protocol": (
        ingress({"from": [pods(a="b")], "ports": [{"protocol": "UDP"}]}),
        "lets in pods with a=b of namespace shop on 1-65535/UDP",
    ),
    "the declared caller on the declared port": (ingress({"from": [pods(app="web")], "ports": tcp(8080)}), None),
    "the declared caller on one more port": (
        ingress({"from": [pods(app="web")], "ports": tcp(8080, 8081)}),
        "lets in pods with app=web of namespace shop on 8081/TCP",
    ),
    "the declared caller on every port": (
        ingress({"from": [pods(app="web")]}),
        "lets in pods with app=web of namespace shop on 1-65535/SCTP, 1-8079/TCP, 8081-65535/TCP, 1-65535/UDP",
    ),
    "fewer pods than declared": (ingress({"from": [X_ONLY], "ports": tcp(8080, 9090)}), None),
    "the same labels in another namespace": (
        ingress({"from": [{**EVERYWHERE, **pods(app="web")}], "ports": tcp(8080)}),
        "lets in pods with app=web of all namespaces on 8080/TCP",
    ),
    "an inner block": (ingress({"from": [block("203.0.113.8/29")], "ports": tcp(8080)}), None),
    "an outer block": (
        ingress({"from": [block("203.0.112.0/22")], "ports": tcp(8080)}),
        "lets in 203.0.112.0/22 on 8080/TCP",
    ),
    "an outer block less what is not declared": (
        ingress({"from": [block("203.0.112.0/23", "203.0.112.0/24")], "ports": tcp(8080)}),
        None,
    ),
    "two elements are two peers": (
        ingress({"from": [EVERYWHERE, pods(app="web")], "ports": tcp(8080)}),
        "lets in all pods of all namespaces on 8080/TCP",
    ),
    "a port by its name in the pod": (ingress({"ports": [{"port": "debug"}]}), "lets in everybody on 6060/TCP"),
    "a port by a name no pod has": (ingress({"ports": [{"port": "nothing"}]}), None),
    "DNS to the DNS pods": (
        egress(
            {
                "to": [
                    {
                        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
                        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
                    }
                ],
                "ports": [{"port": 53, "protocol": "UDP"}],
            }
        ),
        None,
    ),
    "DNS to everybody": (
        egress({"ports": [{"port": 53, "protocol": "UDP"}]}),
        "lets out to everybody on 53/UDP",
    ),
    "a range across a declared one": (
        egress({"to": [block("198.51.100.0/25")], "ports": [{"port": 5990, "endPort": 6020}]}),
        "lets out to 198.51.100.0/25 on 5990-5999/TCP, 6011-6020/TCP",
    ),
    "a named port of whoever is called": (
        egress({"to": [pods(app="db")], "ports": [{"port": "sql"}]}),
        "lets out to pods with app=db of namespace shop on sql/TCP",
    ),
    "a block that Python does not read": (
        ingress({"from": [block("010.0.0.0/8")], "ports": tcp(1)}),
        "it cannot be compared in full (over 500 rules, or selectors too entangled)",
    ),
    "ingress: [] closes, and nothing can close what another opens": (ingress(), None),
    "egress rules without policyTypes open egress too": (
        {"podSelector": {}, "egress": [{"ports": tcp(443)}]},
        "lets out to everybody on 443/TCP",
    ),
    "rules of a direction that policyTypes leaves out": (
        {"podSelector": {}, "policyTypes": ["Egress"], "ingress": [{}]},
        None,
    ),
    "other pods of the namespace": (ingress({}, matchLabels={"app": "else"}), None),
    "labels that only running pods have": (
        ingress({"ports": tcp(1)}, matchLabels={"track": "stable"}),
        "lets in everybody on 1/TCP",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_opened_and_to_whom(case):
    """A foreign policy is a gap exactly for what it adds, said by peer and ports."""
    spec, message = CASES[case]
    assert gaps_of(spec) == ([("NetworkPolicy shop/theirs", message)] if message else [])


def test_without_pods_the_plainest_pod_counts():
    """Before the first pod runs, a foreign policy that surely selects it is a gap already, and one that may not is none."""
    assert gaps_of(ingress({}), pods=()) == [("NetworkPolicy shop/theirs", "lets in everybody on every port")]
    assert gaps_of(ingress({}, matchLabels={"track": "stable"}), pods=()) == []


def test_an_endless_policy_is_told_and_does_not_hold_up():
    """Beyond 500 pairs of peer and port the comparison ends and says so."""
    rules = [{"from": [pods(app="web")], "ports": tcp(*range(2 + 9 * n, 11 + 9 * n))} for n in range(60)]
    ((_, message),) = gaps_of(ingress(*rules))
    assert message.endswith("; it cannot be compared in full (over 500 rules, or selectors too entangled)")


def test_rules_that_are_hard_to_compare_share_one_limit():
    """Each of these takes 1,956 tries to find that it opens nothing; ten are answered, and the eleventh is told as undecided."""
    keys = [f"k{number}" for number in range(5)]
    every = [dict(zip(keys, values, strict=True)) for values in product("ab", repeat=5)]
    declared = [{"from": {"workload": {"namespace": "shop", "selector": {"matchLabels": one}}}} for one in every]
    policy = a_policy("shop/orders", ports=[HTTP], ingress=declared)
    either = [{"key": key, "operator": "In", "values": ["a", "b"]} for key in keys]
    hard = [{"podSelector": {"matchExpressions": either, "matchLabels": {"n": str(number)}}} for number in range(11)]
    assert gaps_of(ingress({"from": hard[:10], "ports": tcp(8080)}), policy=policy) == []
    ((_, message),) = gaps_of(ingress({"from": hard, "ports": tcp(8080)}), policy=policy)
    assert message == "it cannot be compared in full (over 500 rules, or selectors too entangled)"


def test_what_bartizan_keeps_is_known_by_name_and_not_by_label():
    """The policies' own NetworkPolicies and the isolation are not foreign; a copy of our labels is."""
    snapshot = a_world(ORDERS, WEB)
    ours = [compile_network(policy, snapshot).network_policy for policy in (ORDERS, WEB)]
    posing = {**ours[0], "metadata": {**ours[0]["metadata"], "name": "ssp-orders-2"}}
    taken = {"metadata": {"namespace": "shop", "name": "ssp-web"}, "spec": {"podSelector": {}}}
    isolation = baseline_policy("shop")
    assert foreign([*ours, isolation, posing], snapshot.policies) == (posing,)
    assert foreign([taken], snapshot.policies) == (taken,)

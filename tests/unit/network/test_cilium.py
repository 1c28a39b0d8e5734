"""What stands beside a NetworkPolicy in a cluster with Cilium, and how much rests on it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bartizan.core.capabilities import Capabilities
from bartizan.core.model import ClusterRanges, ResolvedName
from bartizan.core.network.backends.plan import carried, plan_beside
from bartizan.core.network.compile import compile_network
from bartizan.core.ownership import abandoned
from bartizan.core.reasons import Mode
from unit.network.building import RANGES, a_policy, a_world, edges_of

NAMES = {"smtp.example.com": ResolvedName(name="smtp.example.com", addresses=("198.51.100.25",))}
MAILER = a_policy("shop/mailer", egress=[{"to": {"fqdn": "smtp.example.com"}, "ports": [{"port": 587}]}])
FOREIGN = {"kind": "CiliumNetworkPolicy", "metadata": {"name": "ssp-mailer", "namespace": "shop", "uid": "theirs"}}


def with_cilium(policy, observed=None, **world):
    """What a policy comes to where Cilium's kinds are served and `observed` bears its object's name."""
    snapshot = replace(a_world(policy, **world), capabilities=Capabilities(cilium=True), names=NAMES)
    return compile_network(policy, carried(policy, snapshot, observed))


def beside(policy, **world):
    """The specification of its CiliumNetworkPolicy."""
    (item,) = with_cilium(policy, **world).beside
    return item["spec"]


def stored(item, valid=None, message=""):
    """The object as the API server holds it, with what Cilium says of it."""
    condition = {"type": "Valid", "status": valid, "message": message}
    status = {"status": {"conditions": [condition]}} if valid else {}
    return {**item, "metadata": {**item["metadata"], "uid": "its-own"}, **status}


def opened(result):
    """The blocks that the NetworkPolicy opens."""
    rules = result.network_policy["spec"]["egress"]
    return [peer["ipBlock"]["cidr"] for rule in rules for peer in rule["to"] if "ipBlock" in peer]


def test_addresses_stay_open_until_cilium_accepts_and_no_longer():
    """The NetworkPolicy lets go of a name's addresses when Cilium has said that it takes the object, not before."""
    (written,) = with_cilium(MAILER).beside
    waiting = with_cilium(MAILER, stored(written))
    refused = with_cilium(MAILER, stored(written, "False", "bad port"))
    accepted = with_cilium(MAILER, stored(written, "True"))
    assert [opened(result) for result in (waiting, refused, accepted)] == [["198.51.100.25/32"]] * 2 + [[]]
    states = [
        (edge["state"], edge.get("reason")) for result in (waiting, refused, accepted) for edge in edges_of(result)
    ]
    assert states == [("Degraded", "IPSnapshot"), ("Degraded", "IPSnapshot"), ("Applied", None)]
    assert edges_of(refused)[0]["message"].endswith(
        "until CiliumNetworkPolicy ssp-mailer carries it, which is refused by Cilium: bad port"
    )
    assert edges_of(accepted) == [
        {
            "to": "fqdn/smtp.example.com",
            "ports": ["587/TCP"],
            "state": "Applied",
            "message": "by CiliumNetworkPolicy ssp-mailer",
        }
    ]


@pytest.mark.parametrize(
    ("mode", "observed", "said"),
    [
        (Mode.ENFORCE, None, "is being written"),
        (Mode.ENFORCE, FOREIGN, "exists that bartizan did not make: rename or delete it"),
        (Mode.AUDIT, None, "is written once the namespace is enforced"),
    ],
)
def test_a_wildcard_says_what_it_waits_for(mode, observed, said):
    """Nothing can be open to it by address, so it is degraded and names the object."""
    policy = a_policy("shop/mailer", egress=[{"to": {"fqdn": "*.example.com"}, "ports": [{"port": 443}]}])
    assert edges_of(with_cilium(policy, observed, modes={"shop": mode})) == [
        {
            "to": "fqdn/*.example.com",
            "ports": [],
            "state": "Degraded",
            "reason": "BackEndNotReady",
            "message": f"nothing is known to be open to *.example.com: CiliumNetworkPolicy ssp-mailer {said}",
        }
    ]


def test_a_cluster_without_cilium_gets_nothing_beside():
    """No object, and a wildcard is what NetworkPolicy makes of it."""
    policy = a_policy("shop/mailer", egress=[{"to": {"fqdn": "*.example.com"}, "ports": [{"port": 443}]}])
    result = compile_network(policy, a_world(policy))
    assert (result.beside, edges_of(result)[0]["reason"]) == ((), "Unsupported")


def test_the_object_only_adds():
    """No default deny in either direction and no ingress at all: isolation stays the NetworkPolicy's."""
    spec = beside(MAILER)
    assert spec["enableDefaultDeny"] == {"egress": False, "ingress": False}
    assert sorted(spec) == ["egress", "egressDeny", "enableDefaultDeny", "endpointSelector"]


def test_dns_goes_through_the_proxy_to_the_clusters_dns_and_nowhere_else():
    """Every rule with a DNS filter leads to where the NetworkPolicy lets DNS pass, on the same ports."""
    ranges = replace(RANGES, dns_addresses=("10.96.0.10/32",), dns_ports=((5353, "UDP"), (5353, "TCP")))
    selector = {"matchExpressions": [{"key": "k8s-app", "operator": "In", "values": ["kube-dns", "node-local-dns"]}]}
    rules = beside(MAILER, ranges=ranges, baseline={"dns": {"selector": selector}})["egress"]
    proxied = [rule for rule in rules if any("rules" in ports for ports in rule["toPorts"])]
    pods = {"matchLabels": {"k8s:io.kubernetes.pod.namespace": "kube-system"}, **selector}

    def ports(number):
        listed = [{"port": number, "protocol": "TCP"}, {"port": number, "protocol": "UDP"}]
        return [{"ports": listed, "rules": {"dns": [{"matchPattern": "*"}]}}]

    assert proxied == [
        {"toEndpoints": [pods], "toPorts": ports("5353")},
        {"toCIDRSet": [{"cidr": "10.96.0.10/32"}], "toPorts": ports("53")},
    ]


def test_the_api_server_alone_needs_no_dns_proxy_and_no_denial():
    """One rule, on the endpoints' ports: Cilium judges after the Service's address was rewritten."""
    ranges = replace(RANGES, api_server=(("10.96.0.1/32", 443), ("192.168.7.4/32", 6443)))
    policy = a_policy("shop/elector", egress=[{"to": {"kubernetesAPI": {}}}])
    spec = beside(policy, ranges=ranges)
    assert spec["egress"] == [
        {"toEntities": ["kube-apiserver"], "toPorts": [{"ports": [{"port": "6443", "protocol": "TCP"}]}]}
    ]
    assert "egressDeny" not in spec


def test_the_api_server_unknown_leaves_nothing_to_say():
    """Without an address there is no port to open."""
    policy = a_policy("shop/elector", egress=[{"to": {"kubernetesAPI": {}}}])
    assert with_cilium(policy, ranges=ClusterRanges()).beside == ()


@pytest.mark.parametrize(
    "rule",
    [
        {"to": {"fqdn": "evil.example.net"}, "ports": [{"port": 443}]},
        {"to": {"fqdn": "orders.shop.svc.cluster.local"}, "ports": [{"port": 443}]},
        {"to": {"fqdn": "smtp.example.com"}, "ports": []},
        {"to": {"fqdn": "smtp.example.com"}, "ports": [{"port": 443}], "until": datetime(2020, 1, 1, tzinfo=UTC)},
    ],
    ids=["on the deny list", "inside the cluster", "without ports", "ended"],
)
def test_what_is_closed_is_not_handed_to_cilium(rule):
    """A rule that opens nothing makes no object."""
    policy = a_policy("shop/mailer", egress=[rule])
    assert with_cilium(policy, baseline={"fqdnDenyList": ["*.example.net"]}).beside == ()


def test_many_ports_are_told_in_lists_that_cilium_takes():
    """Never more than 40 in one list, none lost."""
    ports = [{"port": number} for number in range(1000, 1100, 2)]
    rules = [{"to": {"fqdn": "smtp.example.com"}, "ports": some} for some in (ports[:25], ports[25:])]
    policy = a_policy("shop/mailer", egress=rules)
    (rule,) = [rule for rule in beside(policy)["egress"] if "toFQDNs" in rule]
    assert [len(one["ports"]) for one in rule["toPorts"]] == [40, 10]


def test_a_name_never_leads_to_metadata_or_private_addresses_but_declared_blocks_stay_open():
    """Denied on the name's ports: what is not public, less what the policy opens there by address."""
    egress = [
        {"to": {"fqdn": "smtp.example.com"}, "ports": [{"port": 587}]},
        {"to": {"cidr": "10.1.0.0/16", "except": ["10.1.9.0/24"]}, "ports": [{"port": 500, "endPort": 600}]},
        {"to": {"cidr": "10.2.0.0/16"}, "ports": [{"port": 443}]},
    ]
    ranges = ClusterRanges(pods=("10.244.0.0/16",))
    (deny,) = beside(a_policy("shop/mailer", egress=egress), ranges=ranges)["egressDeny"]
    blocks = {one["cidr"]: one.get("except", []) for one in deny["toCIDRSet"]}
    assert (blocks["10.0.0.0/8"], blocks["10.1.9.0/24"]) == (["10.1.0.0/16", "10.244.0.0/16"], [])
    assert blocks["169.254.0.0/16"] == blocks["168.63.129.16/32"] == []
    assert deny["toPorts"] == [{"ports": [{"port": "587", "protocol": "TCP"}]}]


def test_an_address_opened_on_one_port_of_a_names_range_stays_denied_on_the_others():
    """A denial is cut out port by port: 443 to the block is declared, 440 to 442 and 444 to 450 are not."""
    egress = [
        {"to": {"fqdn": "smtp.example.com"}, "ports": [{"port": 440, "endPort": 450}]},
        {"to": {"cidr": "10.20.0.0/16"}, "ports": [{"port": 443}]},
    ]
    denied = {
        (entry["port"], entry.get("endPort")): {one["cidr"]: one.get("except", []) for one in deny["toCIDRSet"]}
        for deny in beside(a_policy("shop/mailer", egress=egress), ranges=ClusterRanges())["egressDeny"]
        for ports in deny["toPorts"]
        for entry in ports["ports"]
    }
    assert {ports: blocks["10.0.0.0/8"] for ports, blocks in denied.items()} == {
        ("440", 442): [],
        ("443", None): ["10.20.0.0/16"],
        ("444", 450): [],
    }


def test_an_object_is_written_once_repaired_and_pruned():
    """Without force when new, by force when somebody changed it, deleted when nothing is to be said; others' are left alone."""
    (item,) = with_cilium(MAILER).beside
    new = plan_beside(MAILER, (item,), None)
    assert ([apply.force for apply in new.applies], new.kept) == ([False], (item,))
    assert plan_beside(MAILER, (item,), stored(item, "True")).applies == ()
    wider = stored({**item, "spec": {**item["spec"], "egress": [{"toEntities": ["all"]}]}})
    assert [apply.force for apply in plan_beside(MAILER, (item,), wider).applies] == [True]
    assert [delete.uid for delete in plan_beside(MAILER, (), stored(item)).deletes] == ["its-own"]
    assert abandoned(FOREIGN, owner_uid=MAILER.uid) == abandoned(None, owner_uid=MAILER.uid) == ()
    in_the_way = plan_beside(MAILER, (item,), FOREIGN)
    assert (in_the_way.applies, in_the_way.kept, in_the_way.conflict) == ((), (), True)

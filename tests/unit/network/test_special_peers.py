"""Gateways, cloud metadata, the API server and DNS names as peers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bartizan.api.grants import VERBS
from bartizan.api.v1alpha1 import SecurityBaselineSpec
from bartizan.api.v1alpha1.peers import ApiVerb
from bartizan.core.model import ClusterRanges, ResolvedName
from bartizan.core.network.api_server import access_objects
from bartizan.core.network.compile import compile_network
from bartizan.core.network.fqdn import overlap, wanted_names
from bartizan.core.reasons import Mode
from unit.network.building import HTTP, RANGES, a_policy, a_world, compiled, edges_of, egress_of, ingress_of, tcp, udp


def peer(namespace, **labels):
    """The peer element of pods by exact labels."""
    return {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
        "podSelector": {"matchLabels": labels},
    }


def test_a_gateways_pods_are_found_beside_it_and_at_its_controllers():
    """By the Gateway's name in its own namespace, and by name and namespace where the platform says controllers run proxies."""
    gateway = {"gateway": "public", "namespace": "gateways"}
    result = compiled(a_policy("shop/orders", ports=[HTTP], ingress=[{"from": gateway}]))
    beside = peer("gateways", **{"gateway.networking.k8s.io/gateway-name": "public"})
    owned = peer(
        "envoy-gateway-system",
        **{
            "gateway.envoyproxy.io/owning-gateway-name": "public",
            "gateway.envoyproxy.io/owning-gateway-namespace": "gateways",
        },
    )
    edge = {
        "from": "gateway/gateways/public",
        "ports": ["8080/TCP"],
        "state": "Applied",
        "message": "pods labelled as this Gateway's in envoy-gateway-system, gateways",
    }
    assert (edges_of(result), ingress_of(result)) == ([edge], [{"from": [owned, beside], "ports": [tcp(8080)]}])  # fmt: skip


def test_no_gateway_namespaces_leave_the_gateways_own():
    """Where the platform names no controllers' namespaces, only pods beside the Gateway count; its namespace defaults to ours."""
    result = compiled(
        a_policy("shop/orders", ports=[HTTP], ingress=[{"from": {"gateway": "public"}}]),
        baseline={"gatewayNamespaces": []},
    )
    assert ingress_of(result) == [
        {"from": [peer("shop", **{"gateway.networking.k8s.io/gateway-name": "public"})], "ports": [tcp(8080)]}
    ]


def calling(to, *ports, reason=None, **world):
    """Edges and rules of a policy with one egress rule."""
    rule = {"to": to, "ports": list(ports)} | ({"reason": reason} if reason else {})
    result = compiled(a_policy("shop/orders", egress=[rule]), **world)
    return edges_of(result), egress_of(result)


METADATA = [
    {"ipBlock": {"cidr": block}}
    for block in (
        "100.100.100.200/32", "168.63.129.16/32", "169.254.169.252/32", "169.254.169.254/32", "169.254.170.23/32", "192.0.0.192/32", "64:ff9b::a9fe:a9fe/128", "::a9fe:a9fe/128",
        "fd00:c1::a9fe:a9fe/128", "fd00:ec2::23/128", "fd00:ec2::254/128", "fd20:ce::254/128",
    )
]  # fmt: skip


def test_metadata_is_open_only_where_the_platform_allows_it():
    """Forbidden by default, with both ways out in the message; allowed, it is exactly the known addresses on port 80."""
    edges, rules = calling({"cloudMetadata": {}}, reason="identity")
    assert (edges[0]["state"], edges[0]["reason"], rules) == ("Denied", "ForbiddenByBaseline", [])
    assert "must set Allow" in edges[0]["message"]
    edge = {"to": "cloudMetadata", "ports": ["80/TCP"], "state": "Applied", "message": "identity"}
    allowed = {"cloudMetadata": "Allow"}
    assert calling({"cloudMetadata": {}}, reason="identity", baseline=allowed) == (
        [edge],
        [{"to": METADATA, "ports": [tcp(80)]}],
    )
    _, rules = calling({"cloudMetadata": {}}, {"port": 988}, reason="identity", baseline=allowed)
    assert rules == [{"to": METADATA, "ports": [tcp(988)]}]


def test_metadata_without_a_reason_opens_nothing():
    """What the CRD refuses is refused here too."""
    edges, rules = calling({"cloudMetadata": {}}, baseline={"cloudMetadata": "Allow"})
    assert (edges[0]["reason"], rules) == ("InvalidSpec", [])


API = replace(
    RANGES,
    api_server=(("10.96.0.1/32", 443), ("192.0.2.7/32", 6443), ("2001:db8::7/128", 6443), ("169.254.169.254/32", 80)),
)


def test_the_api_server_is_each_address_on_its_own_port():
    """Service and endpoints of both families, never a metadata address that slipped into an EndpointSlice."""
    edge = {"to": "kubernetesAPI", "ports": ["443/TCP", "6443/TCP"], "state": "Applied"}
    assert calling({"kubernetesAPI": {}}, ranges=API) == (
        [edge],
        [
            {"to": [{"ipBlock": {"cidr": "10.96.0.1/32"}}], "ports": [tcp(443)]},
            {
                "to": [{"ipBlock": {"cidr": "192.0.2.7/32"}}, {"ipBlock": {"cidr": "2001:db8::7/128"}}],
                "ports": [tcp(6443)],
            },
        ],
    )


def test_an_api_server_nobody_knows_is_not_guessed():
    """Without addresses the edge is denied and says where they are looked for."""
    edges, rules = calling({"kubernetesAPI": {}})
    assert (edges[0]["state"], edges[0]["reason"], rules) == ("Denied", "RangesUnknown", [])


CONFIG = {"apiGroups": [""], "resources": ["configmaps", "configmaps"], "verbs": ["watch", "get"]}
SCALE = {"apiGroups": ["apps"], "resources": ["deployments/scale"], "resourceNames": ["orders"], "verbs": ["patch"]}


def granting(*rules):
    """A policy with these rights."""
    return a_policy("shop/orders", egress=[{"to": {"kubernetesAPI": {"rules": list(rules)}}}])


def test_rights_are_one_role_for_one_account():
    """All rules of a policy in canonical form, bound to its ServiceAccount, owned by it, named after it."""
    role, binding = access_objects(granting(SCALE, CONFIG, CONFIG))
    assert role["rules"] == [
        {"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "watch"]},
        {"apiGroups": ["apps"], "resources": ["deployments/scale"], "resourceNames": ["orders"], "verbs": ["patch"]},
    ]
    assert binding["roleRef"] == {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "ssp-orders-api"}
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "orders", "namespace": "shop"}]
    for item in (role, binding):
        assert (item["metadata"]["name"], item["metadata"]["namespace"]) == ("ssp-orders-api", "shop")
        assert item["metadata"]["ownerReferences"][0]["name"] == "orders"


def test_what_no_policy_grants_makes_no_role():
    """Secrets and RBAC stay closed even where the CRD's rules were bypassed; the way without rights makes no Role either."""
    closed = ({**CONFIG, "resources": ["secrets"]}, {**CONFIG, "apiGroups": ["rbac.authorization.k8s.io"]})
    assert [access_objects(granting(rule)) for rule in closed] == [(), ()]
    assert access_objects(granting()) == ()
    with_ports = a_policy(
        "shop/orders", egress=[{"to": {"kubernetesAPI": {"rules": [CONFIG]}}, "ports": [{"port": 1}]}]
    )
    assert access_objects(with_ports) == ()


def test_a_right_ends_with_its_rule():
    """At the moment of `until` the Role says nothing of it any more; without a clock it counts as ended."""
    end = datetime(2026, 1, 1, tzinfo=UTC)
    rule = {"to": {"kubernetesAPI": {"rules": [CONFIG]}}, "until": end.isoformat()}
    policy = a_policy("shop/orders", egress=[rule])
    kept = [bool(access_objects(policy, now)) for now in (end - timedelta(seconds=1), end)]
    assert (kept, access_objects(policy)) == ([True, False], ())


def test_the_verbs_of_the_crd_are_those_of_the_guards():
    """One closed set, in both spellings."""
    assert sorted(ApiVerb.__args__) == list(VERBS)


NAME = {"fqdn": "api.example.com"}
PUBLIC = ("93.184.215.14", "2606:2800:21f::1")


def resolved(*addresses, problem="", **world):
    """Edges and rules of a policy that calls the name, with what DNS says of it."""
    snapshot = a_world(
        policy := a_policy("shop/orders", egress=[{"to": NAME, "ports": [{"port": 443}]}]),
        ranges=world.pop("ranges", RANGES),
        baseline=world.pop("baseline", None),
    )
    names = {"api.example.com": ResolvedName(name="api.example.com", addresses=addresses, problem=problem)}
    result = compile_network(policy, replace(snapshot, names=names))
    return edges_of(result)[0], egress_of(result)


def test_a_name_is_its_public_addresses_and_says_so():
    """Each address as a block of one, both families; the edge is degraded and tells why."""
    edge, rules = resolved(*PUBLIC)
    assert edge == {
        "to": "fqdn/api.example.com",
        "ports": ["443/TCP"],
        "state": "Degraded",
        "reason": "IPSnapshot",
        "message": "open by address: 2 addresses that DNS gives for api.example.com; others served there are open too",
    }
    blocks = [{"ipBlock": {"cidr": "2606:2800:21f::1/128"}}, {"ipBlock": {"cidr": "93.184.215.14/32"}}]
    assert rules == [{"to": blocks, "ports": [tcp(443)]}]


REBINDING = (
    "10.0.0.5", "172.16.3.4", "192.168.1.1", "127.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255",
    "100.100.100.200", "10.244.0.7", "10.96.0.1", "203.0.113.7", "::1", "fe80::1", "fd00:ec2::254", "::ffff:10.0.0.5",
    "64:ff9b::a00:5", "2002:a00:5::1", "2001:0:a00::1", "ff02::1",
)  # fmt: skip


@pytest.mark.parametrize("address", REBINDING)
def test_a_name_never_opens_an_address_that_is_not_public(address):
    """Private, cluster, metadata, multicast and translating addresses stay closed, alone and beside a public one."""
    here = ClusterRanges(pods=("10.244.0.0/16",), services=("10.96.0.0/16",), nodes=("203.0.113.7/32",))
    edge, rules = resolved(address, ranges=here)
    assert (edge["state"], edge["reason"], edge["ports"], rules) == ("Degraded", "NameNotResolved", [], [])
    assert address in edge["message"]
    edge, rules = resolved(address, PUBLIC[0], ranges=here)
    assert (edge["reason"], rules[0]["to"]) == ("IPSnapshot", [{"ipBlock": {"cidr": f"{PUBLIC[0]}/32"}}])
    assert address in edge["message"]


def test_a_name_without_addresses_opens_nothing():
    """DNS does not answer, or knows none, or has not been asked: three sentences, no rule."""
    assert [resolved(problem="timeout")[0]["message"], resolved()[0]["message"]] == [
        "nothing is open to api.example.com: timeout",
        "nothing is open to api.example.com: the cluster's DNS knows no address of it",
    ]
    edges, rules = calling(NAME, {"port": 443})
    assert (edges[0]["reason"], edges[0]["message"], rules) == (
        "NameNotResolved",
        "api.example.com is not resolved yet",
        [],
    )


CLOSED = {
    "a wildcard has no addresses": ({"fqdn": "*.example.com"}, None, "Unsupported"),
    "the policy wants no addresses": ({**NAME, "onUnsupported": "Deny"}, None, "Unsupported"),
    "the baseline denies the name": (NAME, ["api.example.com"], "ForbiddenByBaseline"),
    "the baseline denies what is above it": (NAME, ["*.example.com"], "ForbiddenByBaseline"),
    "the baseline denies something below the wildcard": (
        {"fqdn": "*.example.com"},
        ["evil.api.example.com"],
        "ForbiddenByBaseline",
    ),
    "a name inside the cluster": ({"fqdn": "payments.finance.svc"}, None, "InvalidSpec"),
}


@pytest.mark.parametrize("case", CLOSED)
def test_a_name_that_cannot_be_is_denied(case):
    """Nothing is opened, and the reason says whose word it is."""
    to, denied, reason = CLOSED[case]
    edges, rules = calling(to, {"port": 443}, baseline={"fqdnDenyList": denied or []})
    assert (edges[0]["state"], edges[0]["reason"], rules) == ("Denied", reason, [])


OVERLAPS = (
    ("a.example.com", "a.example.com", True),
    ("a.example.com", "b.example.com", False),
    ("a.example.com", "*.example.com", True),
    ("a.b.example.com", "*.example.com", True),
    ("example.com", "*.example.com", False),
    ("badexample.com", "*.example.com", False),
    ("*.example.com", "a.example.com", True),
    ("*.b.example.com", "*.example.com", True),
    ("*.example.com", "*.b.example.com", True),
    ("*.example.com", "*.example.org", False),
)


@pytest.mark.parametrize(("one", "other", "same"), OVERLAPS)
def test_when_two_names_overlap(one, other, same):
    """Exact names when equal, wildcards when one is below the other; the order does not matter."""
    assert (overlap(one, other), overlap(other, one)) == (same, same)


def test_only_names_that_matter_are_asked_for():
    """Exact names of enforced namespaces: no wildcard, nothing in a namespace that only reports."""
    rules = [{"to": {"fqdn": name}, "ports": [{"port": 443}]} for name in ("a.example.com", "*.example.com")]
    world = a_world(
        a_policy("shop/orders", egress=rules),
        a_policy("test/orders", egress=[{"to": {"fqdn": "b.example.com"}, "ports": [{"port": 443}]}]),
        modes={"test": Mode.AUDIT},
    )
    assert wanted_names(world.policies.values(), world) == {"a.example.com"}


WRONG_WAY = {
    "a gateway called": ("egress", {"to": {"gateway": "public"}, "ports": [{"port": 80}]}),
    "a name calling": ("ingress", {"from": NAME}),
    "metadata calling": ("ingress", {"from": {"cloudMetadata": {}}}),
    "the API server calling": ("ingress", {"from": {"kubernetesAPI": {}}}),
}


@pytest.mark.parametrize("case", WRONG_WAY)
def test_a_peer_on_the_wrong_side_opens_nothing(case):
    """What the CRD refuses is refused here too."""
    direction, rule = WRONG_WAY[case]
    result = compiled(
        a_policy("shop/orders", ports=[HTTP], **{direction: [rule]}), ranges=API, baseline={"cloudMetadata": "Allow"}
    )
    assert ([edge["reason"] for edge in edges_of(result)], ingress_of(result), egress_of(result)) == (
        ["InvalidSpec"],
        [],
        [],
    )


def test_closed_by_default():
    """A baseline that says nothing forbids metadata and denies no name."""
    network = SecurityBaselineSpec().network
    assert (network.cloud_metadata, network.fqdn_deny_list) == ("Forbid", ())
    assert udp(53) == {"protocol": "UDP", "port": 53}

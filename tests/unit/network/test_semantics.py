"""What NetworkPolicies mean, row by row of the API's text."""

import pytest

from bartizan.core.network.semantics import Endpoint, ExternalEndpoint, Flow, RuleRef, Ruling, Verdict, allows


def a_pod(name, namespace="shop", ip="10.244.0.9", **more):
    """Return a pod labelled `app: <name>`."""
    labels = {"app": name, **more.pop("labels", {})}
    return Endpoint(
        namespace=namespace,
        name=name,
        ip=ip,
        labels=labels,
        namespace_labels={"kubernetes.io/metadata.name": namespace},
        **more,
    )


def a_rule_set(name, *, selector=None, namespace="shop", **spec):
    """Return a NetworkPolicy; `spec` holds policyTypes, ingress, egress."""
    chosen = {"matchLabels": {"app": "api"}} if selector is None else selector
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"podSelector": chosen, **spec}}


WEB = a_pod("web", ip="10.244.0.1")
API = a_pod("api", ip="10.244.0.2", named_ports={"http": (8080, "TCP"), "dns": (53, "UDP")})
FAR = a_pod("web", namespace="bank", ip="10.244.1.1")
OUTSIDE = ExternalEndpoint(ip="203.0.113.9")
HERE = {"podSelector": {"matchLabels": {"app": "web"}}}
BANK = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "bank"}}}
P80 = [{"protocol": "TCP", "port": 8080}]


def admits(source, rule, port=8080, protocol="TCP", **options):
    """Whether `source` gets to API through a policy with this one ingress rule."""
    flow = Flow(source=source, destination=API, port=port, protocol=protocol)
    return allows(flow, [a_rule_set("p", policyTypes=["Ingress"], ingress=[rule])], **options).allowed


PEERS = [
    ("absent from admits pods", {"ports": P80}, WEB, True),
    ("absent from admits the outside", {"ports": P80}, OUTSIDE, True),
    ("empty from admits everybody", {"from": [], "ports": P80}, FAR, True),
    ("a pod selector means the policy's own namespace", {"from": [HERE], "ports": P80}, WEB, True),
    ("a pod selector does not reach other namespaces", {"from": [HERE], "ports": P80}, FAR, False),
    ("an empty pod selector is the whole namespace", {"from": [{"podSelector": {}}], "ports": P80}, WEB, True),
    ("an empty pod selector is no other namespace", {"from": [{"podSelector": {}}], "ports": P80}, FAR, False),
    ("a namespace selector is all its pods", {"from": [BANK], "ports": P80}, FAR, True),
    ("a namespace selector is no other namespace's pods", {"from": [BANK], "ports": P80}, WEB, False),
    ("an empty namespace selector is every pod", {"from": [{"namespaceSelector": {}}], "ports": P80}, FAR, True),
    ("an empty namespace selector is not the outside", {"from": [{"namespaceSelector": {}}], "ports": P80}, OUTSIDE, False),
    ("both in one element must both hold", {"from": [BANK | {"podSelector": {"matchLabels": {"app": "x"}}}], "ports": P80}, FAR, False),
    ("both in one element, both hold", {"from": [BANK | HERE], "ports": P80}, FAR, True),
    ("two elements are alternatives", {"from": [BANK, HERE], "ports": P80}, WEB, True),
    ("an element that names nothing means nobody", {"from": [{}], "ports": P80}, WEB, False),
    ("a block holds an outside address", {"from": [{"ipBlock": {"cidr": "203.0.113.0/24"}}], "ports": P80}, OUTSIDE, True),
    ("a block's except is out", {"from": [{"ipBlock": {"cidr": "203.0.113.0/24", "except": ["203.0.113.9/32"]}}], "ports": P80}, OUTSIDE, False),
    ("a block of the other family holds nothing", {"from": [{"ipBlock": {"cidr": "::/0"}}], "ports": P80}, OUTSIDE, False),
    ("a block holds pods' addresses", {"from": [{"ipBlock": {"cidr": "10.244.0.0/16"}}], "ports": P80}, WEB, True),
    ("NotIn selects a pod without the label", {"from": [{"podSelector": {"matchExpressions": [{"key": "canary", "operator": "NotIn", "values": ["yes"]}]}}], "ports": P80}, WEB, True),
    ("In does not select a pod without the label", {"from": [{"podSelector": {"matchExpressions": [{"key": "canary", "operator": "In", "values": ["yes"]}]}}], "ports": P80}, WEB, False),
    ("Exists selects a pod with the label", {"from": [{"podSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}}], "ports": P80}, WEB, True),
    ("DoesNotExist does not select a pod with the label", {"from": [{"podSelector": {"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}}], "ports": P80}, WEB, False),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "source", "expected"), [c[1:] for c in PEERS], ids=[c[0] for c in PEERS])
def test_who_is_meant(rule, source, expected):
    """Peers mean exactly whom the API says."""
    assert admits(source, rule) is expected


PORTS = [
    ("absent ports are all ports", None, 9, "TCP", True),
    ("absent ports are all protocols", None, 9, "SCTP", True),
    ("empty ports are all ports", [], 9, "UDP", True),
    ("a number is that port", [{"protocol": "TCP", "port": 8080}], 8080, "TCP", True),
    ("a number is no other port", [{"protocol": "TCP", "port": 8080}], 8081, "TCP", False),
    ("an absent protocol is TCP", [{"port": 8080}], 8080, "TCP", True),
    ("an absent protocol is not UDP", [{"port": 8080}], 8080, "UDP", False),
    ("a protocol without port is all its ports", [{"protocol": "UDP"}], 9, "UDP", True),
    ("a protocol without port is no other protocol", [{"protocol": "UDP"}], 9, "TCP", False),
    ("a range holds its first port", [{"protocol": "TCP", "port": 10, "endPort": 20}], 10, "TCP", True),
    ("a range holds its last port", [{"protocol": "TCP", "port": 10, "endPort": 20}], 20, "TCP", True),
    ("a range ends there", [{"protocol": "TCP", "port": 10, "endPort": 20}], 21, "TCP", False),
    ("a name is the pod's own port", [{"protocol": "TCP", "port": "http"}], 8080, "TCP", True),
    ("a name is no other port", [{"protocol": "TCP", "port": "http"}], 80, "TCP", False),
    ("a name the pod lacks is nothing", [{"protocol": "TCP", "port": "admin"}], 8080, "TCP", False),
    ("a name with another protocol is nothing", [{"protocol": "TCP", "port": "dns"}], 53, "TCP", False),
]  # fmt: skip


@pytest.mark.parametrize(("ports", "port", "protocol", "expected"), [c[1:] for c in PORTS], ids=[c[0] for c in PORTS])
def test_which_ports_are_meant(ports, port, protocol, expected):
    """Ports mean exactly what the API says."""
    rule = {"from": [HERE]} | ({} if ports is None else {"ports": ports})
    assert admits(WEB, rule, port, protocol) is expected


TYPES = [
    ("no policy isolates nothing", [], True, True),
    ("no rule and no type isolates ingress", [a_rule_set("p", selector={})], True, False),
    ("egress rules and no type isolate both", [a_rule_set("p", selector={}, egress=[{"to": [HERE]}])], False, False),
    ("type Egress alone leaves ingress open", [a_rule_set("p", selector={}, policyTypes=["Egress"])], False, True),
    ("both types isolate both", [a_rule_set("p", selector={}, policyTypes=["Ingress", "Egress"])], False, False),
    ("a policy of another namespace isolates nobody here", [a_rule_set("p", selector={}, namespace="bank")], True, True),
    ("a policy that selects other pods isolates nobody else", [a_rule_set("p", selector={"matchLabels": {"app": "x"}})], True, True),
]  # fmt: skip


@pytest.mark.parametrize(("policies", "egress", "ingress"), [c[1:] for c in TYPES], ids=[c[0] for c in TYPES])
def test_which_direction_is_isolated(policies, egress, ingress):
    """Each direction is isolated by itself, by any policy that selects the pod for it."""
    verdict = allows(Flow(source=WEB, destination=API, port=8080), policies)
    assert (verdict.egress.allowed, verdict.ingress.allowed, verdict.allowed) == (egress, ingress, egress and ingress)


def test_the_deciding_rule_is_named():
    """The verdict names policy, direction and place of the rule that lets a flow pass."""
    deny = a_rule_set("a-deny", selector={}, policyTypes=["Ingress", "Egress"])
    allow = a_rule_set("b-allow", policyTypes=["Ingress"], ingress=[{"from": [BANK]}, {"from": [HERE], "ports": P80}])
    verdict = allows(Flow(source=WEB, destination=API, port=8080), [allow, deny])
    assert verdict == Verdict(
        egress=Ruling(allowed=False, isolated=True),
        ingress=Ruling(allowed=True, isolated=True, by=RuleRef(policy="shop/b-allow", direction="Ingress", index=1)),
    )


def test_allows_add_up_whatever_the_order():
    """A second policy only adds; there is no deny and no order."""
    deny = a_rule_set("z", selector={}, policyTypes=["Ingress"])
    allow = a_rule_set("a", policyTypes=["Ingress"], ingress=[{"from": [HERE], "ports": P80}])
    flow = Flow(source=WEB, destination=API, port=8080)
    verdicts = [allows(flow, order).allowed for order in ([deny], [allow], [deny, allow], [allow, deny])]
    assert verdicts == [False, True, True, True]


def test_a_pod_reaches_itself():
    """No policy comes between a pod and itself, but one does between replicas."""
    deny = a_rule_set("p", selector={}, policyTypes=["Ingress", "Egress"])
    twin = a_pod("api", ip="10.244.0.3")
    assert allows(Flow(source=API, destination=API, port=1), [deny]).allowed
    assert not allows(Flow(source=API, destination=twin, port=1), [deny]).allowed


def test_an_outside_address_has_no_policies():
    """What is not a pod is judged only at the pod's end."""
    free = Ruling(allowed=True, isolated=False)
    shut = Ruling(allowed=False, isolated=True)
    deny = a_rule_set("p", selector={}, policyTypes=["Ingress", "Egress"])
    assert allows(Flow(source=OUTSIDE, destination=API, port=1), [deny]) == Verdict(egress=free, ingress=shut)
    assert allows(Flow(source=API, destination=OUTSIDE, port=1), [deny]) == Verdict(egress=shut, ingress=free)


def test_a_named_port_means_nothing_outside():
    """An address has no named ports."""
    rule = {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": [{"protocol": "TCP", "port": "http"}]}
    policy = a_rule_set("p", policyTypes=["Egress"], egress=[rule])
    assert not allows(Flow(source=API, destination=OUTSIDE, port=8080), [policy]).allowed


def test_plugins_that_do_not_compare_blocks_with_pods():
    """With the option off, a block means outside addresses only."""
    rule = {"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}], "ports": P80}
    assert (admits(WEB, rule, cidr_matches_pods=False), admits(OUTSIDE, rule, cidr_matches_pods=False)) == (False, True)

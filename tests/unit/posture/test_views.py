"""Kubernetes objects as the views that decisions read."""

import pytest

from bartizan.api.v1alpha1 import SecurityBaselineSpec
from bartizan.core.model import ClusterRanges, InvalidPolicy, ServiceView
from bartizan.core.reasons import Mode
from bartizan.core.views import (
    Unreadable,
    read_baseline,
    read_namespace,
    read_policy,
    read_ranges,
    read_trust_domain,
    serves_dns,
)
from bartizan.testing import a_namespace, a_policy, a_policy_view, a_service

PROBLEMS = {
    "an unknown field": ({"netwrok": {}}, "spec.netwrok: extra inputs are not permitted"),
    "an impossible port": (
        {"network": {"ports": [{"name": "http", "port": 0}]}},
        "spec.network.ports[0].port: input should be greater than or equal to 1 (is 0)",
    ),
    "a port that is a number in quotes": (
        {"network": {"ports": [{"name": "http", "port": "8080"}]}},
        (
            "spec.network.ports[0].port: string should match pattern "
            "'^([a-z0-9][-a-z0-9]*)?[a-z]([-a-z0-9]*[a-z0-9])?$' (is '8080')"
        ),
    ),
    "a port that is neither": (
        {"network": {"ports": [{"name": "http", "port": 80.5}]}},
        "spec.network.ports[0].port: input should be a valid integer (is 80.5)",
    ),
    "two problems, the first is told": (
        {"network": {"ports": [{"name": "http", "port": 0}, {"name": "x"}]}},
        "spec.network.ports[0].port: input should be greater than or equal to 1 (is 0); and 1 more",
    ),
    "a duration without a unit": (
        {"mtls": {"lifetime": "24"}},
        "spec.mtls.lifetime: value error, not a duration: '24'; write digits with a unit, as in 24h, 1h30m or 90s (is '24')",
    ),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_an_unreadable_policy_is_one_sentence(case):
    """The sentence names the field, what is wrong with it and the value seen."""
    parts, problem = PROBLEMS[case]
    found = read_policy(a_policy(**parts))
    assert found == InvalidPolicy(namespace="shop", name="orders", uid="uid-shop-orders", generation=1, problem=problem)


def test_a_policy_without_a_spec_is_unreadable_and_not_a_crash():
    """An object that is nothing but a name becomes a value."""
    found = read_policy({"metadata": {"name": "x"}})
    assert isinstance(found, InvalidPolicy)


def test_a_readable_policy_is_its_view():
    """The view has the object's place, uid, generation and specification."""
    assert read_policy(a_policy()) == a_policy_view()


MODES = {
    "enforce": ("enforce", Mode.ENFORCE),
    "warn": ("warn", Mode.WARN),
    "audit": ("audit", Mode.AUDIT),
    "no label": (None, Mode.NOT_GOVERNED),
    "a word that means nothing": ("Enforce", Mode.NOT_GOVERNED),
}


@pytest.mark.parametrize("case", MODES)
def test_how_a_namespace_is_governed(case):
    """The label decides, by exactly three words."""
    label, mode = MODES[case]
    assert read_namespace(a_namespace("shop", label), system=frozenset()).mode is mode


def test_a_system_namespace_is_never_governed():
    """The label on kube-system, or on the release's own namespace, means nothing."""
    found = read_namespace(a_namespace("kube-system", "enforce"), system=frozenset({"kube-system"}))
    assert (found.mode, found.governed) == (Mode.NOT_GOVERNED, False)


def test_ranges_come_from_nodes_service_cidrs_and_dns():
    """Pod ranges, node addresses, Service ranges and the DNS Service's addresses, as sorted blocks of both families."""
    nodes = [
        {
            "metadata": {"name": "b"},
            "spec": {"podCIDRs": ["10.1.0.0/24", "fd00:1::/64"]},
            "status": {
                "addresses": [{"type": "InternalIP", "address": "192.0.2.7"}, {"type": "Hostname", "address": "b"}]
            },
        },
        {
            "metadata": {"name": "a"},
            "spec": {"podCIDR": "10.0.0.0/24"},
            "status": {"addresses": [{"type": "InternalIP", "address": "2001:db8::7"}]},
        },
        {"metadata": {"name": "bare"}},
    ]
    dns = a_service("kube-dns", "kube-system", selector={"k8s-app": "kube-dns"})
    dns["spec"]["clusterIPs"] = ["10.96.0.10", "fd00:2::a"]
    headless = a_service("other", "kube-system", selector={"k8s-app": "kube-dns"})
    headless["spec"]["clusterIP"] = "None"
    assert read_ranges(
        nodes=nodes,
        service_cidrs=[{"spec": {"cidrs": ["10.96.0.0/16"]}}],
        services=[dns, headless, a_service()],
        baseline=SecurityBaselineSpec(),
    ) == ClusterRanges(
        pods=("10.0.0.0/24", "10.1.0.0/24", "fd00:1::/64"),
        services=("10.96.0.0/16",),
        nodes=("192.0.2.7/32", "2001:db8::7/128"),
        dns_addresses=("10.96.0.10/32", "fd00:2::a/128"),
    )


DNS = {
    "the cluster's DNS": (("kube-system", {"k8s-app": "kube-dns"}), True),
    "same labels elsewhere": (("shop", {"k8s-app": "kube-dns"}), False),
    "no selector": (("kube-system", {}), False),
    "a further label could mean other pods": (("kube-system", {"k8s-app": "kube-dns", "x": "y"}), False),
}


@pytest.mark.parametrize("case", DNS)
def test_which_service_leads_to_dns(case):
    """Only a Service in the DNS namespace that selects by the DNS pods' own labels."""
    (namespace, selector), expected = DNS[case]
    service = ServiceView(namespace=namespace, name="dns", selector=selector)
    assert serves_dns(service, SecurityBaselineSpec()) is expected


def test_cluster_scoped_objects_that_cannot_be_read_say_why():
    """A TrustDomain and a SecurityBaseline of an unknown shape become values with a sentence."""
    meta = {"name": "default", "uid": "u", "generation": 3}
    missing = Unreadable(name="default", uid="u", generation=3, problem="spec.domain: field required")
    unknown = Unreadable(name="default", uid="u", generation=3, problem="spec.x: extra inputs are not permitted")
    assert read_trust_domain({"metadata": meta, "spec": {}}) == missing
    assert read_baseline({"metadata": meta, "spec": {"x": 1}}) == unknown

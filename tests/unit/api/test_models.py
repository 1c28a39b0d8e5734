"""The models read what users write: camelCase only in JSON, unknown fields refused, defaults as documented."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from bartizan.api.v1alpha1 import (
    ApiModel,
    LabelSelector,
    Peer,
    PolicyIndexSpec,
    SecurityBaselineSpec,
    ServiceSecurityPolicySpec,
    TrustDomainSpec,
)

WORKLOAD = {"selector": {"matchLabels": {"app": "orders"}}}
UNKNOWN = {
    "at the top": ({"workload": WORKLOAD, "netwrok": {}}, "netwrok"),
    "in a section": ({"workload": WORKLOAD, "network": {"ingres": []}}, "network.ingres"),
    "in a list": (
        {"workload": WORKLOAD, "network": {"ports": [{"name": "a", "port": 1, "prot": "UDP"}]}},
        "network.ports.0.prot",
    ),
    "in an empty peer": (
        {"workload": WORKLOAD, "network": {"ingress": [{"from": {"self": {"x": 1}}}]}},
        "network.ingress.0.from.self.x",
    ),
}
BAD_BLOCKS = {
    "a bare address": "203.0.113.9",
    "a netmask": "203.0.113.0/255.255.255.0",
    "bits below the prefix": "203.0.113.9/24",
    "an octet too large": "256.0.0.0/8",
    "a prefix too long": "203.0.113.0/33",
    "a name": "example.com/24",
}


@pytest.mark.parametrize(("spec", "path"), UNKNOWN.values(), ids=UNKNOWN)
def test_unknown_field_is_refused(spec, path):
    """A typing mistake is an error that names the field, at every depth."""
    with pytest.raises(ValidationError) as refusal:
        ServiceSecurityPolicySpec.model_validate(spec)
    assert [(".".join(map(str, error["loc"])), error["type"]) for error in refusal.value.errors()] == [
        (path, "extra_forbidden")
    ]


def test_camel_case_is_the_spelling_written():
    """What a model writes is camelCase with the words Kubernetes users know, also where Python reserves the word."""
    rule = {"from": {"cidr": "203.0.113.0/24", "except": ["203.0.113.9/32"]}, "ports": ["http"]}
    spec = ServiceSecurityPolicySpec.model_validate(
        {
            "workload": {**WORKLOAD, "serviceAccountName": "till"},
            "network": {"ports": [{"name": "http", "port": 1}], "ingress": [rule]},
        }
    )
    assert spec.model_dump(mode="json", by_alias=True, exclude_unset=True) == {
        "workload": {"selector": {"matchLabels": {"app": "orders"}}, "serviceAccountName": "till"},
        "network": {"ports": [{"name": "http", "port": 1}], "ingress": [rule]},
    }


def test_self_is_a_peer():
    """`self: {}` reads as the peer self and is written back as such."""
    assert Peer.model_validate({"self": {}}).model_dump(by_alias=True, exclude_none=True) == {"self": {}, "except": ()}


def test_abbreviations_keep_their_capitals():
    """`clusterCIDRs` is spelled as in Kubernetes, not `clusterCidrs`."""
    spec = SecurityBaselineSpec.model_validate({"network": {"clusterCIDRs": ["10.0.0.0/8"]}})
    assert spec.network.cluster_cidrs == ("10.0.0.0/8",)


def test_least_policy_and_its_defaults():
    """A policy with a selector alone talks to nobody, has a certificate of 24 hours and the account of its own name."""
    spec = ServiceSecurityPolicySpec.model_validate({"workload": WORKLOAD})
    assert (spec.network.ingress, spec.network.egress, spec.mtls.lifetime) == ((), (), timedelta(hours=24))
    assert (spec.account("orders"), spec.secret_name("orders")) == ("orders", "orders-tls")


@pytest.mark.parametrize("block", BAD_BLOCKS.values(), ids=BAD_BLOCKS)
def test_bad_block_is_refused_without_the_api_server(block):
    """No decision ever meets an address block that Python's own arithmetic would choke on."""
    with pytest.raises(ValidationError):
        Peer.model_validate({"cidr": block})


@pytest.mark.parametrize(
    "model", [LabelSelector, PolicyIndexSpec, SecurityBaselineSpec, TrustDomainSpec, ServiceSecurityPolicySpec]
)
def test_models_are_frozen_and_strict_about_fields(model: type[ApiModel]):
    """A decision may keep a model: nobody can change it, and nothing unknown hides in it."""
    assert (model.model_config["frozen"], model.model_config["extra"]) == (True, "forbid")


BAD_LABELS = {
    "a key with a space": {"matchLabels": {"bad key!": "x"}},
    "a key without a name": {"matchLabels": {"example.com/": "x"}},
    "a key with an owner in capitals": {"matchLabels": {"Example.com/app": "x"}},
    "a name of 64 characters": {"matchLabels": {"k" * 64: "x"}},
    "a value with a space": {"matchLabels": {"app": "x y"}},
    "a value that ends in a line break": {"matchLabels": {"app": "x\n"}},
    "an expression's key with a space": {"matchExpressions": [{"key": "bad key!", "operator": "Exists"}]},
    "an expression's value with a space": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["a b"]}]},
}


@pytest.mark.parametrize("selector", BAD_LABELS.values(), ids=BAD_LABELS)
def test_what_no_pod_can_carry_is_refused(selector):
    """A selector that Kubernetes would refuse in a NetworkPolicy is refused in a policy."""
    with pytest.raises(ValidationError):
        LabelSelector.model_validate(selector)


@pytest.mark.parametrize("block", ["0.0.0.0/0", "169.254.20.0/23", "::/0", "fd00::/111"])
def test_dns_is_at_a_few_addresses(block):
    """A block that would open port 53 to half the world is refused, with what is allowed in the message."""
    with pytest.raises(ValidationError, match=r"no entry may be wider than /24 \(IPv4\) or /112 \(IPv6\)"):
        SecurityBaselineSpec.model_validate({"network": {"dns": {"addresses": [block]}}})

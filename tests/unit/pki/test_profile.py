"""Names in certificates."""

from datetime import timedelta

import pytest

from bartizan.api.v1alpha1 import SecurityBaselineSpec
from bartizan.core.pki.profile import LeafProfile, leaf_profile
from unit.pki.builders import BASELINE, a_policy_view, a_service, a_trust_domain

NAMES = ("orders.shop", "orders.shop.svc", "orders.shop.svc.cluster.local")


def test_profile_says_who_and_how_long():
    """A policy's certificate names its ServiceAccount and its Service, and nothing else."""
    assert leaf_profile(a_policy_view(), a_trust_domain(), [a_service(app="orders")], BASELINE) == LeafProfile(
        spiffe_id="spiffe://prod.example.com/ns/shop/sa/orders",
        dns_names=NAMES,
        lifetime=timedelta(hours=24),
        refused_names=(),
    )


def test_spiffe_id_follows_the_service_account():
    """The SPIFFE ID names the ServiceAccount that the pods run as, not the policy."""
    policy = a_policy_view(
        workload={"selector": {"matchLabels": {"app": "orders"}}, "serviceAccountName": "order-desk"}
    )
    assert leaf_profile(policy, a_trust_domain(), [], BASELINE).spiffe_id == (
        "spiffe://prod.example.com/ns/shop/sa/order-desk"
    )


@pytest.mark.parametrize(
    ("case", "service", "names"),
    [
        ("selects by one of the labels", a_service(app="orders"), NAMES),
        ("selects by all of the labels", a_service(app="orders", tier="api"), NAMES),
        ("selects by a label the pods may lack", a_service(app="orders", version="2"), ()),
        ("selects by another value", a_service(app="payments"), ()),
        ("selects nothing (headless without selector)", a_service(), ()),
        ("is in another namespace", a_service(namespace="bank", app="orders"), ()),
    ],
)
def test_service_names(case, service, names):
    """A Service's names stand in the certificate only if it surely selects every pod of the policy."""
    assert leaf_profile(a_policy_view(), a_trust_domain(), [service], BASELINE).dns_names == names, case


@pytest.mark.parametrize(
    ("case", "claim", "refused"),
    [
        ("outside the cluster", "pay.bank.internal", False),
        ("a wildcard outside", "*.pay.bank.internal", False),
        ("another namespace's Service, short form", "ledger.bank", True),
        ("pods behind another namespace's Service", "*.ledger.bank", True),
        ("a name of its own namespace that no Service gave", "ledger.shop", True),
        ("a namespace without Services", "pay.treasury", False),
    ],
)
def test_claimed_names(case, claim, refused):
    """A claimed name that a pod's resolver would take for a Service is left out and reported."""
    policy = a_policy_view(identity={"dnsNames": [claim]})
    services = [a_service(app="orders"), a_service("ledger", "bank", app="ledger")]
    profile = leaf_profile(policy, a_trust_domain(), services, BASELINE)
    assert (claim in profile.dns_names, profile.refused_names) == (not refused, (claim,) if refused else ()), case


@pytest.mark.parametrize(
    ("asked", "longest", "given"),
    [
        ("24h", "168h", timedelta(hours=24)),
        ("168h", "48h", timedelta(hours=48)),
        ("1h500ms", "168h", timedelta(hours=1)),
    ],
)
def test_lifetime_is_clamped(asked, longest, given):
    """The baseline's longest lifetime wins, and a certificate counts whole seconds."""
    baseline = SecurityBaselineSpec.model_validate({"mtls": {"maxLifetime": longest}})
    policy = a_policy_view(mtls={"lifetime": asked})
    assert leaf_profile(policy, a_trust_domain(), [], baseline).lifetime == given

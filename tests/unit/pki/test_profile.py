"""Names in certificates."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import ValidationError

from bartizan.api.v1alpha1 import SecurityBaselineSpec
from bartizan.core.pki.profile import LeafProfile, backdate, hangs_on, leaf_profile
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
    ("case", "parts", "hangs"),
    [
        ("claims nothing", {}, False),
        ("claims a name of that namespace", {"identity": {"dnsNames": ["pay.example.com", "ledger.bank"]}}, True),
        ("claims all pods behind one", {"identity": {"dnsNames": ["*.ledger.bank"]}}, True),
        ("claims a name that ends in the same letters", {"identity": {"dnsNames": ["ledger.riverbank"]}}, False),
        ("claims a name within that one", {"identity": {"dnsNames": ["bank.example"]}}, False),
        ("asks for a common name of it, in capitals", {"mtls": {"commonName": "Ledger.Bank"}}, True),
    ],
)
def test_whose_names_hang_on_a_namespace(case, parts, hangs):
    """Only who asks for a name that a Service of the namespace may bear has to look when it gets one."""
    assert hangs_on(a_policy_view(**parts), "bank") == hangs, case


GRANTS = [
    {"name": name, "namespace": "shop", "serviceAccountName": "orders"}
    for name in ("orders_rw", "orders", "Ledger.Bank", "pay.bank.internal")
]


@pytest.mark.parametrize(
    ("case", "name", "grants", "stands"),
    [
        ("its account and namespace", "orders@shop", [], True),
        ("its Service's name", "orders.shop.svc", [], True),
        ("its account without the namespace", "orders", [], False),
        ("its account in another namespace", "orders@bank", [], False),
        ("another account of its namespace", "ledger@shop", [], False),
        ("a database's superuser", "postgres", GRANTS, False),
        ("another namespace's Service", "ledger.bank", [], False),
        ("a name it claims outside", "desk.example.com", [], False),
        ("granted", "orders_rw", GRANTS, True),
        ("granted, in another spelling", "Orders_rw", GRANTS, False),
        ("granted, a host outside", "pay.bank.internal", GRANTS, True),
        ("granted, but inside the cluster", "Ledger.Bank", GRANTS, False),
        ("granted to an account of another namespace", "orders", [{**GRANTS[1], "namespace": "bank"}], False),
        ("granted to another account", "orders", [{**GRANTS[1], "serviceAccountName": "ledger"}], False),
    ],
)
def test_common_names(case, name, grants, stands):
    """A common name stands in the certificate only if no other workload could bear it, or the platform said so."""
    policy = a_policy_view(identity={"dnsNames": ["desk.example.com"]}, mtls={"commonName": name})
    services = [a_service(app="orders"), a_service("ledger", "bank", app="ledger")]
    baseline = SecurityBaselineSpec.model_validate({"mtls": {"commonNames": grants}})
    profile = leaf_profile(policy, a_trust_domain(), services, baseline)
    assert (profile.common_name, profile.refused_common_name) == ((name, "") if stands else ("", name)), case


def test_what_is_left_out_is_said():
    """Names that were asked for and are not in the certificate are named, with what can be done."""
    policy = a_policy_view(identity={"dnsNames": ["ledger.shop"]}, mtls={"commonName": "postgres"})
    profile = leaf_profile(policy, a_trust_domain(), [], BASELINE)
    assert profile.left_out == (
        "; left out, because they name other services: ledger.shop"
        "; the common name postgres is left out, because others could bear it: take orders@shop or a Service's DNS name, "
        "or have SecurityBaseline mtls.commonNames grant it to ServiceAccount orders (never a name inside the cluster)"
    )
    assert replace(profile, refused_names=(), refused_common_name="").left_out == ""


def test_the_longest_id_is_within_spiffes_limit():
    """The longest names that Kubernetes and a TrustDomain allow give an ID below 2048 bytes, with nothing to encode."""
    domain = ".".join([*["d" * 63] * 3, "d" * 61])
    account = ".".join(["a" * 63] * 3 + ["a" * 61])
    policy = replace(
        a_policy_view(workload={"selector": {"matchLabels": {"app": "orders"}}, "serviceAccountName": account}),
        namespace="n" * 63,
    )
    made = leaf_profile(policy, a_trust_domain(domain=domain), [], BASELINE).spiffe_id
    assert made == f"spiffe://{domain}/ns/{'n' * 63}/sa/{account}"
    assert (len(made), re.fullmatch(r"spiffe://[a-z0-9._-]+(/[A-Za-z0-9._-]+)+", made) is not None) == (586, True)


@pytest.mark.parametrize(
    "domain", ["d" * 254, "Prod.example.com", "prod.example.com/a", "prod%2eexample.com", "prod..com", ""]
)
def test_a_trust_domain_that_would_break_every_id_is_refused(domain):
    """Upper case, encodings, paths, empty labels and more than 253 characters never become part of an ID."""
    with pytest.raises(ValidationError):
        a_trust_domain(domain=domain)


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


@pytest.mark.parametrize(
    ("case", "lifetime", "early"),
    [
        ("the longest", timedelta(hours=168), timedelta(minutes=2)),
        ("the shortest the API accepts", timedelta(hours=1), timedelta(minutes=2)),
        ("shorter than that", timedelta(minutes=10), timedelta(seconds=20)),
        ("seconds", timedelta(seconds=16), timedelta(0)),
    ],
)
def test_backdating_leaves_a_short_certificate_its_life(case, lifetime, early):
    """Two minutes for every lifetime the API accepts; a shorter one would be due for renewal when it is issued."""
    assert backdate(lifetime) == early, case

"""What a real API server makes of the CRDs: it takes them, fills the defaults, and refuses bad input naming the field."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from bartizan.api.resources import RESOURCES
from bartizan.api.v1alpha1 import ServiceSecurityPolicySpec
from contract.crd.cases import BAD, GOOD, PRIVATE_KEY, ROOT_PEM, baseline, changed, named, policy, trust_domain

pytestmark = pytest.mark.api
NAMESPACE = "contract-crd"


@pytest.fixture(scope="module")
def api(cluster) -> Iterator[Any]:
    """The API server, with a namespace of this module's own."""
    cluster.kubectl("create", "namespace", NAMESPACE)
    yield cluster
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def apply(api, item: dict[str, Any], *flags: str, check: bool = True):
    """Apply one object as a user does."""
    return api.kubectl("apply", "--namespace", NAMESPACE, "-f", "-", *flags, stdin=json.dumps(item), check=check)


def read_back(api, item: dict[str, Any]) -> dict[str, Any]:
    """Return the object that the API server would store."""
    return json.loads(apply(api, item, "--server-side", "--dry-run=server", "-o", "json").stdout)


@pytest.mark.parametrize("resource", RESOURCES, ids=lambda resource: resource.kind.kind)
def test_definition_is_accepted(api, resource):
    """The API server serves each kind and has nothing to say against its schema or names."""
    shown = json.loads(api.kubectl("get", "crd", resource.crd_name, "-o", "json").stdout)
    conditions = {condition["type"]: condition["status"] for condition in shown["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_bad_input_is_refused_at_apply(api, case):
    """Each mistake is refused when it is applied, with the field and the reason in the message."""
    refused = apply(api, case.item, "--dry-run=server", check=False)
    assert refused.returncode != 0
    assert f"{case.field}: " in refused.stderr, refused.stderr
    assert case.says in refused.stderr, refused.stderr


@pytest.mark.parametrize(
    "item",
    [
        policy(mtls={"lifetime": "1d"}),
        policy(mtls={"onRotation": {"confirm": {"within": "1 minute"}}}),
        baseline(mtls={"maxLifetime": "7d"}),
        trust_domain(lifetimes={"root": "10y"}),
        trust_domain(rotation={"settle": "-1h", "emergencyDeadline": "PT1H"}),
    ],
)
def test_a_misspelled_duration_is_told_once(api, item):
    """What is no duration is refused for its spelling alone: no failed conversion of a rule, no bound it may well keep."""
    refused = apply(api, item, "--dry-run=server", check=False).stderr
    lines = [line for line in refused.splitlines() if "spec." in line]
    assert (lines != [], "conversion" in refused, "must" in refused) == (True, False, False), refused
    assert all("should match" in line for line in lines), refused


def test_a_private_key_is_not_repeated(api):
    """The refusal of a bundle with a private key does not print the key."""
    item = trust_domain(bundle=ROOT_PEM + PRIVATE_KEY)
    refused = apply(api, item, "--dry-run=server", "--server-side", check=False).stderr
    assert ("holds a private key" in refused, "BBBB" in refused) == (True, False), refused


@pytest.mark.parametrize("item", GOOD.values(), ids=GOOD)
def test_good_input_is_accepted(api, item):
    """What the documentation shows is taken without a warning."""
    taken = apply(api, item, "--dry-run=server")
    assert (taken.stdout.split()[1:], taken.stderr) == (["created", "(server", "dry", "run)"], "")


def test_policy_at_all_bounds_is_affordable(api):
    """A policy as large as the schema allows is judged within the API server's budget for rules."""
    numbers = range(1, 33)
    names = [f"p{number}" for number in numbers]
    blocks = [f"10.{number}.0.0/16" for number in range(64)]
    items = [
        {
            "name": f"item-{n}",
            "vault": {"role": "r" * 128, "path": "p" * 512},
            "file": {"path": f"{n}/" + "f" * 250, "template": "t" * 8192},
            "containers": [f"{c:063}" for c in range(16)],
        }
        for n in range(16)
    ]
    network = {
        "ports": [{"name": name, "port": number} for name, number in zip(names, numbers, strict=True)],
        "ingress": [{"from": {"cidr": "10.0.0.0/8", "except": blocks}, "ports": names}] * 128,
        "egress": [{"to": {"cidr": "10.0.0.0/8", "except": blocks}, "ports": [{"port": n} for n in numbers]}] * 128,
        "decisions": [
            {
                "service": f"caller-{n}",
                "namespace": "n" * 63,
                "verdict": "Approved",
                "ports": names,
                "reason": "r" * 256,
            }
            for n in range(128)
        ],
    }
    item = changed(GOOD["least policy"], {"spec": {"network": network, "secrets": {"items": items}}})
    assert len(read_back(api, item)["spec"]["network"]["egress"]) == 128


def test_defaults_are_filled_in(api):
    """The least policy reads back with every default spelled out."""
    assert read_back(api, GOOD["least policy"])["spec"] == {
        "workload": {
            "selector": {"matchLabels": {"app": "orders"}, "matchExpressions": []},
            "podSecurity": {"level": "restricted", "version": "v1.37"},
        },
        "network": {"ports": [], "ingress": [], "egress": [], "consent": "Mutual", "decisions": []},
        "identity": {"trustDomain": "default", "dnsNames": []},
        "mtls": {
            "lifetime": "24h",
            "delivery": "Auto",
            "secret": {"formats": ["PEM"]},
            "key": {"algorithm": "ECDSAP256"},
            "onRotation": {"strategy": "Watch", "fallback": "None", "confirm": {"within": "10m"}},
        },
        "secrets": {"items": []},
    }


def test_defaults_of_the_cluster_kinds_are_filled_in(api):
    """An empty baseline and the least trust domain read back with the documented defaults."""
    assert read_back(api, GOOD["empty baseline"])["spec"] == {
        "network": {
            "internet": "Allow",
            "cloudMetadata": "Forbid",
            "fqdnDenyList": [],
            "gatewayNamespaces": ["envoy-gateway-system"],
            "clusterCIDRs": [],
            "exposure": "Any",
            "exposureNamespaces": [],
            "dns": {
                "namespace": "kube-system",
                "selector": {"matchLabels": {"k8s-app": "kube-dns"}, "matchExpressions": []},
                "addresses": [],
            },
        },
        "widening": "Own",
        "mtls": {"maxLifetime": "168h", "commonNames": []},
        "podSecurity": {"level": "baseline", "version": "v1.37"},
    }
    assert read_back(api, GOOD["trust domain"])["spec"] == {
        "domain": "prod.example.com",
        "lifetimes": {"root": "87600h", "issuing": "2160h"},
        "issuer": {"builtIn": {}},
        "rotation": {"settle": "1h", "distrust": [], "emergencyDeadline": "15m"},
    }


@pytest.mark.parametrize("name", [name for name, item in GOOD.items() if item["kind"] == "ServiceSecurityPolicy"])
def test_models_read_what_the_api_server_stores(api, name):
    """The defaults of the API server and those of the models are the same: both readings are equal."""
    item = GOOD[name]
    stored = ServiceSecurityPolicySpec.model_validate(read_back(api, item)["spec"])
    assert stored == ServiceSecurityPolicySpec.model_validate(item["spec"])


def test_unknown_field_is_refused(api):
    """A mistyped field is refused by kubectl's strict validation, naming its path."""
    item = changed(GOOD["least policy"], {"spec": {"network": {"ingres": []}}})
    refused = apply(api, item, "--dry-run=server", check=False)
    assert refused.returncode != 0
    assert 'unknown field "spec.network.ingres"' in refused.stderr


def test_domain_of_a_trust_domain_is_fixed(api):
    """The name that certificates carry cannot be changed under them."""
    item = deepcopy(GOOD["trust domain"])
    item["metadata"]["name"] = "contract-fixed"
    apply(api, item)
    try:
        item["spec"]["domain"] = "other.example.com"
        refused = apply(api, item, check=False)
    finally:
        api.kubectl("delete", "trustdomain", "contract-fixed")
    assert "spec.domain: Invalid value: domain cannot change: make a new TrustDomain" in refused.stderr


def test_columns(api):
    """`kubectl get ssp` prints mode, readiness, edges and the certificate's end, a date in the future included."""
    apply(api, GOOD["least policy"])
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "Applied",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    certificate = {
        "secretName": "orders-tls", "spiffeID": "spiffe://prod.example.com/ns/shop/sa/orders", "serial": "0a", "authority": "ab",
        "notBefore": "2098-01-01T00:00:00Z", "nextRenewal": "2098-06-01T00:00:00Z", "notAfter": "2099-01-01T00:00:00Z",
    }  # fmt: skip
    status = {
        "mode": "Enforce",
        "conditions": [condition],
        "summary": {"edges": 4, "applied": 2, "enforced": 1, "pending": 1, "gaps": 4},
        "certificate": certificate,
    }
    patch = json.dumps({"status": status})
    api.kubectl("patch", "ssp", "orders", "-n", NAMESPACE, "--subresource=status", "--type=merge", "-p", patch)
    head, row = api.kubectl("get", "ssp", "-n", NAMESPACE).stdout.splitlines()
    assert head.split() == [
        "NAME",
        "MODE",
        "READY",
        "EDGES",
        "APPLIED",
        "ENFORCED",
        "PENDING",
        "GAPS",
        "CERT-EXPIRES",
        "AGE",
    ]
    assert row.split()[:-1] == ["orders", "Enforce", "True", "4", "2", "1", "1", "4", "2099-01-01T00:00:00Z"]


def test_columns_of_a_trust_domain(api):
    """`kubectl get trustdomain` prints how far the rotation is, and nothing where there is none."""
    item = named(trust_domain(), "contract-columns")
    apply(api, item)
    try:
        status = {"status": {"rotation": {"phase": "Publishing"}}}
        where = ("trustdomain", "contract-columns")
        api.kubectl("patch", *where, "--subresource=status", "--type=merge", "-p", json.dumps(status))
        head, row = api.kubectl("get", *where).stdout.splitlines()
    finally:
        api.kubectl("delete", "trustdomain", "contract-columns")
    assert head.split() == ["NAME", "DOMAIN", "READY", "PHASE", "AGE"]
    assert row.split()[:-1] == ["contract-columns", "prod.example.com", "Publishing"]


def test_category_lists_every_kind(api):
    """`kubectl get bartizan` finds all four kinds."""
    listed = api.kubectl("api-resources", "--categories=bartizan", "-o", "name").stdout.split()
    assert sorted(listed) == sorted(resource.crd_name for resource in RESOURCES)

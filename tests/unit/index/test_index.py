"""The index of a namespace: what the API server's policies read."""

import pytest

from bartizan.api.v1alpha1 import BaselinePodSecurity, PodSecurity, PolicyIndexSpec
from bartizan.core.emit import sealed
from bartizan.core.index import compile_index, demanded
from bartizan.testing.builders import a_policy_view

SECRET = {
    "name": "db",
    "vault": {"role": "orders", "path": "database/creds/orders"},
    "file": {"path": "db.json", "mode": "0440"},
}


def a_policy(name, namespace="shop", *, labels=None, expressions=(), **parts):
    """A policy with the given selector."""
    selector = {"matchLabels": labels or {}, "matchExpressions": list(expressions)}
    workload = {"selector": selector, **parts.pop("workload", {})}
    return a_policy_view(name, namespace, workload=workload, **parts)


def test_an_index_holds_what_is_judged_and_nothing_else():
    """Entries lie in buckets by one label, which they do not repeat, and leave out what is empty."""
    policies = [
        a_policy("web", labels={"app": "web"}),
        a_policy("orders", labels={"app": "orders", "tier": "back"}, secrets={"items": [SECRET]}),
        a_policy("team", expressions=[{"key": "team", "operator": "In", "values": ["a", "b"]}]),
        a_policy("probe", labels={"zone": "x", "kind": "probe"}, workload={"serviceAccountName": "web"}),
        a_policy("named", labels={"app": "x", "app.kubernetes.io/name": "named"}),
        a_policy("elsewhere", "other", labels={"app": "elsewhere"}),
    ]
    restricted = {"level": "restricted", "version": 37}
    assert compile_index("shop", policies)["spec"] == {
        "level": "baseline",
        "version": 37,
        "buckets": {
            "app.kubernetes.io/name=named": [
                {"name": "named", "account": "named", **restricted, "labels": {"app": "x"}, "identity": "named-tls"}
            ],
            "app=orders": [
                {
                    "name": "orders",
                    "account": "orders",
                    **restricted,
                    "labels": {"tier": "back"},
                    "annotations": {
                        "vault.hashicorp.com/agent-init-first": "true",
                        "vault.hashicorp.com/agent-inject": "true",
                        "vault.hashicorp.com/agent-inject-file-db": "db.json",
                        "vault.hashicorp.com/agent-inject-perms-db": "0440",
                        "vault.hashicorp.com/agent-inject-secret-db": "database/creds/orders",
                        "vault.hashicorp.com/error-on-missing-key-db": "true",
                        "vault.hashicorp.com/role": "orders",
                        "vault.hashicorp.com/template-config-exit-on-retry-failure": "true",
                    },
                    "identity": "orders-tls",
                }
            ],
            "app=web": [{"name": "web", "account": "web", **restricted, "identity": "web-tls"}],
            "kind=probe": [
                {"name": "probe", "account": "web", **restricted, "labels": {"zone": "x"}, "identity": "probe-tls"}
            ],
        },
        "rest": [
            {
                "name": "team",
                "account": "team",
                **restricted,
                "expressions": [{"key": "team", "operator": "In", "values": ["a", "b"]}],
                "identity": "team-tls",
            }
        ],
        "accounts": {"named": "named", "orders": "orders", "team": "team", "web": "probe,web"},
        "identities": {
            "named-tls": "named",
            "orders-tls": "orders",
            "probe-tls": "probe",
            "team-tls": "team",
            "web-tls": "web",
        },
    }


def test_an_index_is_sealed_and_named_where_the_gate_looks():
    """The object is called `index` and carries the hash of what was meant."""
    index = compile_index("shop", [])
    assert index == sealed(
        {
            "apiVersion": "bartizan.dev/v1alpha1",
            "kind": "PolicyIndex",
            "metadata": {
                "name": "index",
                "namespace": "shop",
                "labels": {"app.kubernetes.io/managed-by": "bartizan"},
            },
            "spec": {"level": "baseline", "version": 37},
        }
    )


def test_an_index_does_not_depend_on_the_order_of_policies():
    """The same policies in any order make the same object, so that nothing is written for nothing."""
    policies = [a_policy(name, labels={"app": "same"}) for name in ("c", "a", "b")]
    assert compile_index("shop", policies) == compile_index("shop", reversed(policies))


def test_an_index_is_what_its_api_model_says():
    """The lean object validates as a PolicyIndexSpec."""
    spec = compile_index("shop", [a_policy("orders", labels={"app": "orders"}, secrets={"items": [SECRET]})])["spec"]
    parsed = PolicyIndexSpec.model_validate(spec)
    assert parsed.buckets["app=orders"][0].identity == "orders-tls"


def podsec(level, version):
    """A policy's `podSecurity`."""
    return PodSecurity.model_validate({"level": level, "version": version})


DEMANDS = {
    "a policy that asks for no less than the floor": (
        ("restricted", "v1.37"),
        ("baseline", "v1.30"),
        ("restricted", 37),
    ),
    "a lower level is raised": (("baseline", "v1.37"), ("restricted", "v1.37"), ("restricted", 37)),
    "an older version is raised": (("baseline", "v1.0"), ("baseline", "v1.24"), ("baseline", 24)),
    "level and version are raised each by itself": (("baseline", "v1.36"), ("restricted", "v1.9"), ("restricted", 36)),
    "versions are numbers, not words": (("baseline", "v1.9"), ("baseline", "v1.10"), ("baseline", 10)),
}


@pytest.mark.parametrize("case", DEMANDS)
def test_nobody_goes_below_the_floor(case):
    """Level and version are the policy's own, or the SecurityBaseline's where that asks for more."""
    asked, floor, expected = DEMANDS[case]
    least = BaselinePodSecurity.model_validate({"level": floor[0], "version": floor[1]})
    assert demanded(podsec(*asked), least) == expected


def test_the_floor_stands_in_the_index_and_in_every_entry():
    """Pods that no policy selects find the floor in the index; a policy that asks for less finds it in its entry."""
    floor = BaselinePodSecurity.model_validate({"level": "restricted", "version": "v1.0"})
    low = a_policy("low", labels={"app": "low"}, workload={"podSecurity": {"level": "baseline", "version": "v1.0"}})
    spec = compile_index("shop", [low], floor=floor)["spec"]
    assert (spec["level"], spec["version"]) == ("restricted", 0)
    assert spec["buckets"]["app=low"][0] == {
        "name": "low", "account": "low", "level": "restricted", "version": 0, "identity": "low-tls",
    }  # fmt: skip

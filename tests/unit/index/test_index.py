"""The index of a namespace: what the API server's policies read."""

from bartizan.api.v1alpha1 import PolicyIndexSpec
from bartizan.core.emit import sealed
from bartizan.core.index import compile_index
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
    assert compile_index("shop", policies)["spec"] == {
        "buckets": {
            "app.kubernetes.io/name=named": [
                {"name": "named", "account": "named", "labels": {"app": "x"}, "identity": "named-tls"}
            ],
            "app=orders": [
                {
                    "name": "orders",
                    "account": "orders",
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
            "app=web": [{"name": "web", "account": "web", "identity": "web-tls"}],
            "kind=probe": [{"name": "probe", "account": "web", "labels": {"zone": "x"}, "identity": "probe-tls"}],
        },
        "rest": [
            {
                "name": "team",
                "account": "team",
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
            "spec": {},
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

"""A control plane with bartizan's admission policies and namespaces in every mode; no bartizan process runs."""

import pytest
import yaml

from bartizan.cli.admission import to_yaml
from bartizan.core.checks.render import admission_objects
from bartizan.core.checks.settings import AdmissionSettings
from bartizan.core.index import compile_index
from bartizan.core.pki.delivery import pod_certificates
from bartizan.testing.builders import a_policy_view, a_snapshot
from integration.admission.live import Api
from waiting import eventually

SETTINGS = AdmissionSettings(release_namespace="adm-system", controller_account="bartizan-controller")
SECRET = {
    "name": "db",
    "vault": {"role": "orders", "path": "database/creds/orders"},
    "file": {
        "path": "db.json",
        "mode": "0440",
        "template": '{{ with secret "database/creds/orders" }}{{ .Data.username }}{{ end }}',
    },
    "containers": ["app"],
}
MODES = {
    "adm-enforce": "enforce",
    "adm-warn": "warn",
    "adm-audit": "audit",
    "adm-unindexed": "enforce",
    "adm-plain": None,
    "adm-system": "enforce",
}
ACCOUNTS = ("orders", "web", "team", "cards")


def policies(namespace):
    """The policies of a test namespace: one with secrets, two that overlap, one by expression; plain pods are good enough.

    Pods of `cards` get certificates of their own.
    """
    web, canary = {"matchLabels": {"app": "web"}}, {"matchLabels": {"app": "web", "track": "canary"}}
    team = {
        "matchExpressions": [
            {"key": "team", "operator": "In", "values": ["a", "b"]},
            {"key": "old", "operator": "DoesNotExist"},
        ]
    }

    def a_policy(name, selector, *, workload=None, **parts):
        plain = {"selector": selector, "podSecurity": {"level": "baseline"}}
        return a_policy_view(name, namespace, workload={**plain, **(workload or {})}, **parts)

    return [
        a_policy("orders", {"matchLabels": {"app": "orders"}}, secrets={"items": [SECRET]}),
        a_policy("web", web),
        a_policy("web-canary", canary, workload={"serviceAccountName": "web"}),
        a_policy("team", team),
        a_policy("cards", {"matchLabels": {"app": "cards"}}, mtls={"delivery": "PodCertificate"}),
    ]


def index_of(namespace):
    """The index of a test namespace."""
    mine = policies(namespace)
    return compile_index(namespace, mine, pod_certificates=pod_certificates(mine, a_snapshot(*mine)))


@pytest.fixture(scope="session")
def index():
    """The spec of the index in every indexed namespace."""
    return index_of("adm-enforce")["spec"]


@pytest.fixture(scope="session")
def api(cluster):
    """The API server, with the gate closed."""
    applied = to_yaml(admission_objects(SETTINGS))
    namespaces = [_namespace(name, mode) for name, mode in MODES.items()]
    accounts = [
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": namespace},
            "automountServiceAccountToken": name != "team",
        }
        for namespace in MODES
        for name in ACCOUNTS
    ]
    indices = [index_of(name) for name in MODES if name != "adm-unindexed"]
    # A controller that another test ran may have kept the indices of these namespaces.
    made = yaml.safe_dump_all([*namespaces, *accounts, *indices])
    cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=made)
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=applied)
    connection = Api(cluster.kubeconfig)
    _wait_until_closed(connection)
    yield connection
    connection.close()
    # The cluster itself may be gone by now: tests on a node take it down before they start theirs.
    cluster.kubectl("delete", "--ignore-not-found", "--wait=false", "-f", "-", stdin=applied, check=False)
    cluster.kubectl("delete", "--ignore-not-found", "--wait=false", "namespace", *MODES, check=False)


def _namespace(name, mode):
    labels = {"bartizan.dev/enforcement": mode} if mode else {}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def _wait_until_closed(connection):
    """Policies take effect a moment after they are written, each by itself."""
    bare = {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": "x"},
        "spec": {"containers": [{"name": "a", "image": "x"}]},
    }
    orders = {
        **bare,
        "metadata": {"name": "x", "labels": {"app": "orders"}},
        "spec": {**bare["spec"], "serviceAccountName": "orders"},
    }
    workload = {
        "kind": "Deployment",
        "apiVersion": "apps/v1",
        "metadata": {"name": "x"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {**bare["spec"], "hostPID": True}},
        },
    }
    eventually(lambda: "C-01" in connection.create(bare, "adm-enforce").message)
    eventually(lambda: connection.create(orders, "adm-enforce").code == 201)
    eventually(lambda: "P-02" in connection.create(workload, "adm-enforce").message)
    eventually(lambda: connection.create(bare, "adm-warn").warnings)

"""`--live` on a real API server: what the cluster holds is what is drawn, and reading it takes no more than the verb list."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.api
ROOT = Path(__file__).parents[3]
NAMESPACE = "graph-live"
OBJECTS = f"""
apiVersion: v1
kind: Namespace
metadata: {{name: {NAMESPACE}, labels: {{bartizan.dev/enforcement: enforce}}}}
---
apiVersion: bartizan.dev/v1alpha1
kind: SecurityBaseline
metadata: {{name: default}}
spec: {{}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: reader, namespace: {NAMESPACE}}}
---
apiVersion: bartizan.dev/v1alpha1
kind: ServiceSecurityPolicy
metadata: {{name: web, namespace: {NAMESPACE}}}
spec: {{workload: {{selector: {{matchLabels: {{app: web}}}}}}, network: {{egress: [{{to: {{service: api}}}}]}}}}
---
apiVersion: bartizan.dev/v1alpha1
kind: ServiceSecurityPolicy
metadata: {{name: api, namespace: {NAMESPACE}}}
spec:
  workload: {{selector: {{matchLabels: {{app: api}}}}}}
  network: {{ports: [{{name: http, port: 8080}}], ingress: [{{from: {{service: web}}}}]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: only-web, namespace: {NAMESPACE}}}
spec:
  podSelector: {{matchLabels: {{app: api}}}}
  policyTypes: [Ingress]
  ingress: [{{from: [{{podSelector: {{matchLabels: {{app: web}}}}}}], ports: [{{port: 9999}}]}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: graph-live}}
rules:
- {{apiGroups: [bartizan.dev], resources: [servicesecuritypolicies, securitybaselines], verbs: [list]}}
- {{apiGroups: [networking.k8s.io], resources: [networkpolicies, servicecidrs], verbs: [list]}}
- {{apiGroups: [""], resources: [namespaces, nodes, pods, services], verbs: [list]}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: graph-live}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: graph-live}}
subjects: [{{kind: ServiceAccount, name: reader, namespace: {NAMESPACE}}}]
"""


@pytest.fixture(scope="module")
def reader(cluster, tmp_path_factory):
    """A kubeconfig of an account that may do what the how-to says and nothing else."""
    file = tmp_path_factory.mktemp("live") / "objects.yaml"
    file.write_text(OBJECTS)
    cluster.kubectl("apply", "-f", str(file))
    admin = json.loads(cluster.kubectl("config", "view", "--raw", "--output=json").stdout)
    token = cluster.kubectl("create", "token", "reader", "--namespace", NAMESPACE).stdout.strip()
    user = admin["contexts"][0]["context"]["user"]
    config = {**admin, "users": [{"name": user, "user": {"token": token}}]}
    path = file.with_name("kubeconfig")
    path.write_text(json.dumps(config))
    yield path
    cluster.kubectl("delete", "-f", str(file), "--wait=false", "--ignore-not-found")


def run(kubeconfig, *args):
    """Run `bartizan` with `--live`."""
    command = [sys.executable, "-m", "bartizan", *args, "--live", "--kubeconfig", str(kubeconfig)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=ROOT)


def test_the_network_policies_that_are_there_count(reader):
    """The policies agree on 8080, but the cluster lets 9999 pass and nothing else: that is what is shown."""
    done = run(reader, "graph", "--namespace", NAMESPACE, "--output", "json")
    assert (done.returncode, done.stderr) == (0, "")
    (edge,) = json.loads(done.stdout)["edges"]
    assert (edge["from"], edge["to"], edge["state"]) == (f"{NAMESPACE}/web", f"{NAMESPACE}/api", "Applied")
    assert (edge["declared"], edge["open"], edge["wider"]) == (["8080/TCP"], ["9999/TCP"], True)


def test_can_and_reach_ask_the_same_cluster(reader):
    """`can` exits by the cluster's own rules; `reach` follows them."""
    assert [run(reader, "can", f"{NAMESPACE}/web", f"{NAMESPACE}/api:{port}").returncode for port in (9999, 8080)] == [
        0,
        1,
    ]
    assert "9999/TCP" in run(reader, "reach", f"{NAMESPACE}/web", "--hops", "1").stdout


def test_without_the_right_it_says_which_one_is_lacking(reader, cluster):
    """A reader without the role is told what it may not list, in one line, with exit code 2."""
    cluster.kubectl("delete", "clusterrolebinding", "graph-live")
    done = run(reader, "graph")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("bartizan: ")
    assert "namespaces" in done.stderr

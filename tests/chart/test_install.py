"""The chart against a real API server that judges every object without keeping it."""

import pytest
import yaml

import cluster as harness
from chart.rendering import CHART

pytestmark = pytest.mark.api


def test_the_api_server_accepts_every_object(cluster: harness.Cluster, cases) -> None:
    """Each rendered object, hooks included, passes the API server's own validation in a dry run, field by field."""
    cluster.kubectl("create", "namespace", "bartizan-system", check=False)
    skipped = {"CustomResourceDefinition"}  # the cluster of the tests has them already
    items = [item for item in cases["default"].objects if item["kind"] not in skipped]
    assert len(items) > 40
    for item in items:
        cluster.kubectl(
            "apply", "--server-side", "--dry-run=server", "--validate=strict", "--force-conflicts", "-f", "-",
            stdin=yaml.safe_dump(item),
        )  # fmt: skip


def test_helm_would_install_it(cluster: harness.Cluster) -> None:
    """`helm install --dry-run=server` finds nothing in the way, and adds the port of this cluster's API server."""
    done = cluster.helm(
        "install", "bartizan", str(CHART), "--namespace", "bartizan-dry", "--create-namespace",
        "--dry-run=server", "--set", "crds.enabled=false", "--set", "networkPolicy.apiServer.ports={443}",
    )  # fmt: skip
    objects = [
        item for item in yaml.safe_load_all(done.stdout.partition("MANIFEST:")[2].partition("NOTES:")[0]) if item
    ]
    (own,) = [item for item in objects if item["kind"] == "NetworkPolicy" and item["metadata"]["name"] == "bartizan"]
    port = int(cluster.api_url.rpartition(":")[2])
    assert own["spec"]["egress"][0]["ports"] == [{"protocol": "TCP", "port": 443}, {"protocol": "TCP", "port": port}]
    assert "Governed namespaces:" in done.stdout

"""Clusters for the tests that need one, started once and taken away again.

`cluster` is a control plane alone (etcd, API server, controllers, scheduler) with the CRDs in it; `node_cluster` has a node
that runs real pods and enforces NetworkPolicy. Tests are ordered so that the first is gone before the second starts: two
cores carry one of them well.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import cluster as harness
from cluster.catalogue import DEFAULT_LANE, LANES

ROOT = Path(__file__).parent.parent
_control_plane = pytest.StashKey[harness.Cluster]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--lane` runs the cluster tests on the older Kubernetes."""
    parser.addoption("--lane", default=DEFAULT_LANE, choices=sorted(LANES), help="the Kubernetes minor version")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run what needs no cluster first, then the API server's tests, then the node's; slow ones only when asked for."""
    if "slow" not in config.option.markexpr:
        slow = [item for item in items if item.get_closest_marker("slow")]
        items[:] = [item for item in items if item not in slow]
        config.hook.pytest_deselected(items=slow)
    items.sort(key=lambda item: 2 if item.get_closest_marker("node") else int(bool(item.get_closest_marker("api"))))


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[harness.Cluster]:
    """A control plane with bartizan's CRDs and nothing else of it."""
    running = harness.up(f"test-api-{os.getpid()}", node=False, lane=request.config.getoption("--lane"))
    request.config.stash[_control_plane] = running
    running.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
    running.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    yield running
    running.down()


@pytest.fixture(scope="session")
def kubeconfig(cluster: harness.Cluster) -> Path:
    """The administrator's way into `cluster`."""
    return cluster.kubeconfig


@pytest.fixture(scope="session")
def node_cluster(request: pytest.FixtureRequest) -> Iterator[harness.Cluster]:
    """A cluster with a node: real pods, real packets."""
    if earlier := request.config.stash.get(_control_plane, None):
        earlier.down()
    running = harness.up(f"test-node-{os.getpid()}", node=True, lane=request.config.getoption("--lane"))
    yield running
    running.down()

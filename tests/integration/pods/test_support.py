"""What real API servers say of pod certificates: served and kept, served and dropped, not served. Each is asked as bartizan asks."""

import asyncio
import os

import pytest

import cluster as harness
from bartizan.api.kinds import NODE, POD_TEMPLATE
from bartizan.controller.discovery import Discovery
from bartizan.kube.client import Client
from bartizan.kube.clock import SystemClock

pytestmark = [pytest.mark.api, pytest.mark.timeout(300)]
DROPS = (
    "the API server drops the volumes of pod certificates: its feature gates PodCertificateRequest and "
    "ClusterTrustBundleProjection are not both on"
)
NOT_SERVED = (
    "the API server does not serve PodCertificateRequest and ClusterTrustBundle (Kubernetes 1.37, or feature gates)"
)
LANES = {
    "1.36": ("certificates.k8s.io/v1beta1", ""),
    "1.36-half": ("certificates.k8s.io/v1beta1", DROPS),
    "1.36-off": ("", NOT_SERVED),
}
"""Of each lane, which version serves the kinds, and what is missing."""


async def found(kubeconfig):
    """Return what bartizan finds out about a cluster, and the templates it leaves behind."""
    api = await Client.connect(kubeconfig)
    try:
        answer = asyncio.get_running_loop().create_future()
        nodes = (await api.list(NODE)).items
        looking = Discovery(api, namespace="default", nodes=lambda: nodes, tell=answer.set_result, clock=SystemClock())
        running = asyncio.create_task(looking.run())
        capabilities = await asyncio.wait_for(answer, 30)
        running.cancel()
        return capabilities, (await api.list(POD_TEMPLATE)).items
    finally:
        await api.close()


async def test_the_present_version_serves_and_keeps(cluster, request):
    """On the lane of this run pod certificates can be delivered, and the dry run leaves nothing behind."""
    capabilities, left = await found(cluster.kubeconfig)
    older = request.config.getoption("--lane") == "1.36"
    version = "certificates.k8s.io/v1beta1" if older else "certificates.k8s.io/v1"
    assert (capabilities.certificates_version, capabilities.pod_certificates_lack) == (version, "")
    assert capabilities.pod_certificates is True
    assert [item for item in left if "bartizan" in item["metadata"]["name"]] == []


@pytest.mark.parametrize("lane", LANES)
async def test_what_an_older_cluster_lacks_is_seen(lane):
    """With gates on it can; with one gate off the kinds are served and the volume is dropped without a word; with none it cannot."""
    running = harness.up(f"test-{lane.replace('.', '')}-{os.getpid()}", node=False, lane=lane, provider="local")
    try:
        capabilities, _ = await found(running.kubeconfig)
    finally:
        running.down()
    assert (capabilities.certificates_version, capabilities.pod_certificates_lack) == LANES[lane]

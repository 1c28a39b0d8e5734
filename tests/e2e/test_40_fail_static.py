"""Controller and webhook are away: what guards production must not notice."""

from pathlib import Path

import pytest

from demo.evidence import refusal
from demo.reachability import probe_all
from waiting import eventually

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.node


@pytest.fixture(scope="module")
def nobody_home(shop):
    """Bartizan scaled to zero, and back afterwards.

    The certificate of payments lies in a Secret meanwhile: one that is made on the node takes a signer for every new pod.
    """
    with shop.delivering("payments", "finance", "Secret"):
        for component in ("controller", "webhook"):
            shop.scale(component, 0)
        yield shop
        for component in ("controller", "webhook"):
            shop.scale(component, 2)


def test_compliant_pods_still_start_and_carry_their_injection(nobody_home) -> None:
    """A new pod of payments starts, with the Vault annotations and its certificate mounted."""
    shop = nobody_home
    old = {pod["metadata"]["name"] for pod in shop.items("pods", "finance", "app=payments")}
    shop.kubectl("rollout", "restart", "deploy/payments", "-n", "finance")
    shop.kubectl("rollout", "status", "deploy/payments", "-n", "finance", "--timeout=90s")
    new = [pod for pod in shop.items("pods", "finance", "app=payments") if pod["metadata"]["name"] not in old]
    assert len(new) == 1
    assert new[0]["metadata"]["annotations"]["vault.hashicorp.com/agent-inject"] == "true"
    assert new[0]["metadata"]["annotations"]["vault.hashicorp.com/role"] == "payments-rw"
    mounts = [mount["mountPath"] for mount in new[0]["spec"]["containers"][0]["volumeMounts"]]
    assert "/var/run/secrets/bartizan.dev/tls" in mounts


@pytest.mark.parametrize(
    "name", ["privileged-pod", "host-network-pod", "host-path-pod", "uncovered-pod", "privileged-deployment"]
)
def test_forbidden_pods_are_still_refused(nobody_home, name: str) -> None:
    """The API server itself refuses, with the same words."""
    seen = refusal(nobody_home.cluster, ROOT / "examples/rejected" / f"{name}.yaml")
    assert seen.holds, seen.seen


def test_the_network_still_holds(nobody_home) -> None:
    """Every declared edge passes and every other is dropped."""
    probes = eventually(
        lambda: (found := probe_all(nobody_home.cluster)) and all(probe.holds for probe in found) and found, within=60
    )
    assert {probe.allowed for probe in probes} == {True, False}

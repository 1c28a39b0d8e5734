"""Every file of examples/rejected, against the real API server."""

from pathlib import Path

import pytest

from demo.evidence import refusal

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.node


@pytest.mark.parametrize(
    "manifest", sorted((ROOT / "examples" / "rejected").glob("*.yaml")), ids=lambda path: path.stem
)
def test_a_rejected_example_is_refused_with_its_words(shop, manifest: Path) -> None:
    """Applying the file fails, and the message holds the words the file promises."""
    seen = refusal(shop.cluster, manifest)
    assert seen.holds, seen.seen


def test_a_refusal_names_check_container_field_and_fix(shop) -> None:
    """A person can mend the manifest from the message alone."""
    said = refusal(shop.cluster, ROOT / "examples/rejected/privileged-pod.yaml").seen
    for words in ("P-01", '"app"', "spec.containers[0].securityContext.privileged", "allowed:", "fix:"):
        assert words in said, said


def test_a_policy_that_names_a_missing_service_says_so(shop) -> None:
    """The policy is accepted with a warning, its condition names the service, and other policies stay Ready."""
    manifest = """
apiVersion: bartizan.dev/v1alpha1
kind: ServiceSecurityPolicy
metadata: {name: lonely, namespace: shop}
spec:
  workload: {selector: {matchLabels: {app: lonely}}}
  network:
    egress: [{to: {service: nowhere}}]
"""
    said = shop.kubectl("apply", "--server-side", "-f", "-", stdin=manifest).stderr
    assert "Warning: bartizan:" in said
    assert "nowhere" in said
    shop.kubectl("wait", "--for=jsonpath={.status.conditions[?(@.type=='ConsentComplete')].reason}=PeerNotFound",
                 "ssp/lonely", "-n", "shop", "--timeout=30s")  # fmt: skip
    assert "nowhere" in shop.condition("lonely", "shop", "ConsentComplete")["message"]
    assert shop.condition("web", "shop", "Ready")["status"] == "True"
    shop.kubectl("delete", "ssp", "lonely", "-n", "shop")


def test_a_dry_run_previews_edges_and_refused_pods(shop) -> None:
    """`--dry-run=server` of a change says which edges are lost and which running pods the policy would refuse."""
    manifest = (ROOT / "examples/shop/orders.yaml").read_text().split("---")[0]
    changed = manifest.replace("    - from: {service: web}\n", "    - from: {self: {}}\n").replace(
        "spec:\n  workload:", "spec:\n  workload:\n    serviceAccountName: somebody-else"
    )
    said = shop.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", stdin=changed).stderr
    assert "lost" in said, said
    assert "shop/web" in said, said
    assert "orders-" in said, said

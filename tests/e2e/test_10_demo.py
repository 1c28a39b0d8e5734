"""What `make demo` promises in the README."""

import pytest

pytestmark = pytest.mark.node


def test_the_demo_shows_what_the_readme_says(shop) -> None:
    """The demo ends with every claim held and prints the matrix, the refusals, the certificate and the policies."""
    for words in ("Who can reach whom", "P-01 privileged", "C-01", "openssl verifies", "payments-rw", "held, in"):
        assert words in shop.told, shop.told
    assert "✗" not in shop.told


def test_bartizan_runs_with_least_power(shop) -> None:
    """Every container of the release is non-root on a read-only root, drops all capabilities and uses seccomp."""
    pods = shop.items("pods", "bartizan-system", "app.kubernetes.io/name=bartizan")
    assert {pod["metadata"]["labels"]["app.kubernetes.io/component"] for pod in pods} >= {"controller", "webhook"}
    for pod in pods:
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"] is True
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]

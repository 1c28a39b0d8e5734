"""The last test: taking bartizan away must not leave a closed gate behind."""

import json

import pytest

from waiting import eventually

pytestmark = pytest.mark.node


def test_uninstalling_opens_the_gate_and_leaves_the_pods(shop) -> None:
    """After `helm uninstall` any pod starts, nothing is isolated, policies are kept and no admission object is left."""
    running = {pod["metadata"]["uid"] for pod in shop.items("pods", "shop")}
    shop.cluster.helm("uninstall", "bartizan", "--namespace", "bartizan-system", "--wait", "--timeout", "180s")
    left = json.loads(
        shop.kubectl(
            "get", "validatingadmissionpolicies,validatingadmissionpolicybindings,mutatingadmissionpolicies,"
            "mutatingadmissionpolicybindings,validatingwebhookconfigurations",
            "-l", "app.kubernetes.io/name=bartizan", "-o", "json",
        ).stdout
    )["items"]  # fmt: skip
    assert [item["metadata"]["name"] for item in left] == []
    started = eventually(
        lambda: (
            shop.kubectl(
                "run", "free", "-n", "shop", "--image=bartizan.local/agnhost:2", "--", "pause", check=False
            ).returncode
            == 0
        )
    )
    assert started
    shop.kubectl("wait", "--for=condition=Ready", "pod/free", "-n", "shop", "--timeout=60s")
    assert shop.items("networkpolicies", "shop") == []
    assert {pod["metadata"]["uid"] for pod in shop.items("pods", "shop")} >= running
    assert {policy["metadata"]["name"] for policy in shop.items("ssp", "shop")} == {"web", "orders"}

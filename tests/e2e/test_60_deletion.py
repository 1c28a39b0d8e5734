"""A policy goes, its pods stay: they must end isolated, not open."""

from pathlib import Path

import pytest

from demo.reachability import SHOP, connect
from waiting import eventually

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.node
WEB, ORDERS, PAYMENTS = SHOP


def test_a_deleted_policy_leaves_its_pods_isolated(shop) -> None:
    """Without its policy, orders reaches nobody and nobody reaches it, and no new pod of it starts."""
    shop.kubectl("delete", "ssp", "orders", "-n", "shop")
    eventually(lambda: shop.get("networkpolicy", "ssp-orders", "shop") is None, within=60)
    assert eventually(lambda: connect(shop.cluster, WEB, ORDERS.address) in {"timeout", "refused"}, within=60)
    # By address: it may not even ask the DNS for a name any more.
    address = f"{shop.get('service', 'payments', 'finance')['spec']['clusterIP']}:{PAYMENTS.port}"
    assert eventually(lambda: connect(shop.cluster, ORDERS, address) in {"timeout", "refused"}, within=60)
    refused = shop.kubectl(
        "run", "late", "-n", "shop", "--image=bartizan.local/agnhost:2", "--labels=app=orders",
        '--overrides={"spec":{"serviceAccountName":"orders"}}', "--dry-run=server", check=False,
    )  # fmt: skip
    assert "C-01" in refused.stderr


def test_the_policy_applied_again_restores_the_service(shop) -> None:
    """Applying the same file again brings the service back as it was."""
    shop.kubectl("apply", "--server-side", "-f", str(ROOT / "examples/shop/orders.yaml"))
    shop.kubectl("wait", "--for=condition=Ready", "ssp", "--all", "--all-namespaces", "--timeout=60s")
    assert eventually(lambda: connect(shop.cluster, WEB, ORDERS.address) == "connected", within=60)
    assert eventually(lambda: connect(shop.cluster, ORDERS, PAYMENTS.address) == "connected", within=60)

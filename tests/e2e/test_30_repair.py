"""Somebody edits or deletes by hand what bartizan keeps; it comes back (how fast is measured in the benchmarks)."""

import pytest

from waiting import eventually

pytestmark = pytest.mark.node
EMITTED = [
    ("networkpolicy", "ssp-orders"),
    ("networkpolicy", "bartizan-baseline"),
    ("secret", "orders-tls"),
    ("policyindex", "index"),
    ("rolebinding", "bartizan-certificates"),
]
EDITS = {
    "networkpolicy/ssp-orders": '[{"op": "replace", "path": "/spec/ingress", "value": [{}]}]',
    "networkpolicy/bartizan-baseline": '[{"op": "add", "path": "/spec/egress", "value": [{}]}]',
    "secret/orders-tls": '[{"op": "replace", "path": "/data/tls.crt", "value": "bm90IGEgY2VydGlmaWNhdGU="}]',
    "policyindex/index": '[{"op": "replace", "path": "/spec", "value": {"buckets": {}, "rest": [], "accounts": {}}}]',
}


@pytest.fixture(scope="module", autouse=True)
def in_a_secret(shop):
    """The certificate of orders lies in a Secret, which is one of the objects that are kept."""
    with shop.delivering("orders", "shop", "Secret"):
        yield


def _meant(item: dict) -> dict:
    """The part of an object that says what it does."""
    return {key: item.get(key) for key in ("spec", "type", "roleRef", "subjects")}


@pytest.mark.parametrize(("kind", "name"), EMITTED, ids=lambda value: value)
def test_a_deleted_object_comes_back(shop, kind: str, name: str) -> None:
    """A deleted emitted object is there again, saying the same, without anybody's help."""
    before = shop.get(kind, name, "shop")
    shop.kubectl("delete", kind, name, "-n", "shop", "--wait=true")
    after = eventually(lambda: shop.get(kind, name, "shop"), within=15)
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert _meant(after) == _meant(before)


@pytest.mark.parametrize("what", EDITS, ids=lambda value: value)
def test_an_edited_object_is_mended(shop, what: str) -> None:
    """A hand edit that widens or breaks an emitted object is undone."""
    kind, name = what.split("/")
    before = shop.get(kind, name, "shop")
    shop.kubectl("patch", kind, name, "-n", "shop", "--type=json", "-p", EDITS[what])
    mended = eventually(
        lambda: (now := shop.get(kind, name, "shop")) and _meant(now) == _meant(before) and _sound(now) and now,
        within=15,
    )
    assert mended["metadata"]["uid"] == before["metadata"]["uid"]


def _sound(item: dict) -> bool:
    return item["kind"] != "Secret" or item["data"]["tls.crt"].startswith("LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0")


def test_the_gate_stays_shut_while_the_index_is_gone(shop) -> None:
    """With the index deleted and the controller away, no pod is admitted: closed, not open."""
    shop.scale("controller", 0)
    try:
        shop.kubectl("delete", "policyindex", "index", "-n", "shop")
        created = shop.kubectl(
            "run", "early", "-n", "shop", "--image=bartizan.local/agnhost:2", "--dry-run=server", check=False
        )
        assert created.returncode != 0
    finally:
        shop.scale("controller", 2)
    eventually(lambda: shop.get("policyindex", "index", "shop"), within=60)

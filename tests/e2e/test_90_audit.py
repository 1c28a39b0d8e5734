"""What the API server's audit log says of everything the tests before made bartizan do."""

import json
from urllib.parse import parse_qs, urlparse

import pytest

pytestmark = pytest.mark.node
OWN = "system:serviceaccount:bartizan-system:"
GUARD = "ValidatingAdmissionPolicy 'bartizan-guard-access'"
WRITES = {"create", "update", "patch", "delete", "deletecollection"}


@pytest.fixture(scope="module")
def calls(shop):
    """Every finished call of bartizan's own accounts."""
    lines = shop.cluster.audit_log.read_text().splitlines()
    events = [json.loads(line) for line in lines if OWN in line]
    own = [
        event for event in events if event["user"]["username"].startswith(OWN) and event["stage"] == "ResponseComplete"
    ]
    assert len(own) > 100
    return own


def test_no_call_was_forbidden(calls) -> None:
    """The chart's RBAC grants what bartizan does: the API server has not once answered 403."""
    refused = [
        (call["verb"], call["requestURI"])
        for call in calls
        if call.get("responseStatus", {}).get("code") == 403 and not _by_a_thief(call) and not _not_yet(call)
    ]
    assert refused == []


def _by_a_thief(call) -> bool:
    """Whether a test made the call with a token it took from the prober."""
    return call["user"]["username"] == f"{OWN}bartizan-prober" and call.get("userAgent", "").startswith("kubectl")


def _not_yet(call) -> bool:
    """Whether the prober found no access to a namespace: it learns that by asking, and goes without until it has."""
    about = (call["verb"], call["objectRef"]["resource"])
    mine = call["user"]["username"] == f"{OWN}bartizan-prober"
    return mine and about in {("list", "pods"), ("get", "rolebindings")}


def _held_back(call) -> bool:
    """Whether bartizan's own guard refused: a namespace's label went while its RoleBinding was being written."""
    return GUARD in call["responseStatus"].get("message", "")


def test_no_403_is_in_any_log(shop) -> None:
    """Nor does any log of the controller or the webhook speak of one, but for the guard that holds the controller back."""
    for component in ("controller", "webhook"):
        lines = [line for line in shop.logs(component).splitlines() if GUARD not in line]
        assert [line for line in lines if "403" in line and "orbidden" in line] == []


def test_every_write_is_a_server_side_apply_by_a_named_manager(calls) -> None:
    """Every write but a deletion and an eviction is an apply patch whose field manager is one of bartizan's own."""
    strangers = [
        (call["verb"], call["requestURI"])
        for call in calls
        if call["verb"] in WRITES - {"delete"}
        and call["objectRef"].get("subresource") != "eviction"
        and not parse_qs(urlparse(call["requestURI"]).query).get("fieldManager", [""])[0].startswith("bartizan/")
    ]
    assert strangers == []


def test_secrets_were_read_only_where_bartizan_governs(calls) -> None:
    """No list, watch or read of Secrets left the governed namespaces and the release's own."""
    seen = {
        call["objectRef"].get("namespace", "")
        for call in calls
        if call.get("objectRef", {}).get("resource") == "secrets" and "subresource" not in call["objectRef"]
    }
    everywhere, ungoverned = "", {"default", "kube-system", "kube-public", "kube-node-lease"}
    assert not seen & {everywhere, *ungoverned}
    assert {"shop", "bartizan-system"} <= seen


def test_no_process_has_crashed(shop) -> None:
    """No container of bartizan was restarted, and none logged a traceback."""
    pods = shop.items("pods", "bartizan-system", "app.kubernetes.io/name=bartizan")
    assert [
        pod["metadata"]["name"] for pod in pods for s in pod["status"]["containerStatuses"] if s["restartCount"]
    ] == []
    assert "Traceback" not in shop.logs("controller") + shop.logs("webhook")

"""A pod's certificate is refreshed while it runs, with the shortest lifetime that there is: an hour, of which half must pass.

Outside of the default set, because it takes forty minutes: `pytest -m slow`. docs/reference/pod-certificates.md keeps its output.
"""

import json
import time

import pytest

from cluster.progress import Reporter
from demo import install
from mutual.peers import NAMESPACE, lines, peers
from waiting import eventually

pytestmark = [pytest.mark.node, pytest.mark.slow, pytest.mark.timeout(4200)]
_LONGEST = 45 * 60
"""Seconds until both ends have a new certificate: half of an hour and a tenth of it, the kubelet's five minutes, and its pass."""


@pytest.fixture
def calling(node_cluster):
    """Two pods that call each other, with certificates of an hour."""
    report = Reporter(print)
    image = install.load_images(node_cluster, report)
    install.install(node_cluster, image, report)
    *rest, server, caller = peers(image, lifetime="1h")
    _apply(node_cluster, *rest)
    node_cluster.kubectl("wait", "--for=condition=Ready", "ssp", "--all", "-n", NAMESPACE, "--timeout=60s")
    _apply(node_cluster, server, caller)
    node_cluster.kubectl("wait", "--for=condition=Ready", "pod", "--all", "-n", NAMESPACE, "--timeout=120s")
    return node_cluster


def test_both_ends_get_new_certificates_and_no_call_fails(calling) -> None:
    """Server and caller get a new key and certificate at about half of its life, and every call before, between and after succeeds."""
    first = eventually(lambda: next((line for line in _calls(calling) if "server" in line), None), within=60)
    refresh = {item["spec"]["podName"]: item["status"] for item in _requests(calling)}
    deadline = time.monotonic() + _LONGEST
    while (last := _calls(calling)[-1]) and not all(_differs(first, last, end) for end in ("server", "client")):
        assert time.monotonic() < deadline, last
        time.sleep(20)
    time.sleep(30)
    calls = _calls(calling)
    started = next(at for at, line in enumerate(calls) if "server" in line)
    failed = [line for line in calls[started:] if "problem" in line]
    print(json.dumps({"asked": {name: status["beginRefreshAt"] for name, status in refresh.items()}}))
    for end in ("server", "client"):
        changed = next(line for line in calls if "server" in line and _differs(first, line, end))
        print(json.dumps({"end": end, "at": changed["at"], "before": first[end], "after": changed[end]}))
    print(
        json.dumps({"calls": len(calls[started:]), "failed": len(failed), "from": first["at"], "to": calls[-1]["at"]})
    )
    restarts = {
        pod["metadata"]["name"]: pod["status"]["containerStatuses"][0]["restartCount"]
        for pod in json.loads(calling.kubectl("get", "pods", "-n", NAMESPACE, "-o", "json").stdout)["items"]
    }
    assert (failed, restarts) == ([], {"server": 0, "caller": 0})
    assert all(status["notBefore"] < status["beginRefreshAt"] < status["notAfter"] for status in refresh.values())


def _differs(first, line, end: str) -> bool:
    return end in line and line[end]["serial"] != first[end]["serial"]


def _calls(cluster):
    return lines(cluster.kubectl("logs", "-n", NAMESPACE, "caller", "--tail=-1").stdout)


def _requests(cluster):
    return json.loads(cluster.kubectl("get", "podcertificaterequests", "-n", NAMESPACE, "-o", "json").stdout)["items"]


def _apply(cluster, *objects) -> None:
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin="\n---\n".join(map(json.dumps, objects)))

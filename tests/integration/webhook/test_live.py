"""Previews as a person sees them, through a real API server, with no more rights than the chart gives."""

import re
import time

import pytest

from integration.webhook.conftest import SHOP
from waiting import eventually

pytestmark = pytest.mark.api

HTTP = [{"name": "http", "port": 8080}]
FROM_WEB = [{"from": {"service": "web"}}]


@pytest.fixture(autouse=True)
def _clean(live):
    """Leave no policy behind."""
    yield
    live.cluster.kubectl("delete", "ssp", "--all", "-n", SHOP)


def test_a_dry_run_tells_what_opens_and_what_closes(live, policy) -> None:
    """`kubectl apply --dry-run=server` shows edges gained and lost, and changes nothing."""
    web = policy("web", network={"egress": [{"to": {"service": "orders"}}]})
    assert "pending: no ServiceSecurityPolicy webhook-shop/orders exists" in live.apply(web).stderr
    orders = policy("orders", network={"ports": HTTP, "ingress": FROM_WEB})
    said = eventually(lambda: "gained" in (said := live.apply(orders, dry_run=True)).stderr and said, within=5)
    assert said.returncode == 0
    assert "Warning: bartizan: gained: webhook-shop/web -> webhook-shop/orders on 8080/TCP" in said.stderr
    assert live.cluster.kubectl("get", "ssp", "-n", SHOP, "-o", "name").stdout.split() == [
        "servicesecuritypolicy.bartizan.dev/web"
    ]
    assert live.apply(orders).returncode == 0
    closed = policy("orders", network={"ports": HTTP})
    assert (
        "Warning: bartizan: lost: webhook-shop/web -> webhook-shop/orders on 8080/TCP"
        in live.apply(closed, dry_run=True).stderr
    )


def test_running_pods_that_would_be_refused_are_named(live, policy) -> None:
    """A pod that runs under another account than the policy demands is named in the warning."""
    live.cluster.kubectl("create", "serviceaccount", "default", "-n", SHOP, check=False)
    pod = {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "stranger", "namespace": SHOP, "labels": {"app": "orders"}},
        "spec": {"containers": [{"name": "app", "image": "registry.example/app:1"}]},
    }  # fmt: skip
    made = live.apply(pod)
    assert made.returncode == 0, made.stderr
    said = live.apply(policy("orders"), dry_run=True).stderr
    assert 'would be refused: pod stranger: C-06 spec.serviceAccountName is "default"; allowed: "orders"' in said
    live.cluster.kubectl("delete", "pod", "stranger", "-n", SHOP, "--force", "--grace-period=0")


def test_two_policies_for_one_pod_are_refused(live, policy) -> None:
    """The second policy for the same pods is refused with the first one's name, for good and in a dry run."""
    assert live.apply(policy("web")).returncode == 0
    second = policy("web2", workload={"selector": {"matchLabels": {"app": "web"}}})
    for dry_run in (True, False):
        said = live.apply(second, dry_run=dry_run)
        assert said.returncode != 0
        assert "spec.workload.selector can select the same pods as policy web;" in said.stderr


def test_a_new_certificate_is_served_without_a_failure(live, policy) -> None:
    """While the certificate changes five times, every dry run is answered by the webhook."""
    silent = []
    for _ in range(5):
        live.mount.put(*live.authority.leaf(live.cluster.host_ip))
        for _ in range(4):
            said = live.apply(policy("lonely", network={"egress": [{"to": {"service": "nowhere"}}]}), dry_run=True)
            if "nowhere" not in said.stderr:
                silent.append(said.stderr)
            time.sleep(0.1)
    loads = re.search(r"^bartizan_webhook_certificate_loads_total (\S+)$", live.probe("/metrics"), re.MULTILINE)
    assert silent == []
    assert loads
    assert float(loads[1]) >= 4


def test_the_charts_rights_suffice(live) -> None:
    """Nothing the webhook asked of the API server was forbidden."""
    log = live.log.read_text()
    assert "orbidden" not in log
    assert "Traceback" not in log
    assert live.process.poll() is None

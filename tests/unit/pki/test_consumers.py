"""Who takes up a new certificate, by what the cluster shows of policies and pods."""

from datetime import timedelta

import pytest

from bartizan.core.pki.consumers import Consumer, Loads, belongs, certificate_of, consumers_of
from bartizan.testing import a_pod, a_policy
from unit.pki.builders import HOUR, NOW


def stamp(moment):
    """Return a moment as Kubernetes writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


CERTIFICATE = {
    "secretName": "orders-tls",
    "spiffeID": "spiffe://prod.example.com/ns/shop/sa/orders",
    "serial": "1f",
    "authority": "aaaaaaaaaaaaaaaa",
    "notBefore": stamp(NOW - 2 * HOUR),
    "notAfter": stamp(NOW + 22 * HOUR),
    "nextRenewal": stamp(NOW + 10 * HOUR),
}
SEEN = {"total": 1, "serving": 1, "seen": stamp(NOW)}


def condition(kind, status, reason, message="as it is"):
    """Return one condition of a policy's status."""
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": stamp(NOW)}


def a_holder(*conditions, pods=None, edges=(), certificate=CERTIFICATE, mode="Enforce", **spec):
    """Return policy shop/orders with a certificate and what its status says."""
    held = {**certificate, **({"pods": pods} if pods else {})}
    status = {"mode": mode, "certificate": held, "conditions": [*conditions], "edges": [*edges]}
    return {**a_policy(**spec), "status": status}


def a_running_pod(since, **spec):
    """Return a pod of shop/orders whose container runs since then."""
    running = {"containerStatuses": [{"state": {"running": {"startedAt": stamp(since)}}}]}
    return {**a_pod(**spec), "status": {"phase": "Running", **running}}


def only(item, pods=()) -> Consumer:
    """Return the one consumer that a policy is."""
    (found,) = consumers_of([item], "default", pods, NOW)
    return found


SERVED = condition("CertificateServed", "True", "Served")
STALE = condition("CertificateServed", "False", "ServedStale")
OLD_POD, NEW_POD = a_running_pod(NOW - 9 * HOUR), a_running_pod(NOW - HOUR)
SUB_PATH = {"name": "app", "volumeMounts": [{"name": "bartizan-identity", "mountPath": "/tls", "subPath": "tls.crt"}]}


@pytest.mark.parametrize(
    ("item", "pods", "loads"),
    [
        (a_holder(SERVED, pods=SEEN), [OLD_POD], Loads.SEEN),
        (a_holder(SERVED, pods=SEEN), [NEW_POD], Loads.UNKNOWN),
        (a_holder(SERVED, pods=SEEN), None, Loads.UNKNOWN),
        (a_holder(), [OLD_POD], Loads.UNKNOWN),
        (a_holder(STALE, pods=SEEN), [OLD_POD], Loads.NEVER),
        (a_holder(STALE, pods=SEEN, mtls={"onRotation": {"fallback": "Restart"}}), [OLD_POD], Loads.RESTARTED),
        (a_holder(SERVED, pods=SEEN, mtls={"onRotation": {"fallback": "Restart"}}), [NEW_POD], Loads.RESTARTED),
        (a_holder(mtls={"onRotation": {"fallback": "Restart"}}), [NEW_POD], Loads.UNKNOWN),
        (a_holder(mtls={"onRotation": {"strategy": "Restart"}}), None, Loads.RESTARTED),
        (a_holder(mtls={"onRotation": {"strategy": "None"}}), [NEW_POD], Loads.UNKNOWN),
        (a_holder(SERVED, pods=SEEN), [a_running_pod(NOW - 9 * HOUR, containers=[SUB_PATH])], Loads.NEVER),
    ],
    ids=[
        "serves a certificate that is younger than its pod",
        "serves the one it began with",
        "its pods cannot be read",
        "nobody asks what it serves",
        "seen to go on with an older one",
        "the same, and evicted for it",
        "would be evicted for it",
        "would be evicted if a probe reached it",
        "is always restarted",
        "promises nothing",
        "reads it by subPath, whatever was seen",
    ],
)
def test_who_loads_what_is_new(item, pods, loads):
    """Only what was seen, or what bartizan does itself, counts as known."""
    assert only(item, pods).loads is loads


def test_pods_that_cannot_see_a_change_are_named():
    """The pods, not only the policy, so that somebody can look at them."""
    frozen = a_running_pod(NOW - HOUR, name="orders-7", containers=[SUB_PATH])
    assert only(a_holder(), [frozen, OLD_POD]).pods == ("orders-7",)


def test_edges_that_are_open_are_calls():
    """Only calls to other policies, only where something is written; peers that are no policies are not judged."""
    edges = [
        {"to": "shop/stock", "state": "Applied"},
        {"to": "finance/payments", "state": "Enforced"},
        {"to": "shop/later", "state": "PendingConsent"},
        {"to": "cidr/203.0.113.0/24", "state": "Applied"},
        {"from": "shop/web", "state": "Applied"},
        {"to": 7},
    ]
    assert only(a_holder(edges=edges)).calls == {("shop", "stock"), ("finance", "payments")}


def test_a_secret_that_is_not_kept_holds_it_up():
    """In the words of the condition, which names who keeps changing it."""
    contested = condition("CertificateReady", "False", "SecretContested", "helm keeps changing it")
    assert only(a_holder(contested)).held_up == "helm keeps changing it"
    assert only(a_holder(condition("CertificateReady", "False", "Pending"))).held_up == ""


def test_certificates_of_pods_have_the_worst_age_there_is():
    """Nobody tells how old they are, so they are taken to be just issued; probes are not asked about a Secret's."""
    own = {
        "delivery": "PodCertificate",
        "keyExposure": "none",
        "spiffeID": "spiffe://prod.example.com/ns/shop/sa/orders",
        "authority": "aaaaaaaaaaaaaaaa",
        "pods": {"total": 2, "onCurrentAuthority": 1},
    }
    found = only(a_holder(certificate=own, mtls={"lifetime": "6h"}))
    assert (found.on_node, found.not_after, found.renewal) == (True, NOW + 6 * HOUR, NOW + 3 * HOUR)
    assert found.probed is False


def test_who_is_left_out():
    """Policies of other trust domains, without a certificate, not governed, or that cannot be read."""
    items = [
        a_holder(identity={"trustDomain": "other"}),
        a_policy(),
        a_holder(mode="NotGoverned"),
        a_holder(certificate={"secretName": 7}),
        {**a_holder(), "spec": {"workload": 7}},
    ]
    assert consumers_of(items, "default", (), NOW) == ()
    assert [belongs(item, "default") for item in items] == [False, True, True, True, False]


def test_a_status_of_a_later_version_is_read():
    """Fields that are not known yet are passed over."""
    item = a_holder(certificate={**CERTIFICATE, "fromTheFuture": 1})
    assert certificate_of(item).not_after == NOW + timedelta(hours=22)

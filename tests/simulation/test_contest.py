"""A certificate Secret that somebody else keeps writing: few writes, a named culprit, and an end when the other one stops."""

import asyncio
from datetime import timedelta

import pytest

from bartizan.api.kinds import POLICY, SECRET
from bartizan.core.model import ObjectRef
from bartizan.core.pki.contest import FREE_REPAIRS
from bartizan.core.pki.secret import read_certificate
from bartizan.testing import a_namespace, a_policy

OTHER = "cert-manager-certificates-issuing"


def at(kind, name):
    """Return where an object of the namespace is."""
    return ObjectRef(api_version=kind.api_version, kind=kind.kind, namespace="shop", name=name)


def ready(cluster, name="orders"):
    """Return the condition CertificateReady."""
    conditions = cluster.kube.peek(at(POLICY, name))["status"]["conditions"]
    return next(one for one in conditions if one["type"] == "CertificateReady")


def spoil(cluster, **data):
    """Write into the Secret as the other controller does, if it is there."""
    item = cluster.kube.peek(at(SECRET, "orders-tls"))
    if item:
        cluster.kube.put(
            {**item, "data": {**item["data"], **(data or {"tls.crt": "YQ==", "tls.key": "YQ=="})}}, manager=OTHER
        )


async def fight(cluster, seconds, blow=spoil, every=0.25):
    """Have the other one write at intervals; return what was written meanwhile: of the Secret, of the status."""
    cluster.said()
    for _ in range(int(seconds / every)):
        blow(cluster)
        await cluster.clock.advance(timedelta(seconds=every))
    kinds = [kind for _, kind, _, _ in cluster.said()]
    return kinds.count("Secret"), kinds.count(POLICY.kind)


async def test_a_writer_that_never_rests_does_not_make_a_flood(rig):
    """An hour of writes against the Secret is answered by at most sixteen of ours and two of the status: new serial, contest."""
    async with rig(a_namespace(), a_policy()) as cluster:
        secrets, statuses = await fight(cluster, 3600, every=2)
        assert (secrets <= 16, statuses) == (True, 2), (secrets, statuses)
        told = ready(cluster)
        assert (told["status"], told["reason"]) == ("False", "SecretContested")
        assert told["message"] == (
            f"Secret shop/orders-tls is changed again and again by {OTHER}: it is put right less and less often, at least "
            "every 10m, and may hold no valid certificate in between; have that writer keep its hands off it, or give "
            "another name in spec.mtls.secret.name"
        )
        assert [one.reason for one in cluster.recorded.events].count("SecretContested") == 1
        calls = [call.verb for call in cluster.kube.calls if call.kind == SECRET and call.namespace == "shop"]
        assert calls.count("get") + calls.count("apply") < 20


async def test_what_is_put_back_is_one_certificate(rig):
    """Rounds of a fight don't spend keys: after the first repair the same certificate and key are put back each time."""
    async with rig(a_namespace(), a_policy()) as cluster:
        seen = []
        for _ in range(4):
            spoil(cluster)
            await cluster.settle(1)
            seen.append(read_certificate(cluster.kube.peek(at(SECRET, "orders-tls"))).serial)
        assert len(set(seen)) == 1


async def test_it_ends_when_the_other_one_stops(rig):
    """Within the longest pause the Secret is right again; ten quiet minutes later the condition is, and repairs are quick."""
    async with rig(a_namespace(), a_policy()) as cluster:
        await fight(cluster, 600, every=1)
        await cluster.settle(601)
        assert read_certificate(cluster.kube.peek(at(SECRET, "orders-tls"))) is not None
        assert ready(cluster)["reason"] == "SecretContested"
        await cluster.settle(602)
        assert (ready(cluster)["status"], ready(cluster)["reason"]) == ("True", "Issued")
        spoil(cluster)
        await cluster.settle(1)
        assert read_certificate(cluster.kube.peek(at(SECRET, "orders-tls"))) is not None
        assert ready(cluster)["reason"] == "Issued"


async def test_a_hand_that_errs_a_few_times_is_no_contest(rig):
    """Five edits within ten minutes are each put right at once, and nothing is said of them."""
    async with rig(a_namespace(), a_policy()) as cluster:
        cluster.said()
        for _ in range(5):
            spoil(cluster)
            await cluster.settle(1)
            assert read_certificate(cluster.kube.peek(at(SECRET, "orders-tls"))) is not None
        assert [kind for _, kind, _, _ in cluster.said()].count(POLICY.kind) == 1, "the one new certificate"
        assert ready(cluster)["reason"] == "Issued"


def delete(cluster):
    """Delete the Secret, if it is there."""
    if cluster.kube.peek(at(SECRET, "orders-tls")):
        cluster.kube.remove(at(SECRET, "orders-tls"))


async def test_each_deletion_brings_another_key(rig):
    """Who deletes a Secret gets another key each time, also right after an edit that was answered with the same one."""
    async with rig(a_namespace(), a_policy()) as cluster:
        keys = [cluster.kube.peek(at(SECRET, "orders-tls"))["data"]["tls.key"]]
        for blow in (delete, delete, spoil, delete, delete):
            blow(cluster)
            await cluster.settle(1)
            keys.append(cluster.kube.peek(at(SECRET, "orders-tls"))["data"]["tls.key"])
        assert (keys.index(keys[3]), len(set(keys))) == (2, 5)
        assert ready(cluster)["reason"] == "Issued"


def relabel(cluster):
    """Take our label away, as a tool does that owns all labels."""
    item = cluster.kube.peek(at(SECRET, "orders-tls"))
    item["metadata"]["labels"] = {"app.kubernetes.io/managed-by": "Helm"}
    cluster.kube.put(item, manager="helm")


def add(cluster):
    """Add an entry, as a tool does that keeps its own format beside ours."""
    spoil(cluster, **{"keystore.jks": "YQ=="})


FIGHTS = [
    pytest.param(delete, "whoever deletes it", 1 + FREE_REPAIRS, id="a cleaner deletes it"),
    pytest.param(relabel, "helm", 2, id="a tool owns its labels"),
    pytest.param(add, OTHER, 2, id="a tool adds its own entry"),
]


@pytest.mark.parametrize(("blow", "who", "news"), FIGHTS)
async def test_every_way_of_contesting_is_bounded_and_named(rig, blow, who, news):
    """Deletion, labels and further entries count like overwriting; the status goes on telling the certificate last issued.

    Only deletion is answered with new certificates, which the status tells, as long as repairs are made at once.
    """
    async with rig(a_namespace(), a_policy()) as cluster:
        secrets, statuses = await fight(cluster, 1200, blow, every=1)
        assert secrets <= 24, secrets
        assert statuses <= news, statuses
        told = ready(cluster)
        assert (told["reason"], f"again and again by {who}:" in told["message"]) == ("SecretContested", True), told
        serial = cluster.kube.peek(at(POLICY, "orders"))["status"]["certificate"]["serial"]
        await cluster.settle(601)
        assert read_certificate(cluster.kube.peek(at(SECRET, "orders-tls"))).serial == serial


async def test_other_policies_are_not_held_up(rig):
    """While one Secret is contested, another one that is deleted comes back within a second."""
    async with rig(a_namespace(), a_policy(), a_policy("web")) as cluster:
        await fight(cluster, 60, every=1)
        cluster.kube.remove(at(SECRET, "web-tls"))
        await fight(cluster, 1)
        assert read_certificate(cluster.kube.peek(at(SECRET, "web-tls"))) is not None
        assert ready(cluster, "web")["reason"] == "Issued"


async def test_a_label_of_somebody_else_is_no_contest(rig):
    """What others add beside ours, such as labels and annotations of their own, leads to no write at all."""

    def annotate(cluster):
        item = cluster.kube.peek(at(SECRET, "orders-tls"))
        item["metadata"]["annotations"]["example.com/seen"] = str(cluster.clock.monotonic())
        cluster.kube.put(item, manager="watcher")

    async with rig(a_namespace(), a_policy()) as cluster:
        assert await fight(cluster, 60, annotate) == (0, 0)
        assert ready(cluster)["reason"] == "Issued"


async def test_two_controllers_with_the_same_name_do_not_fight(rig):
    """A second replica that believes it leads finds the Secret as it should be: the first one's certificate stays."""
    async with rig(a_namespace(), a_policy()) as cluster:
        before = cluster.kube.peek(at(SECRET, "orders-tls"))
        cluster.leadership.take()
        await cluster.settle(1)
        cluster.leadership.give()
        await asyncio.sleep(0)
        await cluster.settle(5)
        assert cluster.kube.peek(at(SECRET, "orders-tls")) == before

"""Faults around certificates: whatever breaks, what was issued stays, the condition says what is wrong, and it ends well."""

import base64
from datetime import timedelta

import pytest

from bartizan.api.kinds import CONFIG_MAP, POLICY, SECRET, TRUST_DOMAIN
from bartizan.core.model import ObjectRef
from bartizan.core.pki.ledger import read_segment
from bartizan.core.pki.secret import read_certificate
from bartizan.kube.errors import TooManyRequestsError
from bartizan.testing import a_namespace, a_policy

RELEASE = "bartizan-system"
ROOT = "bartizan-authority-default-root-1"
ISSUING = "bartizan-authority-default-issuing-1"
NAMES = [f"svc-{number:02d}" for number in range(20)]


def at(kind, name, namespace="shop"):
    """Return where an object is."""
    place = namespace if kind.namespaced else ""
    return ObjectRef(api_version=kind.api_version, kind=kind.kind, namespace=place, name=name)


def authority(name):
    """Return where the Secret of an authority is."""
    return at(SECRET, name, RELEASE)


def leaf(cluster, name="orders"):
    """Return the certificate in a policy's Secret; None where there is none that can be read."""
    item = cluster.kube.peek(at(SECRET, f"{name}-tls"))
    return read_certificate(item) if item else None


def said(cluster, kind=POLICY, name="orders", about="CertificateReady"):
    """Return status and reason of a condition."""
    conditions = (cluster.kube.peek(at(kind, name)).get("status") or {}).get("conditions", [])
    return next(((one["status"], one["reason"]) for one in conditions if one["type"] == about), None)


def domain(cluster):
    """Return status and reason of the TrustDomain's readiness."""
    return said(cluster, TRUST_DOMAIN, "default", "Ready")


def written_down(cluster):
    """Return the serials in the ledger."""
    segments = filter(None, map(read_segment, cluster.kube.objects(CONFIG_MAP, RELEASE)))
    return {row.serial for segment in segments for row in segment.rows}


async def test_a_clock_that_is_ten_minutes_fast_or_slow_leaves_valid_certificates(rig):
    """Ten minutes forward change nothing; twenty back make a certificate of the future, which is replaced; forward again nothing."""
    async with rig(a_namespace(), a_policy()) as cluster:
        first = leaf(cluster)
        cluster.said()
        cluster.clock.shift(timedelta(minutes=10))
        await cluster.settle(61)
        assert (leaf(cluster), cluster.said()) == (first, [])
        cluster.kube.put(a_policy("web"))
        await cluster.settle()
        cluster.clock.shift(timedelta(minutes=-20))
        for key in cluster.controller.world.all_keys():
            cluster.controller.queue.add(key)
        await cluster.settle()
        for name in ("orders", "web"):
            now = cluster.clock.now()
            assert leaf(cluster, name).not_before <= now <= leaf(cluster, name).not_after
            assert said(cluster, name=name) == ("True", "Issued")
        assert domain(cluster) == ("True", "Applied")
        cluster.clock.shift(timedelta(minutes=10))
        cluster.said()
        await cluster.settle(61)
        assert cluster.said() == []


async def test_a_storm_of_429_delays_and_loses_nothing(rig):
    """While the API server refuses all writes for five seconds, each is tried again as late as it wishes, and all ends well."""
    storm = TooManyRequestsError("apply: 429 Too Many Requests", retry_after=timedelta(seconds=2))
    async with rig(a_namespace()) as cluster:
        ends = cluster.clock.now() + timedelta(seconds=5)
        cluster.kube.fail_next(
            storm,
            matching=lambda call: call.verb in {"apply", "apply-status", "create"} and cluster.clock.now() < ends,
            times=10_000,
        )
        cluster.kube.calls.clear()
        for name in NAMES:
            cluster.kube.put(a_policy(name))
        await cluster.settle(5)
        tried = [call for call in cluster.kube.calls if call.verb in {"apply", "apply-status", "create"}]
        assert len(tried) <= 4 * (len(NAMES) + 2), len(tried)
        await cluster.settle(10)
        assert {said(cluster, name=name) for name in NAMES} == {("True", "Issued")}
        assert {said(cluster, name=name, about="Ready") for name in NAMES} == {("True", "Applied")}
        assert {leaf(cluster, name).serial for name in NAMES} <= written_down(cluster)


async def test_a_lease_lost_in_the_middle_of_a_wave_loses_nothing(rig):
    """Nothing is written from the moment the Lease is gone; the next leader goes on, and signs again only for those without."""
    async with rig(a_namespace(), *(a_policy(name) for name in NAMES), issuance_rate=4) as cluster:
        before = {name: leaf(cluster, name).serial for name in NAMES if leaf(cluster, name)}
        assert 0 < len(before) < len(NAMES)
        cluster.leadership.take()
        cluster.said()
        await cluster.settle(5)
        assert cluster.said() == []
        cluster.leadership.give()
        await cluster.settle(10)
        after = {name: leaf(cluster, name).serial for name in NAMES}
        assert {name: after[name] for name in before} == before
        assert {said(cluster, name=name) for name in NAMES} == {("True", "Issued")}
        assert set(after.values()) <= written_down(cluster)


@pytest.mark.parametrize("name", [ROOT, ISSUING], ids=["root", "issuing authority"])
async def test_a_deleted_authority_is_told_and_not_replaced_and_a_backup_mends_it(rig, name):
    """CAKeyLost, the certificates stay to the byte, no key is made in its place; restored, all is as before."""
    async with rig(a_namespace(), a_policy()) as cluster:
        backup, certificate = cluster.kube.peek(authority(name)), cluster.kube.peek(at(SECRET, "orders-tls"))
        cluster.kube.remove(authority(name))
        await cluster.settle(65)
        assert domain(cluster) == ("False", "CAKeyLost")
        assert cluster.kube.peek(at(SECRET, "orders-tls")) == certificate
        made = [item["metadata"]["name"] for item in cluster.kube.objects(SECRET, RELEASE)]
        assert [one for one in made if one.startswith("bartizan-authority")] == sorted({ROOT, ISSUING} - {name})
        meta = {
            key: value
            for key, value in backup["metadata"].items()
            if key in {"name", "namespace", "labels", "annotations"}
        }
        cluster.kube.put({**backup, "metadata": meta})
        await cluster.settle(65)
        assert domain(cluster) == ("True", "Applied")
        assert said(cluster) == ("True", "Issued")
        assert cluster.kube.peek(at(SECRET, "orders-tls"))["data"] == certificate["data"]


async def test_renewal_goes_on_while_the_root_is_lost(rig):
    """Without the root's key certificates are renewed at half of their life under the issuing authority that is left."""
    async with rig(a_namespace(), a_policy()) as cluster:
        first = leaf(cluster)
        cluster.kube.remove(authority(ROOT))
        await cluster.clock.advance(timedelta(hours=14))
        await cluster.settle()
        assert leaf(cluster).serial != first.serial
        assert (domain(cluster), said(cluster)) == (("False", "CAKeyLost"), ("True", "Issued"))


def _half(text):
    return base64.b64encode(base64.b64decode(text)[:200]).decode()


SPOILT = {
    "a truncated certificate": lambda data, _: {"tls.crt": _half(data["tls.crt"])},
    "a truncated key": lambda data, _: {"tls.key": _half(data["tls.key"])},
    "the key of another": lambda _, other: {"tls.key": other["tls.key"]},
    "another certificate": lambda _, other: {"tls.crt": other["tls.crt"]},
    "certificate and key of another": lambda _, other: {"tls.crt": other["tls.crt"], "tls.key": other["tls.key"]},
    "not base64": lambda *_: {"tls.crt": "ä§", "tls.key": "%%%"},
    "nothing": lambda *_: {"tls.crt": "", "tls.key": ""},
    "a megabyte": lambda *_: {
        "tls.crt": base64.b64encode(b"-----BEGIN CERTIFICATE-----\n" + b"A" * 1_000_000).decode()
    },
    "its certificate ten thousand times": lambda data, _: {
        "tls.crt": base64.b64encode(base64.b64decode(data["tls.crt"]) * 600).decode()
    },
}


@pytest.mark.parametrize("how", SPOILT)
async def test_a_corrupted_certificate_is_issued_anew(rig, how):
    """Whatever somebody writes into the Secret, a good certificate of this policy is in it again at once, and the other's stays."""
    async with rig(a_namespace(), a_policy(), a_policy("web")) as cluster:
        item, other = (cluster.kube.peek(at(SECRET, f"{name}-tls")) for name in ("orders", "web"))
        cluster.kube.put({**item, "data": {**item["data"], **SPOILT[how](item["data"], other["data"])}}, manager="hand")
        await cluster.settle()
        found = leaf(cluster)
        assert (found.uris, found.key_fits, len(found.chain)) == (("spiffe://test.example/ns/shop/sa/orders",), True, 1)
        assert said(cluster) == ("True", "Issued")
        assert cluster.kube.peek(at(SECRET, "web-tls")) == other
        assert found.serial in written_down(cluster)


@pytest.mark.parametrize("name", [ROOT, ISSUING], ids=["root", "issuing authority"])
@pytest.mark.parametrize("how", SPOILT)
async def test_a_corrupted_authority_is_told_and_never_replaced(rig, how, name):
    """What is wrong with an authority's Secret is CAKeyLost; certificates stay, and the true Secret mends it."""
    async with rig(a_namespace(), a_policy()) as cluster:
        item, certificate = cluster.kube.peek(authority(name)), cluster.kube.peek(at(SECRET, "orders-tls"))
        other = cluster.kube.peek(authority(ROOT if name == ISSUING else ISSUING))
        cluster.kube.put({**item, "data": {**item["data"], **SPOILT[how](item["data"], other["data"])}}, manager="hand")
        await cluster.settle(65)
        assert domain(cluster) == ("False", "CAKeyLost")
        assert cluster.kube.peek(at(SECRET, "orders-tls")) == certificate
        names = {one["metadata"]["name"] for one in cluster.kube.objects(SECRET, RELEASE)}
        assert {one for one in names if one.startswith("bartizan-authority")} == {ROOT, ISSUING}
        cluster.kube.put(item)
        await cluster.settle(65)
        assert (domain(cluster), said(cluster)) == (("True", "Applied"), ("True", "Issued"))
        assert cluster.kube.peek(at(SECRET, "orders-tls"))["data"] == certificate["data"]

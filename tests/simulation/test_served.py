"""From a new certificate to pods that serve it: seen, said, evicted one at a time, and seen again."""

import base64
from datetime import timedelta

import pytest
from cryptography import x509

from bartizan.api.kinds import NETWORK_POLICY, POD, POLICY, SECRET
from bartizan.core.model import ObjectRef
from bartizan.core.reasons import ConditionType
from bartizan.core.served.leaf import leaf_of
from bartizan.kube.errors import Cause, TooManyRequestsError
from bartizan.testing import a_namespace, a_pod, a_policy

PORTS = {"ports": [{"name": "https", "port": 8443}]}
WEB = a_policy("web", network={"egress": [{"to": {"service": "orders"}}]})
RULE = {"fallback": "Restart", "confirm": {"port": "https", "within": "2m"}}


def orders(**rule):
    """The called policy with a rule for rotations."""
    network = {**PORTS, "ingress": [{"from": {"service": "web"}}]}
    return a_policy("orders", network=network, mtls={"onRotation": rule or RULE})


def at(kind, name):
    """Return where an object of shop is."""
    return ObjectRef(api_version=kind.api_version, kind=kind.kind, namespace="shop", name=name)


class Pods:
    """A workload of two that loads its certificate when it starts and never again."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.loaded = {}

    def start(self, name, *, ready=True):
        """Make a pod that serves what its Secret holds now."""
        owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "orders", "uid": "rs", "controller": True}
        pod = a_pod(name)
        pod["metadata"]["ownerReferences"] = [owner]
        self.loaded[name] = self.secret()
        self.cluster.kube.put(self.stated(pod, ready=ready))

    def stated(self, pod, *, ready):
        """The pod with a status."""
        began = self.cluster.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        status = {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "containerStatuses": [{"state": {"running": {"startedAt": began}}}],
        }
        return {**pod, "status": status}

    def become_ready(self, name):
        """The kubelet says that it is ready."""
        self.cluster.kube.put(self.stated(self.cluster.kube.peek(at(POD, name)), ready=True))

    def secret(self):
        """The certificate in the Secret."""
        secret = self.cluster.kube.peek(at(SECRET, "orders-tls"))
        return x509.load_pem_x509_certificates(base64.b64decode(secret["data"]["tls.crt"]))[0]

    @property
    def names(self):
        """The pods there are."""
        return [pod["metadata"]["name"] for pod in self.cluster.kube.objects(POD, "shop")]

    async def probe(self):
        """Report what a probe of web sees."""
        held = self.cluster.kube.peek(at(NETWORK_POLICY, "ssp-web"))
        now = self.cluster.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        served = []
        for name in self.names:
            leaf = leaf_of(self.loaded[name])
            served.append(
                {
                    "of": "shop/orders", "pod": name, "uid": self.cluster.kube.peek(at(POD, name))["metadata"]["uid"],
                    "port": "8443/TCP", "at": now, "seen": "Certificate", "fingerprint": leaf.fingerprint,
                    "authority": leaf.authority, "serial": leaf.serial, "notAfter": leaf.not_after.isoformat(),
                }
            )  # fmt: skip
        report = {"network": held["metadata"]["annotations"]["bartizan.dev/desired-hash"], "at": now, "served": served}
        meta = {"name": "web", "namespace": "shop"}
        item = {"apiVersion": POLICY.api_version, "kind": POLICY.kind, "metadata": meta, "status": {"probes": report}}
        await self.cluster.kube.apply(item, manager="bartizan/probes", force=True, status=True)
        await self.cluster.settle()

    async def rotate(self):
        """Somebody deletes the Secret, and a new certificate is issued at once."""
        await self.cluster.clock.advance(timedelta(minutes=5))
        before = self.secret()
        self.cluster.kube.remove(at(SECRET, "orders-tls"))
        await self.cluster.settle()
        assert self.secret() != before


def said(cluster):
    """Reason and message of CertificateServed, and Ready."""
    status = cluster.kube.peek(at(POLICY, "orders"))["status"]
    found = {one["type"]: one for one in status["conditions"]}
    served = found[ConditionType.CERTIFICATE_SERVED]
    return served["reason"], served["message"], found["Ready"]["status"]


def evicted(cluster):
    """Pods that were evicted, in order."""
    return [write.ref.name for write in cluster.kube.writes if write.verb == "evict"]


@pytest.fixture
def two(rig):
    """A cluster with both policies and two pods that serve the first certificate."""

    async def go(policy, then):
        async with rig(a_namespace(), WEB, policy, prober="bartizan-prober") as cluster:
            pods = Pods(cluster)
            pods.start("orders-1")
            pods.start("orders-2")
            await cluster.settle()
            await pods.probe()
            assert said(cluster)[0] == "Served"
            await then(cluster, pods)

    return go


async def test_pods_that_do_not_reload_are_replaced_one_at_a_time(two):
    """Not before their time is over, the next one only when the successor is ready, and then everything is served."""

    async def then(cluster, pods):
        await pods.rotate()
        await pods.probe()
        assert said(cluster)[0] == "NotConfirmed"
        await cluster.clock.advance(timedelta(minutes=2))
        await cluster.settle()
        assert (said(cluster)[0], evicted(cluster)) == ("NotConfirmed", [])
        await pods.probe()
        assert (evicted(cluster), pods.names) == (["orders-1"], ["orders-2"])
        assert said(cluster)[0::2] == ("ServedStale", "False")
        await cluster.settle(12)
        assert evicted(cluster) == ["orders-1"]
        pods.start("orders-3", ready=False)
        await cluster.settle(12)
        assert evicted(cluster) == ["orders-1"]
        pods.become_ready("orders-3")
        await cluster.settle(12)
        assert (evicted(cluster), pods.names) == (["orders-1", "orders-2"], ["orders-3"])
        pods.start("orders-4")
        await pods.probe()
        await cluster.settle(12)
        assert (said(cluster)[0], evicted(cluster)) == ("Served", ["orders-1", "orders-2"])
        certificate = cluster.kube.peek(at(POLICY, "orders"))["status"]["certificate"]
        counts = {key: certificate["pods"][key] for key in ("total", "onCurrentAuthority", "serving", "stale")}
        assert counts == {"total": 2, "onCurrentAuthority": 2, "serving": 2, "stale": 0}

    await two(orders(), then)


async def test_an_authority_is_in_use_as_long_as_it_is_seen(two):
    """The last moment at which a certificate of each authority was seen served, by the name that certificates use for it."""

    async def then(cluster, pods):
        await cluster.clock.advance(timedelta(minutes=5))
        moment = cluster.clock.now()
        await pods.probe()
        assert cluster.controller.world.probed.authorities() == {leaf_of(pods.secret()).authority: moment}

    await two(orders(), then)


async def test_a_secret_that_is_put_right_says_nothing_about_what_is_served(two):
    """Where only the bundle is written anew, as in every rotation of a root, the condition stays as it is."""

    async def then(cluster, pods):
        def served():
            conditions = cluster.kube.peek(at(POLICY, "orders"))["status"]["conditions"]
            return next(one for one in conditions if one["type"] == ConditionType.CERTIFICATE_SERVED)

        before = served()
        await cluster.clock.advance(timedelta(minutes=5))
        secret = cluster.kube.peek(at(SECRET, "orders-tls"))
        cluster.kube.put({**secret, "data": {**secret["data"], "ca.crt": "eA=="}})
        await cluster.settle()
        assert cluster.kube.peek(at(SECRET, "orders-tls"))["data"] == secret["data"]
        assert served() == before

    await two(orders(), then)


async def test_a_disruption_budget_is_waited_for_and_told(two):
    """While the API server says no, the condition says so, nothing else goes, and the same pod is asked for again."""
    refusal = TooManyRequestsError("no", causes=(Cause("DisruptionBudget", "", "needs 2"),))

    async def then(cluster, pods):
        await pods.rotate()
        await cluster.clock.advance(timedelta(minutes=3))
        cluster.kube.fail_next(refusal, matching=lambda call: call.verb == "evict", times=2)
        await pods.probe()
        await cluster.settle(4)
        assert (
            "pod orders-1 is to be evicted and may not leave yet: its PodDisruptionBudget allows no" in said(cluster)[1]
        )
        assert evicted(cluster) == []
        await cluster.settle(16)
        assert evicted(cluster) == ["orders-1"]

    await two(orders(), then)


async def test_nothing_is_evicted_unless_the_policy_asks_for_it(two):
    """By default a stale certificate is told and nobody is touched."""

    async def then(cluster, pods):
        await pods.rotate()
        await cluster.clock.advance(timedelta(minutes=3))
        await pods.probe()
        await cluster.settle(12)
        assert (said(cluster)[0], evicted(cluster)) == ("ServedStale", [])

    await two(orders(confirm={"port": "https", "within": "2m"}), then)


async def test_strategy_restart_replaces_at_every_rotation(two):
    """Without waiting to be seen, each pod once, and only after the new certificate is in the Secret."""

    async def then(cluster, pods):
        await pods.rotate()
        writes = [(write.verb, write.ref.kind) for write in cluster.kube.writes]
        assert evicted(cluster) == ["orders-1"]
        assert writes.index(("evict", "Pod")) > max(n for n, w in enumerate(writes) if w == ("apply", "Secret"))
        pods.start("orders-3")
        await cluster.settle(12)
        pods.start("orders-4")
        await cluster.settle(30)
        assert (evicted(cluster), pods.names) == (["orders-1", "orders-2"], ["orders-3", "orders-4"])

    await two(orders(strategy="Restart"), then)


async def test_a_new_leader_goes_on_where_the_last_one_stopped(two):
    """Which pod was chosen stands in the status: a change of leader in the middle does not let a second one go."""

    async def then(cluster, pods):
        await pods.rotate()
        await cluster.clock.advance(timedelta(minutes=3))
        await pods.probe()
        assert evicted(cluster) == ["orders-1"]
        cluster.leadership.take()
        await cluster.settle()
        cluster.leadership.give()
        await cluster.settle(12)
        assert evicted(cluster) == ["orders-1"]
        assert "waits for the successor of pod orders-1" in said(cluster)[1]

    await two(orders(), then)


async def test_who_does_not_lead_evicts_nobody(two):
    """A replica without the Lease looks on."""

    async def then(cluster, pods):
        await pods.rotate()
        cluster.leadership.take()
        await cluster.clock.advance(timedelta(minutes=3))
        await pods.probe()
        await cluster.settle(12)
        assert evicted(cluster) == []

    await two(orders(), then)


async def test_the_prober_s_word_is_worth_one_restart(two):
    """Whoever forges reports makes each pod go once at most, and only where the policy asks for restarts."""

    async def then(cluster, pods):
        old = dict(pods.loaded)
        await pods.rotate()
        await cluster.clock.advance(timedelta(minutes=3))
        await pods.probe()
        for number in range(3, 9):
            pods.start(f"orders-{number}")
            pods.loaded[f"orders-{number}"] = old["orders-1"]
            await cluster.clock.advance(timedelta(minutes=1))
            await pods.probe()
            await cluster.settle(12)
        assert evicted(cluster) == ["orders-1", "orders-2"]

    await two(orders(), then)

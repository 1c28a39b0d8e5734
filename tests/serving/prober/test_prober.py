"""The prober over the API server in memory, with a kubelet that answers for its pods."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from bartizan.api.kinds import NETWORK_POLICY, POD, POLICY
from bartizan.api.names import KubeObject
from bartizan.core.model import ObjectRef
from bartizan.core.namespace import ServiceAccountRef, probes_binding
from bartizan.core.network.compile import compile_network
from bartizan.core.network.probe_wire import Answer, answer, read_orders
from bartizan.core.served.leaf import ServedLeaf
from bartizan.core.served.wire import Shown
from bartizan.core.views import read_policy
from bartizan.kube.errors import ForbiddenError
from bartizan.prober.connect import Patience
from bartizan.prober.service import Prober
from bartizan.prober.settings import ProberSettings
from bartizan.testing import FakeKube, a_namespace, a_pod, a_policy, a_snapshot

QUICK = Patience(connection=timedelta(seconds=0.2), settling=timedelta(seconds=0.2), pause=timedelta(seconds=0.05))
SETTINGS = ProberSettings(namespace="bartizan-system", image="bartizan:1", address="127.0.0.1", port=9097)
HTTP = {"ports": [{"name": "http", "port": 9}]}
WEB = a_policy("web", network={"egress": [{"to": {"service": "orders"}}]})
ORDERS = a_policy("orders", network={**HTTP, "ingress": [{"from": {"service": "web"}}]})
ACCESS = probes_binding("shop", ServiceAccountRef(namespace="bartizan-system", name="bartizan-prober"))
RUNNING = {
    **a_pod("orders-0"),
    "status": {"phase": "Running", "podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
}


def in_force(*policies: KubeObject) -> list[KubeObject]:
    """The NetworkPolicies that the controller would have written."""
    views = [read_policy(item) for item in policies]
    return [compile_network(view, a_snapshot(*views)).network_policy for view in views]


class Kubelet:
    """Ends each probe pod with what `says` returns for it, and keeps what it saw."""

    def __init__(self, kube: FakeKube, says: Callable[[KubeObject], KubeObject]) -> None:
        self.kube = kube
        self.says = says
        self.seen: dict[str, KubeObject] = {}

    async def run(self) -> None:
        """Answer until cancelled."""
        while True:
            for pod in self.kube.objects(POD):
                if pod["metadata"]["name"].startswith("bartizan-probe-") and pod["metadata"]["name"] not in self.seen:
                    self.seen[pod["metadata"]["name"]] = pod
                    self.kube.put({**pod, "status": self.says(pod)})
            await asyncio.sleep(0.02)


def ended(pod: KubeObject, *, closed: str = "timeout", opened: str = "open", shown: Shown = "plain") -> KubeObject:
    """A probe pod's end: what is awaited comes out as `opened`, the rest as `closed`, and ports show `shown`."""
    targets = read_orders(pod["spec"]["containers"][0]["env"][0]["value"])
    outcomes = tuple(opened if one.awaited else closed for one in targets if not one.tls)
    words = answer(Answer(alive=True, outcomes=outcomes, served=tuple(shown for one in targets if one.tls)))
    return {"phase": "Succeeded", "containerStatuses": [{"state": {"terminated": {"message": words}}}]}


def succeeded(pod: KubeObject) -> KubeObject:
    """A network that obeys: what is awaited opens, the rest is silent."""
    return ended(pod)


@asynccontextmanager
async def probing(
    *items: KubeObject, says: Callable[[KubeObject], KubeObject] = succeeded
) -> AsyncIterator[tuple[FakeKube, Kubelet, Prober]]:
    """A prober that has listed everything; rounds are the test's."""
    kube = FakeKube(a_namespace(), WEB, ORDERS, ACCESS, *items)
    kubelet, prober = Kubelet(kube, says), Prober(kube, SETTINGS, patience=QUICK)
    tasks = [asyncio.create_task(kubelet.run()), asyncio.create_task(prober._terrain.run())]
    try:
        while not prober.synced:  # noqa: ASYNC110 -- it is told by a property only
            await asyncio.sleep(0.01)
        yield kube, kubelet, prober
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def report(kube: FakeKube, name: str) -> KubeObject:
    """What is said of a policy's probes."""
    ref = ObjectRef(api_version=POLICY.api_version, kind=POLICY.kind, namespace="shop", name=name)
    return kube.peek(ref).get("status", {}).get("probes", {})


async def test_each_policy_is_probed_once_and_its_pod_taken_away():
    """One pod per policy, reported under the hash in force, deleted after; nothing more is due then."""
    policies = in_force(WEB, ORDERS)
    async with probing(*policies, RUNNING) as (kube, kubelet, prober):
        await prober.round()
        assert report(kube, "web")["flows"] == [
            {"to": "shop/orders", "port": "9/TCP", "expected": "Open", "seen": "Open"},
            {"to": "witness", "port": "9097/TCP", "expected": "Closed", "seen": "Closed"},
        ]
        assert report(kube, "web")["network"] == policies[0]["metadata"]["annotations"]["bartizan.dev/desired-hash"]
        assert sorted(write.verb for write in kube.writes) == [
            "apply-status", "apply-status", "create", "create", "delete", "delete",
        ]  # fmt: skip
        assert [pod["metadata"]["name"] for pod in kube.objects(POD)] == ["orders-0"]
        await asyncio.sleep(0.05)
        assert prober._terrain.due(prober._clock.now(), SETTINGS.interval) == []
        assert len(kubelet.seen) == 2


async def test_a_changed_network_policy_is_probed_anew():
    """A proof of what was is not waited for to grow old: a new state in force is due at once."""
    async with probing(*in_force(WEB, ORDERS), RUNNING) as (kube, _, prober):
        await prober.round()
        meta = {"name": "ssp-web", "namespace": "shop"}
        item = kube.peek(ObjectRef(api_version=NETWORK_POLICY.api_version, kind=NETWORK_POLICY.kind, **meta))
        item["metadata"]["annotations"]["bartizan.dev/desired-hash"] = "another"
        kube.put(item)
        await asyncio.sleep(0.05)
        assert prober._terrain.due(prober._clock.now(), SETTINGS.interval) == [("shop", "web")]


async def test_a_pod_that_says_nothing_is_a_problem_that_is_told():
    """The report names why nothing was seen, claims nothing, and a second look is due sooner."""

    def failed(_: KubeObject) -> KubeObject:
        return {
            "phase": "Failed",
            "reason": "DeadlineExceeded",
            "containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull"}}}],
        }

    async with probing(*in_force(WEB, ORDERS), RUNNING, says=failed) as (kube, _, prober):
        await prober.round()
        assert report(kube, "web")["problem"] == "the probe pod told nothing: DeadlineExceeded, ErrImagePull"
        assert {flow["seen"] for flow in report(kube, "web")["flows"]} == {"Unclear"}
        await asyncio.sleep(0.05)
        soon = prober._clock.now() + timedelta(seconds=61)
        assert prober._terrain.due(soon, SETTINGS.interval) == [("shop", "orders"), ("shop", "web")]


async def test_a_contradiction_about_a_pod_that_is_gone_is_none():
    """A declared call that failed because its pod went away meanwhile is unclear, not a failure."""

    def deaf(pod: KubeObject) -> KubeObject:
        gone = ObjectRef(api_version="v1", kind="Pod", namespace="shop", name="orders-0")
        if kube.peek(gone):
            kube.remove(gone)
        return ended(pod, opened="timeout")

    async with probing(*in_force(WEB, ORDERS), RUNNING, says=deaf) as (kube, _, prober):
        await prober.round()
        assert report(kube, "web")["flows"][0]["seen"] == "Unclear"


async def test_a_namespace_without_access_does_not_stop_the_others():
    """Where pods can't be listed yet nothing is called there; the probe itself is still tried and told."""
    async with probing(*in_force(WEB, ORDERS)) as (kube, _, prober):
        kube.fail_next(
            ForbiddenError("pods is forbidden"),
            matching=lambda call: call.kind == POD and call.verb == "create",
            times=2,
        )
        await prober.round()
        assert report(kube, "web")["problem"] == "the probe pod told nothing: pods is forbidden"


async def test_only_enforced_namespaces_are_probed():
    """Where nothing is cut there is nothing to prove, and the gate does not judge what is created."""
    watched = a_policy("web", "watched", network={})
    async with probing(a_namespace("watched", "warn"), watched, *in_force(watched)) as (kube, kubelet, prober):
        await prober.round()
        assert (kubelet.seen, kube.writes) == ({}, [])


async def test_what_a_former_prober_left_is_swept():
    """Probe pods without a prober that waits for them are deleted; other pods stay, whatever their labels."""
    left, other = (
        a_pod(name, labels={"app": "web", "bartizan.dev/probe": "web"}) for name in ("bartizan-probe-web-1", "other")
    )
    async with probing(left, other, RUNNING) as (kube, _, prober):
        await prober._runs.sweep(["shop"])
        assert [pod["metadata"]["name"] for pod in kube.objects(POD)] == ["orders-0", "other"]


async def test_a_run_that_is_under_way_is_not_swept():
    """What is swept beside a run leaves the run's own pod alone."""

    def swept(pod: KubeObject) -> KubeObject:
        sweeps.append(asyncio.create_task(prober._runs.sweep(["shop"])))
        return succeeded(pod)

    sweeps: list[asyncio.Task[None]] = []
    async with probing(*in_force(WEB, ORDERS), RUNNING, says=swept) as (kube, _, prober):
        await prober.round()
        await asyncio.gather(*sweeps)
        assert [report(kube, name).get("problem") for name in ("web", "orders")] == [None, None]


async def test_who_waited_longest_is_first_and_a_run_of_the_future_is_none():
    """Never probed before probed long ago; a report that claims a later time than now is made anew."""
    policies = in_force(WEB, ORDERS)
    async with probing(*policies, RUNNING) as (kube, _, prober):
        await prober.round()
        old = prober._clock.now() - timedelta(hours=1)
        for name, at in (("web", old), ("orders", old + timedelta(hours=3))):
            told = {**report(kube, name), "at": at.strftime("%Y-%m-%dT%H:%M:%SZ")}
            meta = {"name": name, "namespace": "shop"}
            item = {"apiVersion": POLICY.api_version, "kind": POLICY.kind, "metadata": meta, "status": {"probes": told}}
            await kube.apply(item, manager="bartizan/probes", force=True, status=True)
        await asyncio.sleep(0.05)
        assert prober._terrain.due(prober._clock.now(), SETTINGS.interval) == [("shop", "orders"), ("shop", "web")]


LEAF = ServedLeaf(
    fingerprint="ab" * 32, authority="cd" * 20, serial="1f", not_after=datetime(2026, 12, 1, 9, 30, tzinfo=UTC)
)


async def test_the_certificates_of_called_pods_stand_in_the_caller_s_report():
    """What a pod of the called policy served is told with the pod's uid, where it was seen from, and nowhere else."""
    async with probing(*in_force(WEB, ORDERS), RUNNING, says=lambda pod: ended(pod, shown=LEAF)) as (kube, _, prober):
        await prober.round()
        uid = kube.objects(POD)[0]["metadata"]["uid"]
        (seen,) = report(kube, "web")["served"]
        assert {**seen, "at": ""} == {
            "of": "shop/orders", "pod": "orders-0", "uid": uid, "port": "9/TCP", "at": "", "seen": "Certificate",
            "fingerprint": "ab" * 32, "authority": "cd" * 20, "serial": "1f", "notAfter": "2026-12-01T09:30:00Z",
        }  # fmt: skip
        assert "served" not in report(kube, "orders")


async def test_a_port_that_is_not_tls_is_asked_once():
    """Who answers a hello in plain text is not bothered again, unless the policy says that the port serves TLS."""
    async with probing(*in_force(WEB, ORDERS), RUNNING) as (kube, kubelet, prober):
        await prober.round()
        first = report(kube, "web")["served"]
        await _again(kube, prober)
        asked = [sum(one.tls for one in read_orders(_orders(pod))) for pod in kubelet.seen.values() if _of(pod, "web")]
        assert (asked, report(kube, "web")["served"]) == ([1, 0], first)
        confirm = {"onRotation": {"confirm": {"port": "http"}}}
        named = {**a_policy("orders", network=ORDERS["spec"]["network"], mtls=confirm), "status": {}}
        kube.put(named)
        await asyncio.sleep(0.05)
        await _again(kube, prober)
        asked = [sum(one.tls for one in read_orders(_orders(pod))) for pod in kubelet.seen.values() if _of(pod, "web")]
        assert asked == [1, 0, 1]


async def test_a_new_certificate_is_looked_for_sooner():
    """While a certificate is not seen served yet, one caller of the service is probed every minute, for an hour."""
    async with probing(*in_force(WEB, ORDERS), RUNNING, says=lambda pod: ended(pod, shown=LEAF)) as (kube, _, prober):
        await prober.round()
        now = prober._clock.now()
        await _say(kube, "NotConfirmed", issued=now)
        await asyncio.sleep(0.05)
        soon = now + timedelta(seconds=65)
        assert ("shop", "web") in prober._terrain.due(soon, SETTINGS.interval)
        await _say(kube, "NotConfirmed", issued=now - timedelta(hours=2))
        await asyncio.sleep(0.05)
        assert ("shop", "web") not in prober._terrain.due(soon, SETTINGS.interval)


def _orders(pod: KubeObject) -> str:
    return pod["spec"]["containers"][0]["env"][0]["value"]


def _of(pod: KubeObject, name: str) -> bool:
    return pod["metadata"]["labels"]["bartizan.dev/probe"] == name


async def _again(kube: FakeKube, prober: Prober) -> None:
    """Probe once more, as if the last reports were old."""
    landscape = await prober._terrain.look()
    for policy in landscape.policies.values():
        await prober._runs.probe(policy, landscape)
    await asyncio.sleep(0.05)


async def _say(kube: FakeKube, reason: str, *, issued: datetime) -> None:
    """Say of orders what the controller says."""
    begins = issued - timedelta(minutes=2)
    times = {"notBefore": begins, "notAfter": begins + timedelta(hours=24), "nextRenewal": begins + timedelta(hours=12)}
    certificate = {
        "secretName": "orders-tls", "spiffeID": "spiffe://x/y", "serial": "1", "authority": "a",
        **{key: value.isoformat() for key, value in times.items()},
    }  # fmt: skip
    condition = {
        "type": "CertificateServed", "status": "Unknown", "reason": reason, "message": "",
        "lastTransitionTime": issued.isoformat(),
    }  # fmt: skip
    meta = {"name": "orders", "namespace": "shop"}
    status = {"conditions": [condition], "certificate": certificate}
    item = {"apiVersion": POLICY.api_version, "kind": POLICY.kind, "metadata": meta, "status": status}
    await kube.apply(item, manager="bartizan/status", force=True, status=True)

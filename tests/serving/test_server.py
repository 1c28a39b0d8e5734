"""The webhook process over real sockets and real TLS on loopback, against a cluster in memory."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from bartizan.kube.errors import ForbiddenError
from bartizan.testing.builders import a_namespace, a_pod, a_policy
from bartizan.testing.fake_kube import FakeKube
from bartizan.webhook.server import listen
from bartizan.webhook.service import WebhookService
from bartizan.webhook.settings import WebhookSettings
from unit.webhook.serving import Authority, Caller, SecretMount, calling, review_of

DOMAIN = {
    "apiVersion": "bartizan.dev/v1alpha1", "kind": "TrustDomain",
    "metadata": {"name": "default"}, "spec": {"domain": "test.example"},
}  # fmt: skip
FAST = timedelta(milliseconds=10)


class Running:
    """A webhook with everything around it."""

    def __init__(self, folder: Path, api: FakeKube, **settings) -> None:
        self.authority = Authority()
        self.mount = SecretMount(folder)
        self.api = api
        given = {"poll": FAST, "drain": timedelta(0), "drain_deadline": timedelta(seconds=2)} | settings
        self.service = WebhookService(
            WebhookSettings(
                namespace="bartizan-system",
                address="127.0.0.1:0",
                metrics_address="127.0.0.1:0",
                cert_dir=folder,
                **given,
            ),
            api,
        )
        self.stop = asyncio.Event()

    def put_certificate(self) -> None:
        """Give it a certificate, or another one."""
        self.mount.put(*self.authority.leaf())

    async def until(self, condition, seconds: float = 5) -> None:
        """Wait for something to become so."""
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 -- many kinds of state, and a test
                await asyncio.sleep(0.005)

    async def probe(self, path: str) -> tuple[int, str]:
        """Ask the plain port."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.service.probes.port}{path}") as response,
        ):
            return response.status, await response.text()

    def calling(self, connections: int = 16):
        """A caller that trusts the authority."""
        return calling(self.service.server.port, self.authority.client(), connections)


@asynccontextmanager
async def running(
    folder: Path, *items, ready: bool = True, api: FakeKube | None = None, **settings
) -> AsyncIterator[Running]:
    """A webhook process, ready unless said otherwise, stopped at the end."""
    made = Running(folder, api or FakeKube(a_namespace(), DOMAIN, *items), **settings)
    if ready:
        made.put_certificate()
    task = asyncio.create_task(made.service.run(made.stop))
    try:
        await made.until(lambda: made.service.probes.port or task.done())
        if ready:
            await made.until(lambda: made.service.server.port and not made.service.unready())
        yield made
    finally:
        made.stop.set()
        await asyncio.wait_for(task, 10)


async def test_a_policy_is_previewed(tmp_path: Path) -> None:
    """A review comes back allowed, with the preview as warnings."""
    web = a_policy("web", network={"egress": [{"to": {"service": "orders"}}]})
    async with running(tmp_path, web, a_pod(account="default")) as webhook, webhook.calling() as caller:
        ports = [{"name": "http", "port": 8080}]
        response = await caller.review(a_policy(network={"ports": ports, "ingress": [{"from": {"service": "web"}}]}))
    assert response == {
        "uid": "7f0b",
        "allowed": True,
        "warnings": [
            "bartizan: gained: shop/web -> shop/orders on 8080/TCP",
            'bartizan: would be refused: pod orders-0: C-06 spec.serviceAccountName is "default"; allowed: "orders" (policy orders)',
            "bartizan: not injected: 1 running pods get identity and annotations only when they are restarted",
        ],
    }


async def test_a_conflict_is_refused(tmp_path: Path) -> None:
    """A policy that would cover another one's pods is refused, in the API server's words for an invalid object."""
    async with running(tmp_path, a_policy("web")) as webhook, webhook.calling() as caller:
        response = await caller.review(a_policy("web2", workload={"selector": {"matchLabels": {"app": "web"}}}))
    assert response == {
        "uid": "7f0b",
        "allowed": False,
        "status": {
            "status": "Failure",
            "reason": "Invalid",
            "code": 422,
            "message": "bartizan: spec.workload.selector can select the same pods as policy web; a pod belongs to exactly one "
            "policy: tell them apart by the value of a label that both name",
        },
    }


STRANGE = {
    "no spec": ({"metadata": {"name": "x", "namespace": "shop"}}, "bartizan: spec: "),
    "spec is a list": ({"metadata": {"name": "x", "namespace": "shop"}, "spec": []}, "bartizan: spec: "),
    "an unknown field": (a_policy(mystery=1), "bartizan: spec.mystery: extra inputs are not permitted"),
    "an impossible port": (
        a_policy(network={"ports": [{"name": "http", "port": 70000}]}),
        "bartizan: spec.network.ports[0].port: ",
    ),
    "metadata of junk": ({"metadata": {"name": "x", "namespace": "shop", "uid": [], "generation": {}}, "spec": 1}, "bartizan: spec: "),
}  # fmt: skip


@pytest.mark.parametrize(("policy", "said"), STRANGE.values(), ids=STRANGE.keys())
async def test_a_strange_object_is_refused_with_its_field(tmp_path: Path, policy, said: str) -> None:
    """An object that is no policy is refused by the field, in a proper answer."""
    async with running(tmp_path) as webhook, webhook.calling() as caller:
        response = await caller.review({"kind": "ServiceSecurityPolicy", **policy})
    assert response["allowed"] is False
    assert response["status"]["message"].startswith(said)


async def test_what_it_does_not_judge_is_allowed(tmp_path: Path) -> None:
    """Another kind is let through without a word: a wrong configuration must not block anything."""
    async with running(tmp_path) as webhook, webhook.calling() as caller:
        assert await caller.review(a_pod()) == {"uid": "7f0b", "allowed": True}


async def test_pods_that_cannot_be_listed_are_admitted_to(tmp_path: Path) -> None:
    """When the list of pods fails, the policy is still previewed and the gap is said."""
    api = FakeKube(a_namespace(), DOMAIN)
    api.fail_next(ForbiddenError("no"), matching=lambda call: call.kind.kind == "Pod")
    async with running(tmp_path, api=api) as webhook, webhook.calling() as caller:
        response = await caller.review(a_policy())
    assert response["warnings"] == [
        "bartizan: running pods could not be listed: not known which of them would be refused"
    ]


async def test_hostile_bodies_get_400_and_nothing_breaks(tmp_path: Path) -> None:
    """Junk, the wrong verb, the wrong path and a body beyond the limit are refused; the next review is answered."""
    async with running(tmp_path, max_body=100_000) as webhook, webhook.calling() as caller:
        assert await caller.post(b"junk") == (
            400,
            b"the body (4 bytes) is not JSON; an AdmissionReview of admission.k8s.io/v1 is expected\n",
        )
        assert (await caller.post(review_of(a_policy()), query="?timeout=soon"))[0] == 400
        assert (await caller.post(b"x" * 200_000))[0] == 413
        assert (await caller.post(b"{}", path="/elsewhere"))[0] == 404
        assert (await caller.review(a_policy()))["allowed"] is True


async def test_three_mebibytes_are_taken(tmp_path: Path) -> None:
    """A review of the largest objects that etcd holds, old and new, is read."""
    async with running(tmp_path) as webhook, webhook.calling() as caller:
        policy = a_policy()
        policy["metadata"]["annotations"] = {"x": "y" * 1_500_000}
        assert (await caller.review(policy, old=policy))["allowed"] is True


async def test_ready_only_with_certificate_and_knowledge(tmp_path: Path) -> None:
    """Alive from the start; ready when every kind is listed and the certificate is loaded; not while draining."""
    async with running(tmp_path, ready=False, drain=timedelta(seconds=0.5)) as webhook:
        assert await webhook.probe("/healthz") == (200, "ok\n")
        assert await webhook.probe("/readyz") == (503, f"no certificate in {tmp_path} yet\n")
        webhook.put_certificate()
        await webhook.until(lambda: not webhook.service.unready())
        assert await webhook.probe("/readyz") == (200, "ok\n")
        webhook.stop.set()
        await webhook.until(lambda: webhook.service.server.draining)
        assert await webhook.probe("/readyz") == (503, "draining\n")


async def test_not_ready_before_everything_is_listed(tmp_path: Path) -> None:
    """A kind that can't be listed keeps the process unready, says which, and reviews are left to the failure policy."""
    api = FakeKube(a_namespace(), DOMAIN)
    api.fail_next(ForbiddenError("no"), matching=lambda call: call.kind.kind == "TrustDomain", times=10_000)
    async with running(tmp_path, ready=False, api=api) as webhook:
        webhook.put_certificate()
        await webhook.until(lambda: webhook.service.server.port)
        assert await webhook.probe("/readyz") == (503, "not listed yet: trustdomains\n")
        async with webhook.calling() as caller:
            assert (await caller.post(review_of(a_policy())))[0] == 503


async def test_the_certificate_changes_under_load_without_a_failed_request(tmp_path: Path) -> None:
    """Twenty rotations under constant load: no request fails, and new connections see the newest certificate."""
    async with running(tmp_path) as webhook:
        body, done, failures, served = review_of(a_policy()), asyncio.Event(), [], 0

        async def ask(caller: Caller) -> None:
            nonlocal served
            while not done.is_set():
                try:
                    status, _ = await caller.post(body)
                except aiohttp.ClientError as error:
                    failures.append(repr(error))
                    continue
                served += 1
                if status != 200:
                    failures.append(str(status))

        async def knock() -> None:
            """A new connection, and with it a new handshake, for each request."""
            while not done.is_set():
                async with webhook.calling(1) as caller:
                    status, _ = await caller.post(body)
                    if status != 200:
                        failures.append(str(status))

        async with webhook.calling() as caller, asyncio.TaskGroup() as tasks:
            for _ in range(4):
                tasks.create_task(ask(caller))
            tasks.create_task(knock())
            for turn in range(20):
                certificate, key = webhook.authority.leaf()
                webhook.mount.put(certificate, key)
                await webhook.until(lambda turn=turn: webhook.service.certificate_loads == turn + 2)
            done.set()
        assert failures == []
        assert served > 20  # more than one a rotation, however busy the machine is
        assert await _presented(webhook) == _der(certificate)


async def test_a_broken_pair_is_not_loaded(tmp_path: Path) -> None:
    """A key that does not belong to the certificate is left alone: handshakes go on with what was loaded."""
    async with running(tmp_path) as webhook:
        before = await _presented(webhook)
        webhook.mount.put(webhook.authority.leaf()[0], webhook.authority.leaf()[1])
        await asyncio.sleep(0.1)
        assert await _presented(webhook) == before
        certificate, key = webhook.authority.leaf()
        webhook.mount.put(certificate, key)
        await webhook.until(lambda: webhook.service.certificate_loads == 2)
        assert await _presented(webhook) == _der(certificate)


async def test_too_many_reviews_are_told_at_once(tmp_path: Path) -> None:
    """Beyond the limit the answer is 429 with Retry-After, while those in flight are answered."""
    api = _Slow(a_namespace(), DOMAIN)
    async with running(tmp_path, api=api, max_in_flight=2) as webhook, webhook.calling() as caller:
        waiting = [asyncio.create_task(caller.post(review_of(a_policy()))) for _ in range(2)]
        await webhook.until(lambda: api.waiting == 2)
        status, body = await caller.post(review_of(a_policy()))
        assert (status, body) == (429, b"2 reviews are in flight; try again\n")
        api.go.set()
        assert [(await task)[0] for task in waiting] == [200, 200]


async def test_a_late_answer_is_no_answer(tmp_path: Path) -> None:
    """A review that can't be answered within the caller's deadline gets 504 before that deadline."""
    api = _Slow(a_namespace(), DOMAIN)
    async with running(tmp_path, api=api) as webhook, webhook.calling() as caller:
        async with asyncio.timeout(0.3):
            status, _ = await caller.post(review_of(a_policy()), query="?timeout=300ms")
        assert status == 504
        api.go.set()


async def test_what_is_in_flight_is_finished(tmp_path: Path) -> None:
    """After the stop a review in flight is still answered, and its connection closed."""
    api = _Slow(a_namespace(), DOMAIN)
    async with running(tmp_path, api=api) as webhook, webhook.calling() as caller:
        waiting = asyncio.create_task(caller.post(review_of(a_policy())))
        await webhook.until(lambda: api.waiting == 1)
        webhook.stop.set()
        await webhook.until(lambda: webhook.service.server.draining)
        api.go.set()
        assert (await waiting)[0] == 200


async def test_metrics_count_what_happened(tmp_path: Path) -> None:
    """The plain port tells results, loads of the certificate and its end."""
    async with running(tmp_path) as webhook, webhook.calling() as caller:
        await caller.review(a_policy())
        await caller.post(b"junk")
        status, text = await webhook.probe("/metrics")
    lines = text.splitlines()
    assert status == 200
    assert 'bartizan_webhook_reviews_total{result="allowed"} 1.0' in lines
    assert 'bartizan_webhook_reviews_total{result="bad_request"} 1.0' in lines
    assert "bartizan_webhook_certificate_loads_total 1.0" in lines
    assert any(line.startswith("bartizan_webhook_certificate_not_after_timestamp_seconds 1.") for line in lines)


async def test_small_answers_leave_at_once(tmp_path: Path) -> None:
    """Connections have TCP_NODELAY: without it each answer waits some 40 ms for the caller's acknowledgement."""
    async with running(tmp_path) as webhook, webhook.calling(1) as caller:
        await caller.review(a_policy())
        loop = asyncio.get_running_loop()
        started = loop.time()
        for _ in range(20):
            await caller.review(a_policy())
        assert (loop.time() - started) / 20 < 0.03


@pytest.mark.parametrize("address", ["", "9443", "localhost:", "localhost:http"])
def test_a_wrong_address_is_named(address: str) -> None:
    """An address that is not host:port is refused with an example."""
    with pytest.raises(ValueError, match=r"host:port is expected, such as 0\.0\.0\.0:9443"):
        listen(address)


class _Slow(FakeKube):
    """A cluster whose list of pods waits until it may go."""

    def __init__(self, *items) -> None:
        super().__init__(*items)
        self.go = asyncio.Event()
        self.waiting = 0

    async def list(self, kind, **where):
        """Wait, for pods."""
        if kind.kind == "Pod":
            self.waiting += 1
            await self.go.wait()
        return await super().list(kind, **where)


async def _presented(webhook: Running) -> bytes:
    """Return the certificate that a new connection is shown, DER."""
    _, writer = await asyncio.open_connection(
        "127.0.0.1",
        webhook.service.server.port,
        ssl=webhook.authority.client(),
        server_hostname="bartizan-webhook.bartizan-system.svc",
    )
    found: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    assert writer.get_extra_info("socket").family == socket.AF_INET
    writer.close()
    return found


def _der(pem: bytes) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pem.decode())

"""The client against a server that behaves as badly as networks and API servers can."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import timedelta
from pathlib import Path

import orjson
import pytest
from aiohttp import web

from bartizan.api.kinds import LEASE, NAMESPACE, NETWORK_POLICY, SECRET
from bartizan.core.model import ObjectRef
from bartizan.kube import credentials as loading
from bartizan.kube.api import WatchEvent
from bartizan.kube.client import Client
from bartizan.kube.credentials import Credentials
from bartizan.kube.errors import (
    ClientConfigError,
    GoneError,
    InvalidError,
    TooManyRequestsError,
    UnauthorizedError,
    UnavailableError,
)
from bartizan.testing import FakeClock, a_secret


class Server:
    """An HTTP server that answers with what a test queued, and remembers what it was asked."""

    def __init__(self):
        self.answers = []
        self.requests = []
        self.url = ""

    async def answer(self, request):
        """Remember the request and give the next answer: a response, or a function of the request."""
        body = await request.read()
        self.requests.append((request.method, request.path, dict(request.query), request.headers, body))
        answer = self.answers.pop(0)
        return await answer(request) if callable(answer) else answer

    def kubeconfig(self, folder: Path, credential: str = "t0") -> Path:
        """Write a kubeconfig that leads here and return its path."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": self.url}}],
            "users": [{"name": "u", "user": {"token": credential}}],
        }
        path = folder / "kubeconfig"
        path.write_bytes(orjson.dumps(config))
        return path


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    """A server on a free port of the loopback."""
    made, app = Server(), web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    listening = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listening).start()
    made.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    yield made
    await runner.cleanup()


@pytest.fixture
async def client(server, tmp_path) -> AsyncIterator[Client]:
    """A client of that server."""
    made = await Client.connect(server.kubeconfig(tmp_path))
    yield made
    await made.close()


def status(code, reason, **more):
    """Return the answer of an API server that refuses."""
    body = {"kind": "Status", "apiVersion": "v1", "code": code, "reason": reason, "message": "No.", **more}
    return web.json_response(body, status=code)


def page(names, *, token="", version="9"):
    """Return one page of a list of Secrets as the API server sends it: items without kind."""
    items = [{"metadata": {"name": name, "namespace": "shop"}} for name in names]
    return web.json_response({"metadata": {"resourceVersion": version, "continue": token}, "items": items})


def stream(*chunks, stay=False, cut=False):
    """Return an answer that streams `chunks`; then it stays open, or is cut off."""

    async def respond(request):
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for chunk in chunks:
            await response.write(chunk)
            await asyncio.sleep(0)
        if stay:
            await asyncio.sleep(60)
        if cut:
            request.transport.abort()
        return response

    return respond


def line(event, name, **more):
    """Return one line of a watch."""
    return orjson.dumps({"type": event, "object": {"metadata": {"name": name}, **more}}) + b"\n"


async def watched(client, seconds=5):
    """Return what a watch of Secrets yields."""
    stream = client.watch(SECRET, namespace="shop", resource_version="5", timeout=timedelta(seconds=seconds))
    async with aclosing(stream) as events:
        return [event async for event in events]


async def test_list_asks_page_after_page(server, client):
    """A list follows `continue`, keeps its selector, and gives every item its kind."""
    server.answers += [page(["a", "b"], token="more", version="7"), page(["c"], version="7")]
    listing = await client.list(SECRET, namespace="shop", label_selector="a=1")
    assert [(item["kind"], item["apiVersion"], item["metadata"]["name"]) for item in listing.items] == [
        ("Secret", "v1", "a"),
        ("Secret", "v1", "b"),
        ("Secret", "v1", "c"),
    ]
    assert listing.resource_version == "7"
    assert [(path, query) for _, path, query, _, _ in server.requests] == [
        ("/api/v1/namespaces/shop/secrets", {"labelSelector": "a=1", "limit": "500"}),
        ("/api/v1/namespaces/shop/secrets", {"labelSelector": "a=1", "limit": "500", "continue": "more"}),
    ]


async def test_list_starts_over_when_its_pages_expire(server, client):
    """A 410 in the middle of a list never leads to a mixed answer: it is asked again, in one piece."""
    server.answers += [page(["a"], token="more"), status(410, "Expired"), page(["b", "c"])]
    listing = await client.list(SECRET)
    assert [item["metadata"]["name"] for item in listing.items] == ["b", "c"]
    assert server.requests[-1][2] == {}


async def test_list_of_nothing(server, client):
    """`items: null` is an empty list."""
    server.answers.append(web.json_response({"metadata": {"resourceVersion": "1"}, "items": None}))
    assert (await client.list(NAMESPACE)).items == []


async def test_apply_is_what_the_api_server_expects(server, client):
    """An apply is a PATCH with the apply content type, the manager, force and dryRun as asked."""
    item = {"apiVersion": LEASE.api_version, "kind": "Lease", "metadata": {"name": "l", "namespace": "shop"}}
    server.answers += [web.json_response(item), web.json_response(item)]
    await client.apply(item, manager="bartizan/lease", force=True)
    await client.apply(item, manager="bartizan/lease", status=True, dry_run=True)
    path = "/apis/coordination.k8s.io/v1/namespaces/shop/leases/l"
    assert [(method, path, query) for method, path, query, _, _ in server.requests] == [
        ("PATCH", path, {"fieldManager": "bartizan/lease", "force": "true"}),
        ("PATCH", f"{path}/status", {"fieldManager": "bartizan/lease", "force": "false", "dryRun": "All"}),
    ]
    headers, body = server.requests[0][3:]
    assert (headers["Content-Type"], headers["Authorization"]) == ("application/apply-patch+yaml", "Bearer t0")
    assert orjson.loads(body) == item


async def test_delete_names_its_precondition(server, client):
    """A delete sends the uid, propagates in the background, and takes 404 for success."""
    server.answers.append(status(404, "NotFound"))
    await client.delete(ObjectRef.of(a_secret("s")), uid="u-1")
    assert orjson.loads(server.requests[0][4]) == {
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Background",
        "preconditions": {"uid": "u-1"},
    }


async def test_retry_after_is_told(server, client):
    """A 429 tells how long to wait, from its header, and nothing is asked again behind the caller's back."""
    server.answers.append(web.Response(status=429, headers={"Retry-After": "4"}, text="slow down"))
    with pytest.raises(TooManyRequestsError) as caught:
        await client.list(NETWORK_POLICY)
    assert (caught.value.retry_after, len(server.requests)) == (timedelta(seconds=4), 1)
    assert str(caught.value) == "list NetworkPolicy: 429 TooManyRequests: slow down"


async def test_watch_asks_for_bookmarks_and_an_end(server, client):
    """A watch asks for bookmarks, a version and a server-side deadline, and yields each line once."""
    bookmark = line("BOOKMARK", "", kind="Secret")
    server.answers.append(stream(line("ADDED", "a") + line("DELETED", "a")[:7], line("DELETED", "a")[7:], bookmark))
    assert [(event.type, event.item["metadata"]["name"]) for event in await watched(client)] == [
        ("ADDED", "a"),
        ("DELETED", "a"),
        ("BOOKMARK", ""),
    ]
    assert server.requests[0][2] == {
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": "5",
        "timeoutSeconds": "5",
    }


async def test_watch_takes_objects_of_any_size(server, client):
    """An event of megabytes in small chunks is one event."""
    whole = line("ADDED", "big", data={"k": "x" * 3_000_000})
    chunks = [whole[start : start + 65_000] for start in range(0, len(whole), 65_000)]
    server.answers.append(stream(*chunks))
    (event,) = await watched(client)
    assert len(event.item["data"]["k"]) == 3_000_000


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        pytest.param(status(410, "Expired"), GoneError, id="refused with 410"),
        pytest.param(
            stream(orjson.dumps({"type": "ERROR", "object": {"code": 410, "reason": "Expired"}}) + b"\n"),
            GoneError,
            id="410 as an event",
        ),
        pytest.param(
            stream(orjson.dumps({"type": "ERROR", "object": {"code": 500}}) + b"\n"),
            UnavailableError,
            id="500 as an event",
        ),
        pytest.param(stream(line("ADDED", "a")[:9], cut=True), UnavailableError, id="cut off inside an event"),
        pytest.param(stream(b"<html>busy</html>\n"), UnavailableError, id="a proxy's page"),
    ],
)
async def test_watch_ends_in_an_error_that_says_why(server, client, answer, error):
    """Whatever breaks a stream is an error of the tree, and 410 is told apart."""
    server.answers.append(answer)
    with pytest.raises(error, match=r"^watch Secret shop: "):
        await watched(client)


async def test_silent_stream_is_given_up(server, client, monkeypatch):
    """A stream that outlives the server's own deadline counts as dead."""
    monkeypatch.setattr("bartizan.kube.transport._WATCH_MARGIN", timedelta(seconds=-0.8))
    server.answers.append(stream(line("ADDED", "a"), stay=True))
    seen: list[WatchEvent] = []

    async def watch() -> None:
        async for event in client.watch(SECRET, resource_version="5", timeout=timedelta(seconds=1)):
            seen.append(event)  # noqa: PERF401 -- a comprehension would lose what came before the error

    with pytest.raises(UnavailableError, match="no answer in time"):
        await watch()
    assert [event.type for event in seen] == ["ADDED"]


async def test_watch_can_be_left_early(server, client):
    """Closing the stream while it is open leaves nothing behind (unclosed connections fail the test run)."""
    server.answers.append(stream(line("ADDED", "a"), stay=True))
    async with aclosing(client.watch(SECRET, resource_version="5", timeout=timedelta(seconds=60))) as events:
        assert (await anext(events)).type == "ADDED"


async def test_what_is_not_kept_is_cut_away_page_by_page(server, tmp_path):
    """`keep` sees every object of lists and watches with its kind, and nothing of a bookmark or of a single answer."""

    def keep(item):
        return {**{key: item[key] for key in ("apiVersion", "kind", "metadata")}, "cut": True}

    pod = {"apiVersion": "v1", "kind": "Pod"}
    whole = {**pod, "metadata": {"name": "a"}, "data": {"k": "x"}}
    server.answers += [
        page(["a"], token="more"),
        page(["b"]),
        stream(line("ADDED", "a", **pod, data={}), line("DELETED", "a", **pod), line("BOOKMARK", "", **pod)),
        web.json_response(whole),
    ]
    cutting = await Client.connect(server.kubeconfig(tmp_path), keep=keep)
    try:
        assert [(item["kind"], item["cut"]) for item in (await cutting.list(SECRET)).items] == [("Secret", True)] * 2
        seen = [(event.type, event.item) for event in await watched(cutting)]
        assert seen == [
            ("ADDED", {**pod, "metadata": {"name": "a"}, "cut": True}),
            ("DELETED", {**pod, "metadata": {"name": "a"}, "cut": True}),
            ("BOOKMARK", {**pod, "metadata": {"name": ""}}),
        ]
        assert await cutting.get(ObjectRef.of(a_secret("a"))) == whole
    finally:
        await cutting.close()


async def test_server_that_is_not_there(tmp_path):
    """No connection is UnavailableError and names the server."""
    nobody = Server()
    with socket.create_server(("127.0.0.1", 0)) as unused:
        nobody.url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    client = await Client.connect(nobody.kubeconfig(tmp_path))
    try:
        with pytest.raises(UnavailableError, match=f"get Secret shop/s: {nobody.url} cannot be reached"):
            await client.get(ObjectRef.of(a_secret("s")))
    finally:
        await client.close()


async def test_new_token_is_taken_up_after_a_refusal(server, tmp_path):
    """When the API server stops accepting a token, the kubeconfig is read again, once, and the request repeated."""
    clock = FakeClock()
    client = await Client.connect(server.kubeconfig(tmp_path, "old"), clock=clock)
    try:
        server.kubeconfig(tmp_path, "new")
        await clock.advance(timedelta(minutes=1))
        server.answers += [status(401, "Unauthorized"), web.json_response({}), status(401, "Unauthorized")]
        await client.get(ObjectRef.of(a_secret("s")))
        assert [headers["Authorization"] for *_, headers, _ in server.requests] == ["Bearer old", "Bearer new"]
        with pytest.raises(UnauthorizedError):
            await client.get(ObjectRef.of(a_secret("s")))
        assert len(server.requests) == 3
    finally:
        await client.close()


async def test_requests_keep_to_the_rate(server, tmp_path):
    """Beyond its burst the client waits before it asks."""
    clock = FakeClock()
    client = await Client.connect(server.kubeconfig(tmp_path), clock=clock, rate=1, burst=2)
    try:
        server.answers += [web.json_response({}) for _ in range(3)]
        for _ in range(2):
            await client.get(ObjectRef.of(a_secret("s")))
        third = asyncio.ensure_future(client.get(ObjectRef.of(a_secret("s"))))
        await clock.settle()
        assert len(server.requests) == 2
        await clock.advance(timedelta(seconds=1))
        await third
        assert len(server.requests) == 3
    finally:
        await client.close()


@pytest.mark.parametrize(
    ("item", "message"),
    [
        pytest.param(
            {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "x"}},
            r"apply LimitRange x: v1 LimitRange is not in bartizan\.api\.kinds, add it there",
            id="a kind the operator has no business with",
        ),
        pytest.param(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}},
            r"apply Secret x: the kind needs a namespace, metadata\.namespace is ''",
            id="a namespaced object without a namespace",
        ),
        pytest.param(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x", "namespace": "y"}},
            r"apply Namespace x: the kind has no namespace, metadata\.namespace is 'y'",
            id="a cluster-wide object in a namespace",
        ),
    ],
)
async def test_impossible_objects_are_not_sent(server, client, item, message):
    """What cannot have a path is refused before it is sent."""
    with pytest.raises(InvalidError, match=message):
        await client.apply(item, manager="one")
    assert server.requests == []


async def test_missing_kubeconfig_says_how_to_fix_it(tmp_path):
    """A path that leads nowhere is named, with what to do."""
    with pytest.raises(ClientConfigError, match=r"nowhere: .*set BARTIZAN_KUBECONFIG to a kubeconfig's path"):
        await Client.connect(tmp_path / "nowhere")


async def test_outside_a_pod_there_is_no_service_account(monkeypatch):
    """Without kubeconfig and outside a pod, the error says both."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(ClientConfigError, match="the pod's ServiceAccount: Service host/port is not set"):
        await Client.connect()


async def test_pods_own_token_is_used_and_renewed(tmp_path, monkeypatch):
    """In a pod the projected token is sent, without its line end, and read again after a refusal."""
    token, authority = tmp_path / "token", tmp_path / "ca.crt"
    token.write_text("first\n")
    authority.write_text("some authority")
    incluster = sys.modules["kubernetes.aio.config.incluster_config"]
    monkeypatch.setattr(incluster, "SERVICE_TOKEN_FILENAME", str(token))
    monkeypatch.setattr(incluster, "SERVICE_CERT_FILENAME", str(authority))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    clock = FakeClock()
    credentials = await Credentials.load(None, clock)
    assert (credentials.server, await credentials.headers()) == (
        "https://[fd00::1]:443",
        {"Authorization": "bearer first"},
    )
    token.write_text("second\n")
    assert not await credentials.renew()
    await clock.advance(timedelta(seconds=loading._RENEW_EVERY))
    assert await credentials.renew()
    assert await credentials.headers() == {"Authorization": "bearer second"}

"""One place to run against, twice: in memory, and a real API server."""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from bartizan.api.kinds import NAMESPACE, Kind
from bartizan.api.names import KubeObject
from bartizan.core.model import ObjectRef
from bartizan.kube.api import KubeApi, WatchEvent
from bartizan.kube.client import Client
from bartizan.testing import FakeKube


@dataclass
class Place:
    """An API and a namespace of one's own in it."""

    api: KubeApi
    namespace: str
    relabel: Callable[[ObjectRef, str, str], None]
    """Set a label as somebody with kubectl would: by an update, not by an apply."""

    def an_object(self, kind: Kind, name: str, meta: dict[str, Any] | None = None, **parts: Any) -> KubeObject:
        """Return an object in this place's namespace."""
        where = {"namespace": self.namespace} if kind.namespaced else {}
        return {
            "apiVersion": kind.api_version,
            "kind": kind.kind,
            "metadata": {"name": name, **where, **(meta or {})},
            **parts,
        }

    async def watched(self, kind: Kind, since: str, *, selector: str = "") -> list[WatchEvent]:
        """Return what a watch of one second tells about `kind` after `since`, bookmarks left out."""
        stream = self.api.watch(
            kind,
            namespace=self.namespace,
            label_selector=selector,
            resource_version=since,
            timeout=timedelta(seconds=1),
        )
        async with aclosing(stream) as events:
            return [event async for event in events if event.type != "BOOKMARK"]


@pytest.fixture(params=["in memory", pytest.param("API server", marks=pytest.mark.api)])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """A namespace of the test's own, in memory and on a real API server."""
    name = f"contract-{secrets.token_hex(4)}"
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    if request.param == "in memory":
        fake = FakeKube(home, check_namespaces=True)

        def relabel(ref: ObjectRef, key: str, value: str) -> None:
            item = fake.peek(ref)
            assert item is not None
            item["metadata"].setdefault("labels", {})[key] = value
            fake.put(item, manager="kubectl-label")

        yield Place(fake, name, relabel)
        return
    cluster = request.getfixturevalue("cluster")
    client = await Client.connect(cluster.kubeconfig, page=2)

    def kubectl_label(ref: ObjectRef, key: str, value: str) -> None:
        cluster.kubectl("-n", name, "label", "--overwrite", f"{ref.kind}/{ref.name}", f"{key}={value}")

    try:
        await client.apply(home, manager="contract")
        yield Place(client, name, kubectl_label)
    finally:
        await client.delete(ObjectRef(api_version=NAMESPACE.api_version, kind=NAMESPACE.kind, namespace="", name=name))
        await client.close()

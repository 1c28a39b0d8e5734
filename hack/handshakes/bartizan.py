"""The controller over an API server in memory, on the machine's own clock: whatever is published is its own doing.

Nothing is signed, bundled or retired here. Peers are policies in a governed namespace, a rotation is asked for in the spec of
the TrustDomain, and lifetimes are seconds where the API would ask for hours (its schema does, the controller does not), so that
a certificate lives its whole life within a run.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from bartizan.api.duration import format_duration
from bartizan.api.kinds import POLICY, SECRET, SERVICE, TRUST_DOMAIN, Kind
from bartizan.api.names import KubeObject
from bartizan.controller.authorities import Release
from bartizan.controller.controller import Controller
from bartizan.controller.place import Place
from bartizan.controller.sources import ReflectorSource
from bartizan.core.model import ObjectRef
from bartizan.core.pki.authority import authority_selector
from bartizan.core.plan import Event
from bartizan.kube.clock import SystemClock
from bartizan.testing import FakeKube, a_namespace, a_policy, a_service

RELEASE, NAMESPACE, DOMAIN = "bartizan-system", "mesh", "mesh.example"
IDENTITIES = f"spiffe://{DOMAIN}/ns/{NAMESPACE}/sa/"
_NUDGED = 0.25
_WATCHED = timedelta(hours=1)


class _Alone:
    """Leadership where there is nobody else."""

    is_leader = True

    async def run(self, on_started: Callable[[], None], _on_stopped: Callable[[], None]) -> None:
        """Lead for good."""
        on_started()
        await asyncio.get_running_loop().create_future()


class _Forgetful:
    """A recorder of events that nobody reads."""

    async def record(self, event: Event) -> None:
        """Forget it."""


def host(name: str) -> str:
    """Return the DNS name a peer is called by."""
    return f"{name}.{NAMESPACE}.svc"


class Bartizan:
    """A cluster of policies without pods, and the controller that looks after it."""

    def __init__(self, *, settle: timedelta, quiet: timedelta) -> None:
        """Prepare a TrustDomain.

        Its roots are published for `settle` before they sign, and dropped when no probe has seen them used for `quiet`.
        """
        self._settle, self._quiet = settle, quiet
        self.kube = FakeKube(a_namespace(RELEASE, None), a_namespace(NAMESPACE), self._trust_domain())
        self.passed: list[tuple[str, str]] = []
        """Role and phase of every step of a rotation that the status has told, in order."""

    def _trust_domain(self) -> KubeObject:
        meta = {"name": "default", "generation": 1}
        spec = {"domain": DOMAIN, "rotation": {"settle": format_duration(self._settle)}}
        return {"apiVersion": TRUST_DOMAIN.api_version, "kind": TRUST_DOMAIN.kind, "metadata": meta, "spec": spec}

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the controller and follow what it says of rotations, until the block ends."""
        controller = Controller(
            self.kube,
            Place(release=Release(namespace=RELEASE), account="bartizan-controller", quiet=self._quiet),
            leadership=_Alone(),
            recorder=_Forgetful(),
            sources=lambda world, intake: (ReflectorSource(self.kube, world, intake, clock=SystemClock()),),
        )
        tasks = [asyncio.create_task(work) for work in (controller.run(), self._follow(), self._nudge())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self) -> None:
        version = (await self.kube.list(TRUST_DOMAIN)).resource_version
        async for event in self.kube.watch(TRUST_DOMAIN, resource_version=version, timeout=_WATCHED):
            told = _rotation(event.item)
            if told and self.passed[-1:] != [told]:
                self.passed.append(told)

    async def _nudge(self) -> None:
        """Touch the TrustDomain all the time: by itself it is looked at once a minute whether a rotation can go on."""
        while True:
            await asyncio.sleep(_NUDGED)
            if item := self.kube.peek(_ref(TRUST_DOMAIN, "default")):
                now = {"nudged": str(time.monotonic())}
                self.kube.put({**item, "metadata": {**item["metadata"], "annotations": now}})

    def join(self, name: str, *, lifetime: timedelta) -> None:
        """Add a policy and its Service."""
        self.kube.put(a_service(name, NAMESPACE))
        self.kube.put(a_policy(name, NAMESPACE, mtls={"lifetime": format_duration(lifetime)}))

    def leave(self, name: str) -> None:
        """Take a policy, its Service and with them its Secret away."""
        self.kube.remove(_ref(POLICY, name, NAMESPACE))
        self.kube.remove(_ref(SERVICE, name, NAMESPACE))
        self.kube.collect()

    def secret(self, name: str) -> KubeObject | None:
        """Return the Secret of a peer's certificate."""
        return self.kube.peek(_ref(SECRET, f"{name}-tls", NAMESPACE))

    def said(self, name: str) -> str:
        """Return what the status of a peer's policy says of its certificate."""
        item = self.kube.peek(_ref(POLICY, name, NAMESPACE)) or {}
        conditions = (item.get("status") or {}).get("conditions") or ()
        told = [one["message"] for one in conditions if one["type"] == "CertificateReady"]
        return told[0] if told else "its policy says nothing of a certificate"

    def ask(self, **rotation: Any) -> None:
        """Ask in `spec.rotation` of the TrustDomain for this alone: a `request`, or an `abort`."""
        item = self.kube.peek(_ref(TRUST_DOMAIN, "default")) or self._trust_domain()
        wishes = {"rotation": {"settle": format_duration(self._settle), **rotation}}
        self.kube.put({**item, "spec": {**self._trust_domain()["spec"], **wishes}})

    async def start_anew(self) -> None:
        """Do what no rotation ever does: throw the authorities away, so that a new root replaces the old one at once."""
        item = self.kube.peek(_ref(TRUST_DOMAIN, "default"))
        self.kube.remove(_ref(TRUST_DOMAIN, "default"))
        listing = await self.kube.list(SECRET, namespace=RELEASE, label_selector=authority_selector("default"))
        for secret in listing.items:
            self.kube.remove(_ref(SECRET, secret["metadata"]["name"], RELEASE))
        self.kube.put(self._trust_domain())
        assert item is not None  # noqa: S101 -- it is there from the beginning


def _rotation(item: KubeObject) -> tuple[str, str] | None:
    told = (item.get("status") or {}).get("rotation") or {}
    with contextlib.suppress(KeyError):
        return (told.get("role", ""), told["phase"])
    return None


def _ref(kind: Kind, name: str, namespace: str = "") -> ObjectRef:
    return ObjectRef(api_version=kind.api_version, kind=kind.kind, namespace=namespace, name=name)

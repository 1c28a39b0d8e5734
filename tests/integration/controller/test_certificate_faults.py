"""Faults around certificates on a real API server: it restarts, it refuses with 429, somebody fights for a Secret."""

import asyncio
import contextlib
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from bartizan.api.kinds import CONFIG_MAP, NAMESPACE, POLICY, SECRET, TRUST_DOMAIN
from bartizan.core.pki.ledger import read_segment
from bartizan.core.pki.secret import read_certificate
from bartizan.kube.errors import KubeError
from integration.controller.test_kill import WRITES, Killer, a_proxy

pytestmark = [pytest.mark.api, pytest.mark.timeout(280)]
NAMES = [f"svc-{number:02d}" for number in range(12)]
COUNT = len(NAMES)
OTHER = "another-controller"


@dataclass
class Storm(Killer):
    """A proxy that answers writes with 429 while there is a storm, and counts them."""

    raging: bool = False
    refused: list[str] = field(default_factory=list)

    async def handle(self, request):
        """Refuse a write, or pass the request on. The Lease goes through: who leads is not the question here."""
        if not self.raging or request.method not in WRITES or "/leases/" in request.path:
            return await super().handle(request)
        self.refused.append(request.path)
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "TooManyRequests", "code": 429}
        return web.json_response(
            {**status, "message": "too many requests", "details": {"retryAfterSeconds": 1}},
            status=429,
            headers={"Retry-After": "1"},
        )


class Scene:
    """Policies of one trust domain in one namespace."""

    def __init__(self, world, name):
        self.world, self.name, self.system = world, name, f"{name}-system"

    async def begin(self, trust_domain, policy, names=NAMES):
        """Make them."""
        await self.world.govern(self.system, None)
        await self.world.govern(self.name, "warn")
        await self.world.put(trust_domain(self.name))
        await self.world.put(*(policy(name, self.name, identity={"trustDomain": self.name}) for name in names))

    async def end(self):
        """Take them away."""
        for place in (self.name, self.system):
            await self.world.delete(NAMESPACE, place)
        await self.world.delete(TRUST_DOMAIN, self.name)

    async def told(self):
        """Return the CertificateReady of every policy by name."""
        found = {}
        for item in (await self.world.api.list(POLICY, namespace=self.name)).items:
            conditions = item.get("status", {}).get("conditions", [])
            found[item["metadata"]["name"]] = next(
                (one for one in conditions if one["type"] == "CertificateReady"), None
            )
        return {name: one for name, one in found.items() if one}

    async def issued(self, count=COUNT):
        """Whether every policy tells a certificate that its Secret holds."""
        told = await self.told()
        leaves = await self.serials()
        return len(leaves) == count == len(told) and all(one["reason"] == "Issued" for one in told.values())

    async def serials(self):
        """Return the serial in every Secret that holds a certificate, by name of the Secret."""
        items = (await self.world.api.list(SECRET, namespace=self.name)).items
        leaves = {item["metadata"]["name"]: read_certificate(item) for item in items}
        return {name: leaf.serial for name, leaf in leaves.items() if leaf}

    async def written_down(self):
        """Return the serials in the ledger."""
        items = (await self.world.api.list(CONFIG_MAP, namespace=self.system)).items
        return {row.serial for segment in filter(None, map(read_segment, items)) for row in segment.rows}


@pytest.fixture
async def scene(request, world):
    """The factory of scenes, each taken away at the end."""
    made = Scene(world, f"ctl-{request.node.name.split('[')[0].removeprefix('test_').replace('_', '-')[:20]}")
    yield made
    await made.end()


async def test_429_storm_loses_nothing(scene, cluster, tmp_path, controller, until, trust_domain, policy):
    """While every write is refused, each policy asks about once a second or less; then all have a certificate that is written down."""
    async with a_proxy(cluster.kubeconfig, tmp_path, Storm) as (storm, through):
        await scene.begin(trust_domain, policy)
        storm.raging = True
        async with controller(scene.system, kubeconfig=through):
            await until(lambda: _some(storm.refused), within=60)
            await asyncio.sleep(8)
            storm.raging = False
            # The TrustDomain and the namespace write; policies have nothing to write before those.
            assert len(storm.refused) <= 8 * (len(NAMES) + 4), storm.refused
            await until(scene.issued, within=90)
        assert set((await scene.serials()).values()) <= await scene.written_down()


async def _some(items):
    return bool(items)


async def test_restart_of_the_server(scene, cluster, controller, until, trust_domain, policy):
    """The API server restarts while certificates are issued: all are issued, the finished ones stay, each is written down."""
    await scene.begin(trust_domain, policy, NAMES[:4])
    async with controller(scene.system, BARTIZAN_ISSUANCE_RATE="2"):
        await until(lambda: scene.issued(4), within=60)
        before = await scene.serials()
        await scene.world.put(*(policy(name, scene.name, identity={"trustDomain": scene.name}) for name in NAMES[4:]))
        await asyncio.to_thread(cluster.restart_apiserver)

        async def all_issued():
            with contextlib.suppress(KubeError):
                return await scene.issued()

        await until(all_issued, within=120)
        after = await scene.serials()
        assert {name: after[name] for name in before} == before
        assert set(after.values()) <= await scene.written_down()

        async def writable():
            with contextlib.suppress(KubeError):
                await scene.world.put(policy(NAMES[0], scene.name, identity={"trustDomain": scene.name}))
                return True

        # A fresh API server refuses what a guard judges by a parameter until it has found the parameter's kind again.
        await until(writable, within=120)


async def test_contested_secret(scene, controller, until, trust_domain, policy):
    """Another controller that overwrites the Secret as often as it can is met with few writes and named; then all is well again."""
    await scene.begin(trust_domain, policy, ["orders", "web"])
    api = scene.world.api
    async with controller(scene.system):
        await until(lambda: scene.issued(2), within=60)
        ours, blows = set(), 0

        async def fight(seconds):
            nonlocal blows
            end = asyncio.get_running_loop().time() + seconds
            while asyncio.get_running_loop().time() < end:
                found = await scene.world.get(SECRET, "orders-tls", scene.name)
                writers = {entry["manager"]: entry for entry in found["metadata"]["managedFields"]}
                if "f:tls.crt" in writers.get("bartizan/certificates", {}).get("fieldsV1", {}).get("f:data", {}):
                    ours.add(found["metadata"]["resourceVersion"])
                meta = {"name": "orders-tls", "namespace": scene.name}
                await api.apply(
                    {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "type": "kubernetes.io/tls",
                     "data": {"tls.crt": "YQ==", "tls.key": "YQ=="}},
                    manager=OTHER, force=True,
                )  # fmt: skip
                blows += 1
                await asyncio.sleep(0.1)

        await fight(20)
        told = (await scene.told())["orders"]
        assert (told["status"], told["reason"]) == ("False", "SecretContested"), told
        assert f"again and again by {OTHER}:" in told["message"]
        assert len(ours) <= 8 < blows, (len(ours), blows)
        assert (await scene.told())["web"]["reason"] == "Issued"
        await until(lambda: _holds_again(scene), within=60)


async def _holds_again(scene):
    return "orders-tls" in await scene.serials()

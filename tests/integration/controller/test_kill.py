"""The controller is killed at each of its first 30 writes and comes back to the same state each time.

A proxy between controller and API server counts writes and kills the controller's process (SIGKILL) at the n-th: for odd n before
the write is passed on, for even n after it took effect and before the answer came back. A second controller, unhindered, must
then reach the state that an undisturbed one reaches. Names differ per round, so that rounds don't wait for each other's clean-up.
"""

import asyncio
import base64
import contextlib
import json
import os
import re
import signal
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import ClientSession, ClientTimeout, TCPConnector, web
from cryptography import x509

from bartizan.api.kinds import (
    LEASE,
    NAMESPACE,
    NETWORK_POLICY,
    POLICY,
    POLICY_INDEX,
    ROLE_BINDING,
    SECRET,
    TRUST_DOMAIN,
)

pytestmark = [pytest.mark.api, pytest.mark.timeout(580)]
ROUNDS = 30
SERVICES = ("api", "cart", "orders", "payments", "web")
WRITES = {"PATCH", "POST", "PUT", "DELETE"}
HOP_BY_HOP = {"transfer-encoding", "content-length", "connection", "content-encoding", "date", "server"}


@dataclass
class Killer:
    """A proxy that passes everything on and kills a process at its n-th write; 0 kills nobody."""

    upstream: str
    tls: ssl.SSLContext
    at: int = 0
    pid: int = 0
    writes: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Pass one request on."""
        strike = False
        if request.method in WRITES:
            self.writes.append(f"{request.method} {request.path}")
            strike = len(self.writes) == self.at
        if strike and self.at % 2:
            return await self.kill()
        body = await request.read()
        headers = {
            name: value for name, value in request.headers.items() if name.lower() not in {"host", "content-length"}
        }
        async with ClientSession(connector=TCPConnector(ssl=self.tls), timeout=ClientTimeout(total=None)) as session:
            url = self.upstream + request.path_qs
            async with session.request(request.method, url, data=body or None, headers=headers) as answer:
                if strike:
                    await answer.read()
                    return await self.kill()
                kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
                reply = web.StreamResponse(status=answer.status, headers=kept)
                await reply.prepare(request)
                with contextlib.suppress(ConnectionResetError):
                    async for chunk in answer.content.iter_any():
                        await reply.write(chunk)
                    await reply.write_eof()
                return reply

    async def kill(self) -> web.StreamResponse:
        """Kill, and leave the request without an answer."""
        os.kill(self.pid, signal.SIGKILL)
        await asyncio.sleep(60)
        raise AssertionError


@contextlib.asynccontextmanager
async def a_proxy(kubeconfig, folder, made=None):
    """Run a Killer, or another proxy `made` like it; yields it and the kubeconfig that leads through it."""
    config = yaml.safe_load(kubeconfig.read_text())
    server, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    tls = ssl.create_default_context(cadata=_text(server, "certificate-authority"))
    for name in ("client-certificate", "client-key"):
        (folder / name).write_text(_text(user, name))
    tls.load_cert_chain(folder / "client-certificate", folder / "client-key")
    killer = (made or Killer)(server["server"], tls)
    app = web.Application(client_max_size=16 * 2**20)
    app.router.add_route("*", "/{path:.*}", killer.handle)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    through = folder / "kubeconfig"
    cluster = {"name": "proxy", "cluster": {"server": f"http://127.0.0.1:{port}"}}
    context = {"name": "proxy", "context": {"cluster": "proxy", "user": "proxy"}}
    through.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "proxy",
                "clusters": [cluster],
                "contexts": [context],
                "users": [{"name": "proxy", "user": {}}],
            }
        )
    )
    try:
        yield killer, through
    finally:
        await runner.cleanup()


def _text(section, name):
    if f"{name}-data" in section:
        return base64.b64decode(section[f"{name}-data"]).decode()
    return Path(section[name]).read_text()


class Round:
    """One scenario in namespaces of its own."""

    def __init__(self, world, number: int) -> None:
        self.world = world
        self.name = f"ctl-kill-{number}"
        self.system = f"{self.name}-system"
        self.spaces = (f"{self.name}-shop", f"{self.name}-finance")

    async def begin(self, trust_domain, policy) -> None:
        """Make namespaces, a trust domain and policies that call each other."""
        await self.world.govern(self.system, None)
        for space in self.spaces:
            await self.world.govern(space)
        await self.world.put(trust_domain(self.name))
        for space in self.spaces:
            for name in SERVICES:
                await self.world.put(self._policy(policy, name, space))

    def _policy(self, policy, name, space):
        callers = [{"from": {"service": other}} for other in SERVICES if other != name]
        called = [{"to": {"service": other}} for other in SERVICES if other != name]
        network = {"ports": [{"name": "http", "port": 8080}], "ingress": callers, "egress": called}
        return policy(name, space, network=network, identity={"trustDomain": self.name})

    async def end(self) -> None:
        """Take everything away without waiting; the controller of a later round leaves it alone."""
        for space in (*self.spaces, self.system):
            await self.world.delete(NAMESPACE, space)
        await self.world.delete(TRUST_DOMAIN, self.name)

    async def state(self) -> dict[str, Any]:
        """Return everything the controller wrote, without what differs between two runs by nature."""
        items = [await self.world.get(TRUST_DOMAIN, self.name)]
        for space in self.spaces:
            for kind in (POLICY, NETWORK_POLICY, POLICY_INDEX, SECRET, ROLE_BINDING):
                items += (await self.world.api.list(kind, namespace=space)).items
        items += (await self.world.api.list(SECRET, namespace=self.system)).items
        return {
            f"{item['kind']} {place(item)}".replace(self.name, "ROUND"): json.loads(
                re.sub(rf"{self.name}\b", "ROUND", json.dumps(normal(item)))
            )
            for item in items
        }


def place(item):
    """Return namespace and name."""
    return f"{item['metadata'].get('namespace', '')}/{item['metadata']['name']}"


def normal(item):
    """Return an object without uids, versions, times, serial numbers and key material; certificates as what they say."""
    meta = item["metadata"]
    kept = {
        "labels": meta.get("labels", {}),
        "owners": [(owner["kind"], owner["name"]) for owner in meta.get("ownerReferences", [])],
        "managers": sorted({entry["manager"] for entry in meta.get("managedFields", [])}),
    }
    parts = {name: item[name] for name in ("spec", "roleRef", "subjects", "type", "immutable") if name in item}
    if "data" in item:
        parts["data"] = {"keys": sorted(item["data"]), "certificates": _certificates(item["data"])}
    if "status" in item:
        parts["status"] = _timeless(item["status"])
    return {**kept, **parts}


def _certificates(data):
    chain = x509.load_pem_x509_certificates(base64.b64decode(data["tls.crt"]))
    return [
        {
            "subject": one.subject.rfc4514_string(),
            "issuer": one.issuer.rfc4514_string(),
            "names": sorted(
                name.value for name in one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            ),
        }
        for one in chain
    ]


CHANGING = {
    "lastTransitionTime",
    "serial",
    "authority",
    "notBefore",
    "notAfter",
    "nextRenewal",
    "id",
    "bundle",
    "hash",
    "message",
}


def _timeless(value):
    if isinstance(value, dict):
        return {name: _timeless(part) for name, part in value.items() if name not in CHANGING}
    return [_timeless(part) for part in value] if isinstance(value, list) else value


async def test_killed_at_each_of_its_first_writes(world, cluster, controller, until, trust_domain, policy, tmp_path):
    """Whichever write the controller dies at, before or after it took effect, the next one ends in the same state."""
    async with a_proxy(cluster.kubeconfig, tmp_path) as (killer, through):
        reference = await _undisturbed(Round(world, 0), killer, through, controller, until, trust_domain, policy)
        assert len(reference) == 1 + 2 * (5 + 6 + 1 + 5 + 1) + 2
        assert len(killer.writes) >= ROUNDS
        for number in range(1, ROUNDS + 1):
            current = Round(world, number)
            await current.begin(trust_domain, policy)
            killer.writes, killer.at = [], number
            async with controller(current.system, kubeconfig=through, log="killed.log") as process:
                killer.pid = process.pid
                assert await asyncio.wait_for(process.running.wait(), 30) == -signal.SIGKILL
            killer.at = 0
            # The dead one's Lease would be waited out for 15 s; test_two.py shows that it is.
            await world.delete(LEASE, "bartizan-controller", current.system)
            async with controller(current.system, kubeconfig=through, log="revived.log"):
                await _reaches(current, reference, until, f"killed at write {number}: {killer.writes}")
            await current.end()


async def _undisturbed(first, killer, through, controller, until, trust_domain, policy):
    await first.begin(trust_domain, policy)
    async with controller(first.system, kubeconfig=through):

        async def settled():
            state = await first.state()
            ready = [
                one["status"]
                for name, item in state.items()
                if name.startswith("ServiceSecurityPolicy")
                for one in item.get("status", {}).get("conditions", [])
                if one["type"] == "Ready"
            ]
            isolated = sum(name.endswith("/bartizan-baseline") for name in state)
            return state if ready == ["True"] * 10 and isolated == 2 else None

        state = await until(settled, within=30)
        assert killer.writes
    await first.end()
    return state


async def _reaches(current, reference, until, when):
    found = {}

    async def same():
        found.clear()
        found.update(await current.state())
        return found == reference

    try:
        await until(same, within=30)
    except AssertionError:
        different = {name: found.get(name) for name in {*found, *reference} if found.get(name) != reference.get(name)}
        pytest.fail(f"{when}: {json.dumps(different, default=str)[:3000]}")

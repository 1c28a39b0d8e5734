"""One policy that can't be written must not hold up another's revocation: an edge taken away among two hundred policies."""

from __future__ import annotations

import asyncio
import json
import random
import time
from typing import Final

from bartizan.api.kinds import NETWORK_POLICY, POLICY, SECURITY_BASELINE
from bartizan.api.names import DEFAULT_NAME, KubeObject
from bartizan.core.model import PolicyKey
from bench.landscape import Landscape, is_ready, names, network_policy_ref, policy_ref
from bench.numbers import spread
from bench.progress import say
from bench.result import Result, Table
from bench.sight import Sight, a_sight
from bench.stage import ACCOUNT, Running, Stage, a_stage
from bench.waiting import until

REVOCATIONS: Final = 50
_FEWER: Final = 20
_BROKEN: Final[PolicyKey] = ("revoke-00", "svc-01")
_REFUSAL: Final = "bench-refuses-one"
_Edge = tuple[PolicyKey, PolicyKey]


async def measure() -> Result:
    """Revoke edges: of healthy policies, while everything is looked at anew, and with one whose writes are all refused."""
    async with a_stage("revocation") as stage:
        land = Landscape("revoke", 10, 20)
        await stage.put(land.spaces())
        await stage.put(land.policies())
        async with stage.controller() as controller, a_sight(stage.api, POLICY, NETWORK_POLICY) as sight:
            for key in land.keys:
                await sight.after(policy_ref(key), is_ready, within=300)
            accounts = {"apiVersion": "v1", "kind": "List", "items": land.accounts()}
            stage.cluster.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(accounts))
            await stage.put(land.pods())
            await sight.quiet(3)
            series = _Series(stage, sight, land)
            await series.run("200 healthy", series.anywhere())
            await series.run("200 healthy, all of them queued just before", series.anywhere()[:_FEWER], busy=True)
            refused = await _break(stage, controller)
            await series.run("199 healthy, 1 refused", series.near_and_far())
            await series.run("the caller is the refused one: the called side alone", series.of_broken(), sides=1)
            failures = await _failed(controller) - refused
    return Result(
        name="revocation",
        title="Revocation: an edge taken away among 200 policies, one of them broken",
        method=(
            "Control plane alone, 200 policies of 5 edges in 10 namespaces, one pod each (Pending, for want of a "
            "node), so that every write is judged over pairs of pods before it is made. A caller's policy is "
            "applied without one of its edges; the time runs from just before that request until a watch shows "
            f"both NetworkPolicies without it. First {REVOCATIONS} times with all policies healthy. Then "
            f"{_FEWER} times right after a change of the SecurityBaseline, for which every policy has to be "
            "looked at. Then while an admission policy of the cluster's owner refuses every write of one "
            "policy's NetworkPolicy, which has to be repaired: that is tried again and again; every second "
            "victim is a neighbour of the broken one. Last, edges of the broken one itself, which never closes: "
            "the called side closes alone. Limit (issue): 2 s."
        ),
        tables=(Table(("policies", "n", "p50", "p99", "max"), tuple(series.rows)),),
        remarks=(f"While the last two series ran the broken policy failed {failures:.0f} times.",),
    )


class _Series:
    """Series of revocations, each given back before the next."""

    def __init__(self, stage: Stage, sight: Sight, land: Landscape) -> None:
        self._stage = stage
        self._sight = sight
        self._land = land
        self._chosen = random.Random(3)  # noqa: S311 -- a sample, the same each time
        self.rows: list[tuple[str, ...]] = []

    def anywhere(self) -> list[_Edge]:
        """Edges between healthy policies."""
        return [self._edge(self._land.keys) for _ in range(REVOCATIONS)]

    def near_and_far(self) -> list[_Edge]:
        """The same, every second one of a caller of the broken policy."""
        near = [key for key in self._land.keys if _BROKEN in self._land.calls[key]]
        return [self._edge(self._land.keys if number % 2 else near) for number in range(REVOCATIONS)]

    def of_broken(self) -> list[_Edge]:
        """Edges that the broken policy calls."""
        called = sorted(self._land.calls[_BROKEN])
        return [(_BROKEN, called[number % len(called)]) for number in range(_FEWER)]

    def _edge(self, callers: list[PolicyKey]) -> _Edge:
        caller = self._chosen.choice([key for key in callers if key != _BROKEN])
        return caller, self._chosen.choice(sorted(self._land.calls[caller] - {_BROKEN}))

    async def run(self, name: str, edges: list[_Edge], *, busy: bool = False, sides: int = 2) -> None:
        """Take the edges away one after another and add a row; `sides` 1: only the called side's NetworkPolicy is awaited."""
        took = []
        for number, edge in enumerate(edges):
            if busy:
                await self._stage.put([_baseline(f"n{number}.example")])
            took.append(await self._take(edge, sides))
            await self._give(edge, sides)
            await asyncio.sleep(0.2)
            await self._sight.quiet(0.3, within=30)
        say(f"{name}: {spread(took)}")
        self.rows.append((name, *spread(took)))

    async def _take(self, edge: _Edge, sides: int) -> float:
        caller, called = edge
        self._land.calls[caller].discard(called)
        # The called side's policy still offers the edge: one side's word ends it.
        policy = self._land.policy(caller)
        began = time.monotonic()
        await self._stage.api.apply(policy, manager="bench", force=True)
        return await self._seen(edge, sides, began, there=False) - began

    async def _give(self, edge: _Edge, sides: int) -> None:
        caller, called = edge
        began = time.monotonic()
        self._land.calls[caller].add(called)
        await self._stage.put([self._land.policy(caller)])
        await self._seen(edge, sides, began, there=True)

    async def _seen(self, edge: _Edge, sides: int, since: float, *, there: bool) -> float:
        """Return when the last of the NetworkPolicies was seen with the edge, or without it."""
        caller, called = edge
        ends = ((called, caller), (caller, called))[:sides]
        return max([await self._when(own, other, since, there=there) for own, other in ends])

    async def _when(self, own: PolicyKey, other: PolicyKey, since: float, *, there: bool) -> float:
        return await self._sight.after(network_policy_ref(own), lambda item: names(item, other) is there, since=since)


def _baseline(forbidden: str) -> KubeObject:
    spec = {"network": {"fqdnDenyList": [forbidden]}}
    return {
        "apiVersion": SECURITY_BASELINE.api_version,
        "kind": SECURITY_BASELINE.kind,
        "metadata": {"name": DEFAULT_NAME},
        "spec": spec,
    }


async def _break(stage: Stage, controller: Running) -> float:
    """Refuse every write of one NetworkPolicy, then change it by hand: it can neither be repaired nor left alone."""
    ref = network_policy_ref(_BROKEN)
    item = await stage.api.get(ref)
    meta = {"name": ref.name, "namespace": ref.namespace}
    spec = {"podSelector": item["spec"]["podSelector"], "ingress": [{}]}
    stage.cluster.kubectl("apply", "--server-side", "-f", "-", stdin=_refusal(ref.namespace, ref.name))
    await asyncio.sleep(2)
    hand = {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": meta, "spec": spec}
    await stage.api.apply(hand, manager="bench-hand", force=True)

    async def failed() -> bool:
        return await _failed(controller) > 0

    await until(failed)
    return await _failed(controller)


async def _failed(controller: Running) -> float:
    metrics = await controller.metrics()
    return metrics.get('bartizan_reconcile_total{kind="policy",result="failed"}', 0)


def _refusal(namespace: str, name: str) -> str:
    """Return an admission policy, with its binding, that lets the controller not write one NetworkPolicy."""
    rule = {
        "apiGroups": ["networking.k8s.io"],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["networkpolicies"],
        "resourceNames": [name],
    }
    allowed = f"request.namespace != '{namespace}' || !request.userInfo.username.contains('{ACCOUNT}')"
    group, meta = "admissionregistration.k8s.io/v1", {"name": _REFUSAL}
    specs = {
        "ValidatingAdmissionPolicy": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [rule]},
            "validations": [{"expression": allowed, "message": "this NetworkPolicy is not to be written"}],
        },
        "ValidatingAdmissionPolicyBinding": {"policyName": _REFUSAL, "validationActions": ["Deny"]},
    }
    items = [{"apiVersion": group, "kind": kind, "metadata": meta, "spec": spec} for kind, spec in specs.items()]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})

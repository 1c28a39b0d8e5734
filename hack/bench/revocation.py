"""One policy that can't be written must not hold up another's revocation: an edge taken away among two hundred policies."""

from __future__ import annotations

import asyncio
import json
import random
import time
from typing import Final

from bartizan.api.kinds import NETWORK_POLICY, POLICY
from bartizan.core.model import PolicyKey
from bench.landscape import Landscape, is_ready, network_policy_ref, newer_than, policy_ref
from bench.numbers import spread
from bench.progress import say
from bench.result import Result, Table
from bench.sight import Sight, a_sight
from bench.stage import ACCOUNT, Running, Stage, a_stage
from bench.waiting import until

REVOCATIONS: Final = 50
_BROKEN: Final[PolicyKey] = ("revoke-00", "svc-01")
_REFUSAL: Final = "bench-refuses-one"


async def measure() -> Result:
    """Revoke edges, first with every policy healthy, then with one whose writes are all refused."""
    async with a_stage("revocation") as stage:
        land = Landscape("revoke", 10, 20)
        await stage.put(land.spaces())
        await stage.put(land.policies())
        async with stage.controller() as controller, a_sight(stage.api, POLICY, NETWORK_POLICY) as sight:
            for key in land.keys:
                await sight.after(policy_ref(key), is_ready, within=300)
            await sight.quiet(3)
            healthy = await _revoke(stage, sight, land)
            say(f"healthy: {spread(healthy)}")
            refused = await _break(stage, controller)
            broken = await _revoke(stage, sight, land)
            say(f"with one broken: {spread(broken)}")
            failures = await _failed(controller) - refused
    return Result(
        name="revocation",
        title="Revocation: an edge taken away among 200 policies, one of them broken",
        method=(
            "Control plane alone, 200 policies of 5 edges in 10 namespaces. A consumer's policy is applied "
            "without one of its edges; the time runs from just before that request until a watch shows both "
            f"NetworkPolicies without it. First {REVOCATIONS} times with all policies healthy, then as often "
            "while an admission policy of the cluster's owner refuses every write of one policy's "
            "NetworkPolicy, which has to be repaired: that is tried again and again. Every second victim is a "
            "neighbour of the broken one. Limit (issue): 2 s."
        ),
        tables=(
            Table(
                ("policies", "n", "p50", "p99", "max"),
                (("200 healthy", *spread(healthy)), ("199 healthy, 1 refused", *spread(broken))),
            ),
        ),
        remarks=(f"While the second series ran the broken policy failed {failures:.0f} times.",),
    )


async def _revoke(stage: Stage, sight: Sight, land: Landscape) -> list[float]:
    took = []
    chosen = random.Random(3)  # noqa: S311 -- a sample, the same each time
    near = [key for key in land.keys if _BROKEN in land.calls[key] and key != _BROKEN]
    for number in range(REVOCATIONS):
        consumer = chosen.choice(land.keys if number % 2 else near)
        provider = chosen.choice(sorted(land.calls[consumer] - {_BROKEN}))
        if consumer == _BROKEN:
            continue
        took.append(await _once(stage, sight, land, consumer, provider))
        land.calls[consumer].add(provider)
        await stage.put([land.policy(consumer)])
        await asyncio.sleep(0.2)
        await sight.quiet(0.3, within=30)
    return took


async def _once(stage: Stage, sight: Sight, land: Landscape, consumer: PolicyKey, provider: PolicyKey) -> float:
    refs = (network_policy_ref(consumer), network_policy_ref(provider))
    changed = [newer_than(await stage.api.get(ref)) for ref in refs]
    land.calls[consumer].discard(provider)
    # The provider's policy still offers the edge: one side's word ends it.
    policy = land.policy(consumer)
    began = time.monotonic()
    await stage.api.apply(policy, manager="bench", force=True)
    moments = [await sight.after(ref, meets, since=began) for ref, meets in zip(refs, changed, strict=True)]
    return max(moments) - began


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

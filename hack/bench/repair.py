"""How long an object of ours stays as a hand left it: edited or deleted, each emitted kind."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any, Final

from bartizan.api.kinds import NETWORK_POLICY, POLICY, POLICY_INDEX, ROLE_BINDING, SECRET, Kind
from bartizan.api.names import KubeObject
from bartizan.core.model import ObjectRef
from bench.landscape import Landscape, is_ready, policy_ref
from bench.numbers import spread
from bench.progress import say
from bench.result import Result, Table
from bench.sight import Sight, a_sight
from bench.stage import MANAGER, Stage, a_stage

HEAD: Final = ("object", "what the hand did", "n", "p50", "p99", "max")
_PLACE: Final = "repair-00"
_EDITS: Final[dict[tuple[Kind, str], dict[str, Any]]] = {
    (NETWORK_POLICY, "ssp-svc-00"): {"spec": {"podSelector": {"matchLabels": {"app": "svc-00"}}, "ingress": [{}]}},
    (NETWORK_POLICY, "bartizan-baseline"): {"spec": {"podSelector": {}, "egress": [{}]}},
    (SECRET, "svc-00-tls"): {"type": "kubernetes.io/tls", "data": {"tls.key": "YQ=="}},
    (POLICY_INDEX, "index"): {"spec": {"buckets": {"app=evil": [{"name": "evil", "account": "evil"}]}}},
    (ROLE_BINDING, "bartizan-certificates"): {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "bartizan-certificates"},
        "subjects": [{"kind": "ServiceAccount", "name": "evil", "namespace": _PLACE}],
    },
}


async def measure(*, times: int = 25) -> Result:
    """Edit and delete each emitted object `times` times on a cluster with twenty policies."""
    async with a_stage("repair") as stage:
        land = Landscape("repair", 1, 20)
        await stage.put(land.spaces())
        await stage.put(land.policies())
        kinds = (POLICY, NETWORK_POLICY, SECRET, POLICY_INDEX, ROLE_BINDING)
        async with stage.controller() as controller, a_sight(stage.api, *kinds) as sight:
            for key in land.keys:
                await sight.after(policy_ref(key), is_ready)
            await sight.quiet(3)
            rows = await every_kind(stage, sight, _PLACE, times)
            spent = f"{controller.cpu_seconds:.1f}"
    return Result(
        name="repair",
        title="Repair: a hand edits or deletes what bartizan emitted",
        method=(
            "Control plane alone, 20 policies in one enforced namespace, the controller as a process of its "
            "own under the chart's ServiceAccount. A second field manager takes the object with a forced apply "
            "that widens or breaks it, or the object is deleted; the time runs from just before that request "
            "is sent until a watch shows the object with its former meaning. Between two tries 0.2 to 0.6 s "
            "pass. Limit (issue): 5 s."
        ),
        tables=(Table(HEAD, tuple(rows)),),
        remarks=(f"The controller used {spent} s of processor time for all of it, its start included.",),
    )


async def every_kind(stage: Stage, sight: Sight, place: str, times: int) -> list[tuple[str, ...]]:
    """Return a row for each kind and each of edit and deletion, in the namespace `place`."""
    rows: list[tuple[str, ...]] = []
    pause = random.Random(1)  # noqa: S311 -- spreads tries in time, hides nothing
    for (kind, name), edit in _EDITS.items():
        ref = ObjectRef(api_version=kind.api_version, kind=kind.kind, namespace=place, name=name)
        for what, hand in (("edited", edit), ("deleted", None)):
            took = []
            for _ in range(times):
                took.append(await _once(stage, sight, ref, hand))
                await asyncio.sleep(pause.uniform(0.2, 0.6))
            rows.append((f"{kind.kind} `{name}`", what, *spread(took)))
            say(" ".join(rows[-1]))
    return rows


async def _once(stage: Stage, sight: Sight, ref: ObjectRef, edit: dict[str, Any] | None) -> float:
    before = await stage.api.get(ref)
    uid, wanted = before["metadata"]["uid"], meaning(before)
    began = time.monotonic()
    if edit is None:
        await stage.api.delete(ref)

        def restored(item: KubeObject) -> bool:
            return bool(item["metadata"]["uid"] != uid) and meaning(item) == wanted
    else:
        meta = {"name": ref.name, "namespace": ref.namespace}
        hand = {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": meta, **edit}
        edited = await stage.api.apply(hand, manager=MANAGER, force=True)
        version = int(edited["metadata"]["resourceVersion"])
        if meaning(edited) == wanted:
            raise AssertionError(f"the hand's edit of {ref.kind} {ref.name} changed nothing: nothing would be measured")

        def restored(item: KubeObject) -> bool:
            return int(item["metadata"]["resourceVersion"]) > version and meaning(item) == wanted

    return await sight.after(ref, restored, since=began) - began


def meaning(item: KubeObject) -> dict[str, Any]:
    """Return what an object says, a Secret's key material only by its size: a repaired one is a new one."""
    said: dict[str, Any] = {part: item[part] for part in ("spec", "roleRef", "subjects", "type") if part in item}
    if "data" in item:
        said["data"] = {key: len(value) > 100 for key, value in item["data"].items()}
    return said

"""What only the fake can do: faults, lost history, garbage collection, a log of writes."""

import asyncio
from contextlib import aclosing
from datetime import timedelta

import pytest

from bartizan.api.kinds import NETWORK_POLICY, POLICY, SECRET
from bartizan.core.emit import owned_by
from bartizan.core.model import ObjectRef
from bartizan.kube.errors import GoneError, InvalidError, NotFoundError, UnavailableError
from bartizan.testing import FakeKube, Write, a_namespace, a_pod, a_policy, a_policy_view, a_secret, a_service

NP = {
    "apiVersion": NETWORK_POLICY.api_version,
    "kind": NETWORK_POLICY.kind,
    "metadata": {"name": "ssp-orders"},
    "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
}


async def test_writes_are_logged_and_what_others_do_is_not():
    """The log has every write asked for through the API, and whether it changed anything."""
    kube = FakeKube(a_namespace(), a_policy())
    item = a_secret(data={"k": "QQ=="})
    ref = ObjectRef.of(item)
    await kube.apply(item, manager="one")
    await kube.apply(item, manager="one")
    await kube.apply({**a_policy(), "status": {"mode": "Warn"}}, manager="two", status=True)
    await kube.apply(item, manager="three", dry_run=True)
    await kube.delete(ref)
    await kube.delete(ref)
    assert kube.writes == [
        Write("apply", ref, "one"),
        Write("apply", ref, "one", changed=False),
        Write("apply-status", ObjectRef.of(a_policy()), "two"),
        Write("delete", ref),
    ]


async def test_fault_hits_the_call_it_was_meant_for():
    """An injected error is raised once, by the first call that matches, before anything happens."""
    kube = FakeKube()
    kube.fail_next(UnavailableError("down"), matching=lambda call: call.kind == SECRET and call.verb == "apply")
    assert (await kube.list(SECRET)).items == []
    with pytest.raises(UnavailableError, match="down"):
        await kube.apply(a_secret(), manager="one")
    assert kube.objects(SECRET) == []
    await kube.apply(a_secret(), manager="one")


async def test_answer_can_get_lost():
    """With `after` the write happens and its answer does not come."""
    kube = FakeKube()
    kube.fail_next(UnavailableError("reset"), after=True)
    with pytest.raises(UnavailableError):
        await kube.apply(a_secret(), manager="one")
    assert len(kube.objects(SECRET)) == 1


async def test_compacted_history_is_gone():
    """A watch from before the compaction is refused; one from after it goes on."""
    kube = FakeKube(a_secret("a"))
    kube.put(a_secret("b"))
    kube.compact()
    stream = kube.watch(SECRET, resource_version="1", timeout=timedelta(seconds=1))
    with pytest.raises(GoneError, match="too old resource version: 1"):
        await anext(stream)
    async with aclosing(kube.watch(SECRET, resource_version="2", timeout=timedelta(seconds=9))) as events:
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0)
        kube.put(a_secret("c"))
        assert (await waiting).item["metadata"]["name"] == "c"


async def test_garbage_goes_with_its_owner():
    """What a policy owns is collected once the policy is gone, and nothing else."""
    stored = FakeKube(a_policy(), a_secret("free"))
    uid = stored.objects(POLICY)[0]["metadata"]["uid"]
    assert uid == a_policy_view().uid
    owned = owned_by(a_policy_view(), NP)
    await stored.apply(owned, manager="one")
    assert stored.collect() == set()
    stored.remove(ObjectRef.of(a_policy()))
    assert stored.collect() == {ObjectRef.of(owned)}
    assert [item["metadata"]["name"] for item in stored.objects(SECRET)] == ["free"]


async def test_namespace_takes_its_objects_along():
    """Removing a namespace removes what is in it."""
    kube = FakeKube(a_namespace(), a_namespace("other"), a_pod(), a_service(namespace="other"))
    kube.remove(ObjectRef.of(a_namespace()))
    left = [(ref["kind"], ref["metadata"]["name"]) for kind in (NETWORK_POLICY, SECRET) for ref in kube.objects(kind)]
    assert left == []
    assert kube.peek(ObjectRef.of(a_pod())) is None
    assert kube.peek(ObjectRef.of(a_service(namespace="other"))) is not None


async def test_what_is_handed_out_is_a_copy():
    """Changing a returned object changes nothing in the cluster."""
    kube = FakeKube(a_secret(data={"k": "QQ=="}))
    ref = ObjectRef.of(a_secret())
    (await kube.get(ref))["data"]["k"] = "changed"
    (await kube.list(SECRET)).items[0]["data"]["k"] = "changed"
    assert (await kube.get(ref))["data"] == {"k": "QQ=="}


async def test_put_counts_generations_and_takes_fields():
    """An edit by somebody else bumps the generation and makes the changed fields theirs."""
    kube = FakeKube(a_policy())
    await kube.apply({**a_policy(), "metadata": {"name": "orders", "namespace": "shop"}}, manager="one")
    edited = a_policy(network={"ports": [{"name": "http", "port": 80}]})
    del edited["metadata"]["generation"]
    stored = kube.put(edited, manager="kubectl-edit")
    assert stored["metadata"]["generation"] == 2
    owner = {entry["manager"]: entry["fieldsV1"] for entry in stored["metadata"]["managedFields"]}
    assert owner["kubectl-edit"] == {"f:spec": {"f:network": {"f:ports": {}}}}


async def test_foreign_kinds_and_places_are_refused():
    """A kind outside the table, or a namespace on the wrong scope, is a mistake that shows."""
    kube = FakeKube()
    with pytest.raises(NotFoundError, match=r"is not in bartizan\.api\.kinds"):
        await kube.apply({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "x"}}, manager="one")
    with pytest.raises(InvalidError, match=r"Secret x needs metadata\.namespace"):
        await kube.apply({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "x"}}, manager="one")
    with pytest.raises(InvalidError, match=r"Namespace x must not have metadata\.namespace"):
        await kube.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x", "namespace": "y"}}, manager="one"
        )

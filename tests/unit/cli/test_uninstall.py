"""`bartizan uninstall` and `bartizan defaults`, against a cluster in memory: what goes, in which order, and what stays."""

import asyncio
from collections.abc import Coroutine
from datetime import timedelta
from typing import Any

import pytest

from bartizan.api.kinds import (
    BY_NAME,
    CILIUM_NETWORK_POLICY,
    CLUSTER_NETWORK_POLICY,
    DEPLOYMENT,
    MUTATING_BINDING,
    NETWORK_POLICY,
    POD,
    POLICY_INDEX,
    ROLE_BINDING,
    VALIDATING_BINDING,
    Kind,
)
from bartizan.cli.defaults import DefaultsError, apply_defaults, read_objects
from bartizan.cli.uninstall import Network, Uninstall, UninstallError
from bartizan.core.model import ObjectRef
from bartizan.kube.errors import ForbiddenError, NotFoundError
from bartizan.testing.builders import a_policy
from bartizan.testing.clock import FakeClock
from bartizan.testing.fake_kube import FakeKube

SYSTEM = "bartizan-system"


def _item(kind: Kind, name: str, namespace: str = "", *, ours: bool = True, **parts: Any) -> dict[str, Any]:
    labels = {"app.kubernetes.io/managed-by": "bartizan"} if ours else {}
    meta = {"name": name, "labels": labels} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, **parts}


def _cluster() -> FakeKube:
    return FakeKube(
        _item(VALIDATING_BINDING, "bartizan-gate", spec={"policyName": "bartizan-gate"}),
        _item(VALIDATING_BINDING, "by-hand", ours=False, spec={"policyName": "bartizan-gate"}),
        _item(VALIDATING_BINDING, "bartizan-guard-index", spec={"policyName": "bartizan-guard-index"}),
        _item(VALIDATING_BINDING, "somebody-elses", ours=False, spec={"policyName": "no-latest-tag"}),
        _item(MUTATING_BINDING, "bartizan-inject", spec={"policyName": "bartizan-inject"}),
        _item(DEPLOYMENT, "bartizan-controller", SYSTEM, ours=False),
        _item(NETWORK_POLICY, "bartizan", SYSTEM, ours=False),
        _item(NETWORK_POLICY, "ssp-orders", "shop"),
        _item(NETWORK_POLICY, "bartizan-baseline", "shop"),
        _item(NETWORK_POLICY, "by-hand", "shop", ours=False),
        _item(ROLE_BINDING, "bartizan-certificates", "shop"),
        _item(ROLE_BINDING, "bartizan-probes", "shop"),
        _item(POLICY_INDEX, "index", "shop"),
        a_policy(),
    )


async def _finished(clock: FakeClock, act: Coroutine[Any, Any, None]) -> None:
    """Let time pass until `act` has ended."""
    task = asyncio.create_task(act)
    while not task.done():
        await clock.advance(timedelta(seconds=1))
    await task


async def _uninstalled(api: FakeKube, network: Network = "Open", *, seconds: int = 5) -> list[str]:
    """Uninstall, and return what was said."""
    said: list[str] = []
    clock = FakeClock()
    uninstall = Uninstall(api, release_namespace=SYSTEM, say=said.append, clock=clock)
    await _finished(clock, uninstall.run(network, timeout=timedelta(seconds=seconds)))
    return said


def _names(api: FakeKube) -> list[str]:
    return [f"{kind.kind} {item['metadata']['name']}" for kind in BY_NAME.values() for item in api.objects(kind)]


KEPT = [
    "ServiceSecurityPolicy orders",
    "NetworkPolicy bartizan",
    "NetworkPolicy by-hand",
    "ValidatingAdmissionPolicyBinding somebody-elses",
]


async def test_everything_is_opened_and_nothing_else_is_touched() -> None:
    """Bindings, isolation, access and index go; policies, other people's objects and the chart's own NetworkPolicy stay."""
    api = _cluster()
    said = await _uninstalled(api)
    assert _names(api) == KEPT
    assert said == [
        "removed ValidatingAdmissionPolicyBinding bartizan-gate (gate)",
        "removed ValidatingAdmissionPolicyBinding bartizan-guard-index (gate)",
        "removed ValidatingAdmissionPolicyBinding by-hand (gate)",
        "removed MutatingAdmissionPolicyBinding bartizan-inject (gate)",
        "the controller has stopped",
        "removed NetworkPolicy shop/bartizan-baseline (isolation of namespaces)",
        "removed NetworkPolicy shop/ssp-orders (isolation of services)",
        "removed RoleBinding shop/bartizan-certificates (access to Secrets)",
        "removed RoleBinding shop/bartizan-probes (access of the prober)",
        "removed PolicyIndex shop/index (index)",
        "everything is open",
    ]


async def test_what_stands_around_network_policies_goes_too() -> None:
    """What denies goes before the NetworkPolicies and what adds to them after, so that nothing is cut on the way."""
    api = _cluster()
    api.also_served = {
        CILIUM_NETWORK_POLICY.api_version: frozenset({CILIUM_NETWORK_POLICY.plural}),
        CLUSTER_NETWORK_POLICY.api_version: frozenset({CLUSTER_NETWORK_POLICY.plural}),
    }
    api.put(_item(CILIUM_NETWORK_POLICY, "ssp-orders", "shop"))
    api.put(_item(CILIUM_NETWORK_POLICY, "by-hand", "shop", ours=False))
    for name, ours in (("bartizan-baseline", True), ("bartizan-metadata", True), ("platform", False)):
        api.put(_item(CLUSTER_NETWORK_POLICY, name, ours=ours))
    said = await _uninstalled(api)
    assert [line for line in said if "NetworkPolicy" in line] == [
        "removed ClusterNetworkPolicy bartizan-baseline (tiers around services)",
        "removed ClusterNetworkPolicy bartizan-metadata (tiers around services)",
        "removed NetworkPolicy shop/bartizan-baseline (isolation of namespaces)",
        "removed NetworkPolicy shop/ssp-orders (isolation of services)",
        "removed CiliumNetworkPolicy shop/ssp-orders (names that services call)",
    ]
    assert _names(api)[-2:] == ["CiliumNetworkPolicy by-hand", "ClusterNetworkPolicy platform"]


async def test_the_network_can_be_kept() -> None:
    """With Keep the NetworkPolicies stay as they are; the gate is opened all the same."""
    api = _cluster()
    await _uninstalled(api, "Keep", seconds=5)
    assert _names(api) == [
        "ServiceSecurityPolicy orders",
        "NetworkPolicy bartizan",
        "NetworkPolicy bartizan-baseline",
        "NetworkPolicy by-hand",
        "NetworkPolicy ssp-orders",
        "ValidatingAdmissionPolicyBinding somebody-elses",
    ]


async def test_a_dry_run_only_says() -> None:
    """A preview names what would go and removes nothing."""
    api, said = _cluster(), []
    before = _names(api)
    await Uninstall(api, release_namespace=SYSTEM, say=said.append).preview("Open")
    assert _names(api) == before
    assert api.writes == []
    assert said[0] == "would remove ValidatingAdmissionPolicyBinding bartizan-gate (gate)"


async def test_it_can_be_done_again() -> None:
    """On a cluster that has nothing left, and not even the definitions, it succeeds."""
    api = FakeKube()
    api.fail_next(NotFoundError("no such kind"), matching=lambda call: call.kind == POLICY_INDEX)
    await _uninstalled(api, "Open", seconds=5)
    assert _names(api) == []


async def test_a_guard_that_is_remembered_for_a_moment_is_outwaited() -> None:
    """A deletion refused at first is tried again."""
    api = _cluster()
    api.fail_next(ForbiddenError("guard"), matching=lambda call: call.verb == "delete" and call.kind == POLICY_INDEX)
    await _uninstalled(api, "Open", seconds=5)
    assert _names(api) == KEPT


async def test_what_cannot_be_removed_is_named() -> None:
    """When something stays, the error says what and why."""
    api = _cluster()
    api.fail_next(
        ForbiddenError("no right to"),
        matching=lambda call: call.verb == "delete" and call.name == "ssp-orders",
        times=99,
    )
    with pytest.raises(
        UninstallError, match="still there: NetworkPolicy shop/ssp-orders: no right to; remove it by hand"
    ):
        await _uninstalled(api, "Open", seconds=3)


async def test_a_controller_on_a_dead_node_is_not_waited_for_for_ever() -> None:
    """A controller's pod that never goes holds nothing up after a minute."""
    pod = _item(POD, "bartizan-controller-0", SYSTEM, ours=False)
    pod["metadata"]["labels"] = {"app.kubernetes.io/name": "bartizan", "app.kubernetes.io/component": "controller"}
    api = _cluster()
    api.put(pod)
    said = await _uninstalled(api, "Open", seconds=300)
    assert "the controller's pods are still listed; going on, they may be on a dead node" in said
    assert "everything is open" in said


DOMAIN = {
    "apiVersion": "bartizan.dev/v1alpha1",
    "kind": "TrustDomain",
    "metadata": {"name": "default"},
    "spec": {"domain": "cluster.local"},
}


async def test_defaults_wait_for_their_definitions() -> None:
    """An object whose definition is not served yet is applied once it is, by a manager of its own."""
    api = FakeKube()
    api.fail_next(NotFoundError("no such kind"), times=3)
    clock = FakeClock()
    await _finished(clock, apply_defaults(api, [DOMAIN], clock=clock))
    found = api.peek(ObjectRef.of(DOMAIN))
    assert found is not None
    assert found["spec"] == DOMAIN["spec"]
    assert [entry["manager"] for entry in found["metadata"]["managedFields"]] == ["bartizan/defaults"]


async def test_defaults_do_not_wait_for_ever() -> None:
    """A definition that does not appear within a minute is an error."""
    api = FakeKube()
    api.fail_next(NotFoundError("no such kind"), times=10_000)
    clock = FakeClock()
    with pytest.raises(NotFoundError):
        await _finished(clock, apply_defaults(api, [DOMAIN], clock=clock))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "the objects are not JSON"),
        ("{}", "must be a JSON array of objects"),
        ("[1]", "must be a JSON array of objects"),
        (
            '[{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "default"}}]',
            "Secret default of v1 is not one",
        ),
        (
            '[{"apiVersion": "bartizan.dev/v1alpha1", "kind": "TrustDomain", "metadata": {"name": "other"}}]',
            "TrustDomain other of bartizan.dev/v1alpha1 is not one",
        ),
    ],
    ids=["not JSON", "no array", "no objects", "another kind", "another name"],
)
def test_only_the_charts_own_objects_are_applied(text: str, said: str) -> None:
    """Anything but the two objects named default is refused before the cluster is asked."""
    with pytest.raises(DefaultsError, match=said):
        read_objects(text)

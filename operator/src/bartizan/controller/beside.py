"""Looks at what a network plugin's kinds hold beside and around NetworkPolicies, for those that decide about it.

It is apart from the reconciler because a cluster may not serve these kinds at all: then nothing here asks the API server.
"""

from collections.abc import Awaitable
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from bartizan.api.kinds import CILIUM_NETWORK_POLICY, CLUSTER_NETWORK_POLICY, Kind
from bartizan.api.names import BASELINE_NETWORK_POLICY, METADATA_NETWORK_POLICY, KubeObject, network_policy_name
from bartizan.controller.gathered import isolation
from bartizan.controller.world import World
from bartizan.core.model import InvalidPolicy, PolicyView, Snapshot
from bartizan.core.network.backends.cilium import wants_cilium
from bartizan.core.network.backends.tiers import TiersObserved, plan_tiers
from bartizan.core.plan import Plan


class Find(Protocol):
    """Finds the object of a name, in the picture or, if it is to `look`, at the API server."""

    def __call__(self, kind: Kind, namespace: str, name: str, *, look: bool = True) -> Awaitable[KubeObject | None]:
        """Return the object or None."""
        ...


class Beside:
    """Knows where to look."""

    def __init__(self, world: World, find: Find) -> None:
        """Look with `find`."""
        self._world = world
        self._find = find

    async def cilium(self, policy: PolicyView | InvalidPolicy, snapshot: Snapshot, *, look: bool) -> KubeObject | None:
        """Return the policy's CiliumNetworkPolicy; the API server is asked only where there is to be one."""
        look = look and snapshot.capabilities.cilium and isinstance(policy, PolicyView) and wants_cilium(policy)
        return await self._find(CILIUM_NETWORK_POLICY, policy.namespace, network_policy_name(policy.name), look=look)

    async def plan_tiers(self, now: datetime) -> Plan:
        """Return what is to be done about the tier objects; the API server is asked only if some namespace is isolated."""
        snapshot = self._world.snapshot()
        if not snapshot.capabilities.cluster_network_policy:
            return Plan()
        isolated = frozenset(name for name in snapshot.namespaces if isolation(self._world, name))
        look = bool(isolated)
        observed = TiersObserved(
            baseline=await self._find(CLUSTER_NETWORK_POLICY, "", BASELINE_NETWORK_POLICY, look=look),
            metadata=await self._find(CLUSTER_NETWORK_POLICY, "", METADATA_NETWORK_POLICY, look=look),
            isolated=isolated,
        )
        return plan_tiers(replace(self._world.snapshot(), now=now), observed)

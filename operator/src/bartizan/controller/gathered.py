"""Gathers from the picture what stands around one policy, for the one place that decides about it."""

from bartizan.api.kinds import NETWORK_POLICY, POLICY, SECRET
from bartizan.api.names import BASELINE_NETWORK_POLICY, KubeObject, network_policy_name
from bartizan.controller.world import World
from bartizan.core.gaps.surroundings import Surroundings
from bartizan.core.isolation import touched_namespaces
from bartizan.core.model import InvalidPolicy, PolicyView
from bartizan.core.network.peers import neighbours
from bartizan.core.network.proof import Reports, read_report, speaks_of
from bartizan.core.ownership import belongs, is_foreign, is_ours


def around(world: World, policy: PolicyView | InvalidPolicy, observed: KubeObject | None) -> tuple[KubeObject, ...]:
    """Return the NetworkPolicies of ours that a policy's next step is judged by: its namespace's and its peers'."""
    namespaces = touched_namespaces(policy, observed) if isinstance(policy, PolicyView) else {policy.namespace}
    found = (item for name in sorted(namespaces) for item in world.store.list(NETWORK_POLICY, name))
    return tuple(item for item in found if is_ours(item))


def isolation(world: World, namespace: str) -> KubeObject | None:
    """Return the namespace's isolation, if bartizan made what bears its name."""
    item = world.item(NETWORK_POLICY, namespace, BASELINE_NETWORK_POLICY)
    return None if is_foreign(item) else item


def isolation_taken(world: World, namespace: str) -> bool:
    """Return whether somebody else's NetworkPolicy bears the name of the namespace's isolation."""
    return is_foreign(world.item(NETWORK_POLICY, namespace, BASELINE_NETWORK_POLICY))


def surroundings(world: World, policy: PolicyView | InvalidPolicy) -> Surroundings:
    """Return what others made around a policy."""
    return Surroundings() if isinstance(policy, InvalidPolicy) else world.surroundings.of(policy, world.snapshot())


def reports(world: World, policy: PolicyView | InvalidPolicy) -> Reports:
    """Return what the prober saw of a policy and its neighbours, as far as their NetworkPolicies are still the same."""
    found = {}
    known = (policy.key, *neighbours(policy)) if isinstance(policy, PolicyView) else ()
    for namespace, name in known:
        item = world.item(POLICY, namespace, name)
        report = read_report(item) if item else None
        if report and speaks_of(report, world.item(NETWORK_POLICY, namespace, network_policy_name(name))):
            found[namespace, name] = report
    return found


def strays(world: World, policy: PolicyView | InvalidPolicy) -> tuple[KubeObject, ...]:
    """Return certificate Secrets of a policy under former names, once the one of the present name exists."""
    if isinstance(policy, InvalidPolicy):
        return ()
    name = policy.spec.secret_name(policy.name)
    mine = world.store.list(SECRET, namespace=policy.namespace, mark=policy.name)
    if all(item["metadata"]["name"] != name for item in mine):
        return ()
    return tuple(
        item for item in mine if item["metadata"]["name"] != name and belongs(item, policy.uid) and is_ours(item)
    )

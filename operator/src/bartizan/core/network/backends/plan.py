"""Keeping the network plugin's own object of a policy, and knowing how much may rest on it.

That the API server serves a kind proves nothing: CRDs outlive the plugin that brought them. So the NetworkPolicy goes on
holding what it can hold of a name until the plugin has said that it takes the object (Cilium's condition `Valid`), and takes it
back when the object has gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bartizan.api.kinds import CILIUM_NETWORK_POLICY
from bartizan.api.names import KubeObject, network_policy_name
from bartizan.core.model import NameCarrier, PolicyView, Snapshot
from bartizan.core.network.backends.cilium import wants_cilium
from bartizan.core.ownership import abandoned, is_foreign, upkeep
from bartizan.core.plan import Apply, Delete
from bartizan.core.reasons import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class BesidePlan:
    """What is to be done about what stands beside a policy's NetworkPolicy."""

    applies: tuple[Apply, ...] = ()
    deletes: tuple[Delete, ...] = ()
    kept: tuple[KubeObject, ...] = ()
    """What the status lists as emitted."""
    conflict: bool = False
    """Whether somebody else's object is in the way."""


def carried(policy: PolicyView, snapshot: Snapshot, observed: KubeObject | None) -> Snapshot:
    """Return the snapshot with what carries names for `policy`; `observed` bears the name of its CiliumNetworkPolicy."""
    if not snapshot.capabilities.cilium or not wants_cilium(policy):
        return snapshot
    return replace(snapshot, carrier=_carrier(policy, snapshot, observed))


def _carrier(policy: PolicyView, snapshot: Snapshot, observed: KubeObject | None) -> NameCarrier:
    said = f"{CILIUM_NETWORK_POLICY.kind} {network_policy_name(policy.name)}"
    if snapshot.mode(policy.namespace) is not Mode.ENFORCE:
        return NameCarrier(object=said, problem="is written once the namespace is enforced")
    if observed is None:
        return NameCarrier(object=said, problem="is being written")
    if is_foreign(observed, owner_uid=policy.uid):
        return NameCarrier(object=said, problem="exists that bartizan did not make: rename or delete it")
    conditions = (observed.get("status") or {}).get("conditions") or ()
    valid: KubeObject = next((one for one in conditions if one.get("type") == "Valid"), {})
    if valid.get("status") == "True":
        return NameCarrier(object=said, accepted=True)
    if valid.get("status") == "False":
        return NameCarrier(object=said, problem=f"is refused by Cilium: {valid.get('message', '')}")
    return NameCarrier(object=said, problem="waits for Cilium to accept it (condition Valid)")


def plan_beside(policy: PolicyView, desired: Sequence[KubeObject], observed: KubeObject | None) -> BesidePlan:
    """Return the writes that leave exactly `desired` (the policy's CiliumNetworkPolicy, or nothing).

    The applies belong before the NetworkPolicy's and the deletes after them: what stands here only adds.
    """
    if not desired:
        return BesidePlan(deletes=abandoned(observed, owner_uid=policy.uid))
    if is_foreign(observed, owner_uid=policy.uid):
        return BesidePlan(conflict=True)
    applies = tuple(apply for item in desired for apply in upkeep(item, observed, manager="bartizan/networkpolicy"))
    return BesidePlan(applies=applies, kept=tuple(desired))

"""The next write of one policy's NetworkPolicy on the way from what is observed to what is desired.

Each policy is reconciled on its own, so the order between two of them is kept by looking at the other's *observed* object: a
consumer opens when the provider already admits it, a provider closes when the consumer has closed. What one write would do to
every pair of pods is computed before it is made (`rollout_proof`); where it would open what neither the old nor the new world
has, or cut what both have, that part waits and the rest is written.

Waiting never holds back a revocation for long: `patient` turns False after a second, and then everything closes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from bartizan.api.names import BASELINE_NETWORK_POLICY, KubeObject, network_policy_name
from bartizan.core.emit import intact
from bartizan.core.model import PolicyKey, PolicyView, Snapshot
from bartizan.core.network.atoms import (
    Atoms,
    Side,
    both,
    joined,
    less,
    ports_both,
    ports_less,
    read_atoms,
    side,
    with_atoms,
)
from bartizan.core.network.compile import CompiledNetwork, compile_network
from bartizan.core.network.peers import NAMESPACE_LABEL, neighbours, policy_peers
from bartizan.core.network.ports import PortRange
from bartizan.core.network.rollout_proof import Proof, prove
from bartizan.core.reasons import Mode

PATIENCE: Final = timedelta(seconds=1)
"""How long one side of an edge waits for the other: far more than a healthy write takes, half of what a revocation may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What stands in the cluster around a policy."""

    snapshot: Snapshot
    network_policies: Sequence[KubeObject] = ()
    """Bartizan's NetworkPolicies as observed, at least those of the policy's namespace and of its peers'."""
    in_flight: Sequence[KubeObject] = ()
    """NetworkPolicies that are being written at this moment: they may stand already, or not yet."""
    patient: bool = True
    """Whether waiting for the other side is still right."""

    def find(self, namespace: str, name: str) -> KubeObject | None:
        """Return an observed NetworkPolicy."""
        wanted = (namespace, name)
        for item in self.network_policies:
            if (item["metadata"]["namespace"], item["metadata"]["name"]) == wanted:
                return item
        return None

    def prove(self, policy: PolicyView, *, desired: KubeObject, observed: KubeObject | None, atoms: Atoms) -> Proof:
        """Return what writing `atoms` would open and cut here."""
        return prove(
            policy,
            desired=desired,
            observed=observed,
            atoms=atoms,
            snapshot=self.snapshot,
            network_policies=self.network_policies,
            in_flight=self.in_flight,
        )

    def isolates(self, policy: PolicyView) -> bool:
        """Whether anything of bartizan's isolates the policy's pods already."""
        names = (network_policy_name(policy.name), BASELINE_NETWORK_POLICY)
        return any(self.find(policy.namespace, name) is not None for name in names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What is written now, in this order, and what for the rest waits."""

    writes: tuple[KubeObject, ...] = ()
    """NetworkPolicies as they are to be; equal to what is observed where nothing changes."""
    waits_for: Mapping[PolicyKey, str] = field(default_factory=dict)
    """The policies whose next write this one waits for, and what each is expected to do."""
    whole: bool = True
    """Whether that is all: nothing is left for another look."""


def next_step(policy: PolicyView, compiled: CompiledNetwork, observed: KubeObject | None, around: Around) -> Step:
    """Return the next step. Taken again and again as others take theirs, it ends at what is compiled."""
    desired = compiled.network_policy
    if observed is not None and not intact(observed):
        return Step(writes=(desired,))
    former, missing, waits = _former(policy, compiled, observed, around)
    if missing and observed is not None:
        held = {**desired, "spec": {**desired["spec"], "podSelector": observed["spec"]["podSelector"]}}
        atoms, closers = _narrowed(policy, held, observed, around)
        return Step(writes=(*former, with_atoms(held, atoms)), waits_for={**waits, **closers}, whole=False)
    step = _main(policy, desired, observed, around)
    whole = step.whole and not waits
    return Step(writes=(*former, *step.writes), waits_for={**waits, **step.waits_for}, whole=whole)


def _former(
    policy: PolicyView, compiled: CompiledNetwork, main: KubeObject | None, around: Around
) -> tuple[tuple[KubeObject, ...], bool, dict[PolicyKey, str]]:
    """Return the NetworkPolicies for pods of former selectors, never wider than before, whether one is missing, and waits."""
    writes, missing = [], False
    # The main one may leave these pods in the same step, so what it allows them does not count.
    moved = replace(around, network_policies=_instead(compiled.network_policy, around.network_policies))
    waits: dict[PolicyKey, str] = {}
    for desired in compiled.former:
        meta = desired["metadata"]
        known = around.find(meta["namespace"], meta["name"])
        missing = missing or known is None
        before = known if known is not None and intact(known) else None
        if before is None and main is not None and main["spec"]["podSelector"] == desired["spec"]["podSelector"]:
            before = main
        atoms, closers = _narrowed(policy, desired, before, moved)
        writes.append(with_atoms(desired, atoms))
        waits |= closers
    return tuple(writes), missing, waits


def _narrowed(
    policy: PolicyView, desired: KubeObject, observed: KubeObject | None, around: Around
) -> tuple[Atoms, dict[PolicyKey, str]]:
    """Return what pods of a former selector keep: no more than they had, less what is closed.

    Where another policy takes them over, what both it and the former one allow stays until that one is written.
    """
    old, new = read_atoms(observed), read_atoms(desired)
    atoms = both(old, new)
    if observed is None or not around.patient:
        return atoms, {}
    standing = {**observed, "metadata": desired["metadata"]}
    proof = around.prove(policy, desired=desired, observed=standing, atoms=atoms)
    return joined(atoms, proof.cuts), {key: _taking_over(key) for key in proof.cut_from}


def _instead(desired: KubeObject, network_policies: Sequence[KubeObject]) -> Sequence[KubeObject]:
    place = (desired["metadata"]["namespace"], desired["metadata"]["name"])
    others = (one for one in network_policies if (one["metadata"]["namespace"], one["metadata"]["name"]) != place)
    return [*others, desired]


def _taking_over(key: PolicyKey) -> str:
    return f"{'/'.join(key)} to take over what would be cut"


def _main(policy: PolicyView, desired: KubeObject, observed: KubeObject | None, around: Around) -> Step:
    old, new = read_atoms(observed), read_atoms(desired)
    moved = observed is not None and observed["spec"]["podSelector"] != desired["spec"]["podSelector"]
    unready, waits = _unready(policy, less(new, old), around) if around.isolates(policy) else ({}, {})
    kept, closers = ({}, {}) if moved else _kept(policy, less(old, new), around)
    waits = {**waits, **closers}
    if observed is None and waits:
        return Step(waits_for=waits, whole=False)
    atoms = joined(less(new, unready), kept)
    proof = around.prove(policy, desired=desired, observed=observed, atoms=atoms)
    atoms = less(atoms, proof.opens)
    if around.patient and not moved:
        atoms = joined(atoms, proof.cuts)
    waits = {**waits, **_proven(proof, around)}
    if not less(atoms, new) and not less(new, atoms):
        return Step(writes=(desired,))
    idle = not less(atoms, old) and not less(old, atoms)
    only_opens = bool(unready) and not less(old, atoms)
    if (idle or only_opens) and not moved:
        return Step(waits_for=waits, whole=False)
    return Step(writes=(with_atoms(desired, atoms),), waits_for=waits, whole=False)


def _unready(policy: PolicyView, opening: Atoms, around: Around) -> tuple[Atoms, dict[PolicyKey, str]]:
    """Return the calls that the called side does not admit yet, and who that is."""
    found: dict[Side, frozenset[PortRange]] = {}
    waits: dict[PolicyKey, str] = {}
    if not around.patient:
        return found, waits
    named = neighbours(policy)
    own = [side("ingress", peer) for peer in policy_peers(policy, around.snapshot)]
    for call, ports in opening.items():
        for provider in _behind(call, around.snapshot) if call.way == "egress" else ():
            enforced = around.snapshot.mode(provider.namespace) is Mode.ENFORCE
            if provider.key not in named or not enforced or not around.isolates(provider):
                continue
            admitted = _open_at(provider, own, around)
            lacking = ports_less(ports, admitted)
            # Another policy's pods may bear the same labels: what this one will never admit is not waited for.
            lacking = ports_both(lacking, _wanted_at(provider, own, around)) if lacking else lacking
            if lacking:
                found[call] = found.get(call, frozenset()) | lacking
                waits[provider.key] = f"{'/'.join(provider.key)} to admit it"
    return found, waits


def _kept(policy: PolicyView, closing: Atoms, around: Around) -> tuple[Atoms, dict[PolicyKey, str]]:
    """Return what callers still may send: they close first."""
    found: dict[Side, frozenset[PortRange]] = {}
    waits: dict[PolicyKey, str] = {}
    if not around.patient:
        return found, waits
    own = [side("egress", peer) for peer in policy_peers(policy, around.snapshot)]
    for admission, ports in closing.items():
        for consumer in _behind(admission, around.snapshot) if admission.way == "ingress" else ():
            if consumer.key == policy.key:
                continue
            open_still = ports_both(ports, _open_at(consumer, own, around))
            if open_still:
                found[admission] = found.get(admission, frozenset()) | open_still
                waits[consumer.key] = f"{'/'.join(consumer.key)} to stop calling"
    return found, waits


def _open_at(policy: PolicyView, sides: Iterable[Side], around: Around) -> frozenset[PortRange]:
    """Return the ports that another policy's observed NetworkPolicy opens on any of `sides`."""
    item = around.find(policy.namespace, network_policy_name(policy.name))
    atoms = read_atoms(item) if item is not None and intact(item) else {}
    return frozenset(port for one in sides for port in atoms.get(one, ()))


def _wanted_at(policy: PolicyView, sides: Iterable[Side], around: Around) -> frozenset[PortRange]:
    """Return the ports that another policy is to open on any of `sides` in the end."""
    atoms = read_atoms(compile_network(policy, around.snapshot).network_policy)
    return frozenset(port for one in sides for port in atoms.get(one, ()))


def _behind(one: Side, snapshot: Snapshot) -> Iterable[PolicyView]:
    """Yield the policies whose pods the peer of a side stands for."""
    element = one.element
    if "podSelector" not in element:
        return
    namespace = element["namespaceSelector"]["matchLabels"][NAMESPACE_LABEL]
    for policy in snapshot.policies.values():
        if policy.namespace == namespace and element in policy_peers(policy, snapshot):
            yield policy


def _proven(proof: Proof, around: Around) -> dict[PolicyKey, str]:
    waits = {
        key: f"{'/'.join(key)} to close its side, or more would be open than before and after"
        for key in proof.opened_by
    }
    if around.patient:
        waits |= {key: _taking_over(key) for key in proof.cut_from}
    return waits

"""What one write would do to every pair of pods it touches, judged before it is made.

The semantics engine computes for each pair the ports that are open before the write, after it, and once every policy is as
desired. A write opens too much if something is open after it that is open neither before nor in the end; it cuts if something
is lost that was open before and will be in the end. Other writes that are on their way are counted at their worst.

Pods that no selector tells apart are judged once. Blocks of addresses are not compared with pods here: pods' addresses are no
part of a decision.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import LabelSelector
from bartizan.core.model import PolicyKey, PolicyView, Snapshot
from bartizan.core.network.atoms import Atoms, Side, less, ports_both, ports_less, read_atoms, with_atoms
from bartizan.core.network.compile import baseline_policy, compile_network
from bartizan.core.network.connections import connections
from bartizan.core.network.peers import NAMESPACE_LABEL
from bartizan.core.network.ports import PortRange
from bartizan.core.network.semantics import Endpoint, applies
from bartizan.core.network.telling import Labels, only, told_by_policies, told_by_rules
from bartizan.core.reasons import Mode
from bartizan.core.select import covering, matches


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What is wrong with a write; nothing if it may be made."""

    opens: Atoms = field(default_factory=dict)
    """Atoms that would open what is open neither before nor in the end."""
    opened_by: frozenset[PolicyKey] = frozenset()
    """Whose next write makes that right."""
    cuts: Atoms = field(default_factory=dict)
    """Atoms without which something would be cut that is open before and in the end."""
    cut_from: frozenset[PolicyKey] = frozenset()
    """Whose next write makes that right."""


def prove(
    policy: PolicyView,
    *,
    desired: KubeObject,
    observed: KubeObject | None,
    atoms: Atoms,
    snapshot: Snapshot,
    network_policies: Sequence[KubeObject],
    in_flight: Sequence[KubeObject] = (),
) -> Proof:
    """Return what writing `atoms` as the rules of `desired` would do wrong, given what else stands."""
    old = read_atoms(observed)
    moved = observed is None or observed["spec"]["podSelector"] != desired["spec"]["podSelector"]
    opening, closing = (atoms if moved else less(atoms, old)), ({} if moved else less(old, atoms))
    if not opening and not closing:
        return Proof()
    write = with_atoms(desired, atoms)
    others = [item for item in network_policies if _place(item) != _place(write)]
    flying = [item for item in in_flight if _place(item) != _place(write)]
    before = [*others, *([observed] if observed else [])]
    pairs = _Pairs(policy, snapshot, before=before, others=others, write=write)
    pairs.tell_apart({*opening, *closing}, [*before, desired, write, *flying])
    return _judged(pairs, opening, closing, flying)


def _judged(pairs: "_Pairs", opening: Atoms, closing: Atoms, in_flight: Sequence[KubeObject]) -> Proof:
    opens: dict[Side, frozenset[PortRange]] = {}
    cuts: dict[Side, frozenset[PortRange]] = {}
    openers: set[PolicyKey] = set()
    losers: set[PolicyKey] = set()
    for one in {*opening, *closing}:
        for own, other in pairs.touched(one):
            flow = (other, own) if one.way == "ingress" else (own, other)
            excess = ports_both(opening[one], pairs.excess(*flow, in_flight)) if one in opening else frozenset()
            if excess:
                opens[one] = opens.get(one, frozenset()) | excess
                openers |= pairs.owners(other)
            lost = ports_both(closing[one], pairs.lost(*flow, in_flight)) if one in closing else frozenset()
            if lost:
                cuts[one] = cuts.get(one, frozenset()) | lost
                losers |= pairs.owners(own)
    return Proof(opens=opens, opened_by=frozenset(openers), cuts=cuts, cut_from=frozenset(losers))


class _Pairs:
    """The pods at both ends of a policy's rules, and what is open between them in each world."""

    def __init__(
        self,
        policy: PolicyView,
        snapshot: Snapshot,
        *,
        before: Sequence[KubeObject],
        others: Sequence[KubeObject],
        write: KubeObject,
    ) -> None:
        self._policy = policy
        self._snapshot = snapshot
        self._before = before
        self._others = others
        self._write = write
        self._own = (policy.namespace, LabelSelector.model_validate(write["spec"]["podSelector"]))
        self._goals: dict[PolicyKey, KubeObject] = {}
        self._telling: frozenset[str] = frozenset()

    def tell_apart(self, sides: Iterable[Side], written: Iterable[KubeObject]) -> None:
        """Find out which labels of the pods at both ends a selector looks at: of policies, of what stands, of what will."""
        behind = {_place_of(one)[0] for one in sides if "podSelector" in one.element}
        namespaces = {self._policy.namespace, *behind}
        policies = (one for one in self._snapshot.policies.values() if one.namespace in namespaces)
        self._telling = told_by_policies(policies, self._snapshot) | told_by_rules(written)

    def touched(self, one: Side) -> Iterable[tuple[Endpoint, Endpoint]]:
        """Yield the pairs of own and other pods that a side is about."""
        if "podSelector" not in one.element:
            return
        own = self._ends(*self._own)
        for other in self._ends(*_place_of(one)) if own else ():
            replica = replace(other, name=f"replica of {other.name}")
            yield from ((end, replica) for end in own)

    def excess(self, source: Endpoint, destination: Endpoint, in_flight: Sequence[KubeObject]) -> frozenset[PortRange]:
        """Return what would be open after the write and is open neither before nor in the end."""
        after = _open(source, destination, [*self._others, self._write, *in_flight])
        added = ports_less(after, _open(source, destination, self._before)) if after else after
        return ports_less(added, self._goal(source, destination)) if added else added

    def lost(self, source: Endpoint, destination: Endpoint, in_flight: Sequence[KubeObject]) -> frozenset[PortRange]:
        """Return what would be cut by the write although it is open before and in the end."""
        places = {_place(item) for item in in_flight}
        settled = [item for item in self._others if _place(item) not in places]
        before = _open(source, destination, self._before)
        needed = ports_both(before, self._goal(source, destination)) if before else before
        for others in (self._others, [*settled, *in_flight]):
            lost = ports_less(needed, _open(source, destination, [*others, self._write]))
            if lost:
                return lost
        return frozenset()

    def owners(self, end: Endpoint) -> set[PolicyKey]:
        """Return the other policies that have a pod."""
        found = covering(self._snapshot.policies.values(), end.namespace, end.labels)
        return {policy.key for policy in found} - {self._policy.key}

    def _goal(self, source: Endpoint, destination: Endpoint) -> frozenset[PortRange]:
        ends = (source, destination)
        return _open(*ends, [item for end in ends for item in self._desired(end.namespace, end.labels)])

    def _desired(self, namespace: str, labels: Mapping[str, str]) -> tuple[KubeObject, ...]:
        """Return the NetworkPolicies that a pod has once everything is as desired."""
        if self._snapshot.mode(namespace) is not Mode.ENFORCE:
            return ()
        found = covering(self._snapshot.policies.values(), namespace, labels)
        for policy in found:
            if policy.key not in self._goals:
                self._goals[policy.key] = compile_network(policy, self._snapshot).network_policy
        return (*(self._goals[policy.key] for policy in found), baseline_policy(namespace))

    def _ends(self, namespace: str, selector: LabelSelector) -> tuple[Endpoint, ...]:
        """Return one pod per set of telling labels that `selector` selects, running or described by a template."""
        return tuple(
            Endpoint(
                namespace=namespace,
                name=repr(labels),
                ip="",
                labels=dict(labels),
                namespace_labels={NAMESPACE_LABEL: namespace},
            )
            for labels in self._labels(namespace, selector, self._telling)
        )

    def _labels(self, namespace: str, selector: LabelSelector, telling: frozenset[str]) -> list[Labels]:
        shapes = self._snapshot.shapes.get(namespace, ())
        found = {shape.labels for shape in shapes if matches(selector, dict(shape.labels))}
        return sorted({only(labels, telling) for labels in found})


def _place_of(one: Side) -> tuple[str, LabelSelector]:
    """Return the namespace and selector of the pods behind a side."""
    element = one.element
    namespace = element["namespaceSelector"]["matchLabels"][NAMESPACE_LABEL]
    return namespace, LabelSelector.model_validate(element["podSelector"])


def _open(source: Endpoint, destination: Endpoint, network_policies: Iterable[KubeObject]) -> frozenset[PortRange]:
    """Return the ports open from one pod to another."""
    relevant = [
        item for item in network_policies if applies(item, "Egress", source) or applies(item, "Ingress", destination)
    ]
    return frozenset(connections(source, destination, relevant, cidr_matches_pods=False))


def _place(item: Mapping[str, Mapping[str, str]]) -> tuple[str, str]:
    return (item["metadata"]["namespace"], item["metadata"]["name"])

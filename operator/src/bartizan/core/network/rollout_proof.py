"""What one write would do to every pair of pods it touches, judged before it is made.

The semantics engine computes for each pair the ports that are open before the write, after it, and once every policy is as
desired. A write opens too much if something is open after it that is open neither before nor in the end; it cuts if something
is lost that was open before and will be in the end. Other writes that are on their way are counted at their worst.

Blocks of addresses are not compared with pods here: pods' addresses are no part of a decision.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import LabelSelector
from bartizan.core.model import PolicyKey, PolicyView, Snapshot, WorkloadShape
from bartizan.core.network.atoms import Atoms, Side, less, ports_both, ports_less, read_atoms, with_atoms
from bartizan.core.network.compile import baseline_policy, compile_network
from bartizan.core.network.connections import connections
from bartizan.core.network.peers import NAMESPACE_LABEL
from bartizan.core.network.ports import PortRange
from bartizan.core.network.semantics import Endpoint, applies
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
    pairs = _Pairs(policy, snapshot, before=[*others, *([observed] if observed else [])], others=others, write=write)
    return _judged(pairs, opening, closing, [item for item in in_flight if _place(item) != _place(write)])


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
        subject = LabelSelector.model_validate(write["spec"]["podSelector"])
        self._own = _ends(policy.namespace, snapshot.shapes.get(policy.namespace, ()), subject)
        self._goals: dict[tuple[str, str], tuple[KubeObject, ...]] = {}

    def touched(self, one: Side) -> Iterable[tuple[Endpoint, Endpoint]]:
        """Yield the pairs of own and other pods that a side is about."""
        element = one.element
        if not self._own or "podSelector" not in element:
            return
        namespace = element["namespaceSelector"]["matchLabels"][NAMESPACE_LABEL]
        selector = LabelSelector.model_validate(element["podSelector"])
        for other in _ends(namespace, self._snapshot.shapes.get(namespace, ()), selector):
            replica = replace(other, name=f"replica of {other.name}")
            yield from ((own, replica) for own in self._own)

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
        return _open(source, destination, [*self._desired(source), *self._desired(destination)])

    def _desired(self, end: Endpoint) -> tuple[KubeObject, ...]:
        """Return the NetworkPolicies that a pod has once everything is as desired."""
        place = (end.namespace, end.name)
        if place not in self._goals:
            enforced = self._snapshot.mode(end.namespace) is Mode.ENFORCE
            found = covering(self._snapshot.policies.values(), end.namespace, end.labels) if enforced else ()
            written = tuple(compile_network(policy, self._snapshot).network_policy for policy in found)
            self._goals[place] = (*written, baseline_policy(end.namespace)) if enforced else ()
        return self._goals[place]


def _ends(namespace: str, shapes: Iterable[WorkloadShape], selector: LabelSelector) -> tuple[Endpoint, ...]:
    """Return one pod per set of labels that `selector` selects, running or described by a template."""
    labels = sorted({shape.labels for shape in shapes if matches(selector, dict(shape.labels))})
    return tuple(
        Endpoint(
            namespace=namespace,
            name=repr(one),
            ip="",
            labels=dict(one),
            namespace_labels={NAMESPACE_LABEL: namespace},
        )
        for one in labels
    )


def _open(source: Endpoint, destination: Endpoint, network_policies: Iterable[KubeObject]) -> frozenset[PortRange]:
    """Return the ports open from one pod to another."""
    relevant = [
        item for item in network_policies if applies(item, "Egress", source) or applies(item, "Ingress", destination)
    ]
    return frozenset(connections(source, destination, relevant, cidr_matches_pods=False))


def _place(item: Mapping[str, Mapping[str, str]]) -> tuple[str, str]:
    return (item["metadata"]["namespace"], item["metadata"]["name"])

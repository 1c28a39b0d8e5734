"""What the controller knows of changes under way: who is in the middle of one, who waits for whose write, what is in flight.

Former selectors that pods still need belong to it. All of it follows from what is observed, so that a restart in the middle of
a rollout goes on where it was.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from bartizan.api.kinds import NETWORK_POLICY
from bartizan.api.names import KubeObject
from bartizan.api.v1alpha1 import LabelSelector
from bartizan.controller.callers import Callers
from bartizan.controller.keys import Key, Subject
from bartizan.controller.workloads import Workloads
from bartizan.core.model import InvalidPolicy, PolicyKey, PolicyView, WorkloadShape
from bartizan.core.network.former import former_selectors
from bartizan.core.plan import Plan
from bartizan.core.select import matches
from bartizan.kube.store import Store


class Rollouts:
    """Policies in the middle of a change, former selectors, waiting policies and writes in flight."""

    def __init__(
        self,
        store: Store,
        workloads: Workloads,
        policies: Mapping[PolicyKey, PolicyView | InvalidPolicy],
        callers: Callers,
    ) -> None:
        """Look at the NetworkPolicies in `store`; `policies` is the picture's own mapping and changes with it."""
        self._store = store
        self._workloads = workloads
        self._policies = policies
        self._callers = callers
        self.former: dict[PolicyKey, tuple[LabelSelector, ...]] = {}
        self._waiting: defaultdict[PolicyKey, set[PolicyKey]] = defaultdict(set)
        self._in_flight: dict[PolicyKey, tuple[KubeObject, ...]] = {}
        self._pressing: set[PolicyKey] = set()

    def check(self, keys: Iterable[PolicyKey]) -> frozenset[PolicyKey]:
        """Look again whether these policies still need former selectors; return those that differ and all around them."""
        changed = {key for key in set(keys) if self._changed(key)}
        return frozenset(changed | self._callers.around(changed))

    def concerned(self, namespace: str, news: Iterable[WorkloadShape]) -> frozenset[PolicyKey]:
        """Return who has to look because these shapes came or went: who selects them, and who calls those by port names."""
        labels = [dict(shape.labels) for shape in news]
        mine = {
            key: view
            for key, view in self._policies.items()
            if key[0] == namespace
            and isinstance(view, PolicyView)
            and any(matches(view.spec.workload.selector, one) for one in labels)
        }
        named = [key for key, view in mine.items() if any(isinstance(p.port, str) for p in view.spec.network.ports)]
        return self.check(self.rolling_in(namespace)) | mine.keys() | self._callers.around(named)

    def rolling_in(self, namespace: str) -> frozenset[PolicyKey]:
        """Return the policies of a namespace that need former selectors."""
        return frozenset(key for key in self.former if key[0] == namespace)

    def waits(self, key: PolicyKey, others: Iterable[PolicyKey]) -> None:
        """Remember that a policy waits for the next NetworkPolicy of others, and for nobody else's."""
        for waiting in self._waiting.values():
            waiting.discard(key)
        for other in others:
            self._waiting[other].add(key)

    def waiting_for(self, key: PolicyKey) -> frozenset[PolicyKey]:
        """Return who waits for a policy."""
        return frozenset(self._waiting.get(key, ()))

    def press(self, keys: Iterable[PolicyKey]) -> None:
        """Remember that a spec changed for these policies: their looks go before everybody's until they are done with it."""
        self._pressing.update(keys)

    def press_nobody(self) -> None:
        """Forget who is in a hurry: to a new leader everything is news, and what all wait for has to come first."""
        self._pressing.clear()

    def presses(self, key: Key) -> bool:
        """Return whether a key is a policy in the middle of a change."""
        return key.subject is Subject.POLICY and (key.namespace, key.name) in self._pressing

    def settled(self, key: PolicyKey) -> None:
        """Everything the policy needs is written, and it waits for nobody."""
        self._pressing.discard(key)

    def begins(self, key: PolicyKey, plan: Plan) -> None:
        """Remember which NetworkPolicies are about to be written."""
        writes = tuple(apply.item for apply in plan.applies if apply.item["kind"] == NETWORK_POLICY.kind)
        if writes:
            self._in_flight[key] = writes

    def ends(self, key: PolicyKey) -> None:
        """The writes are answered, one way or the other."""
        self._in_flight.pop(key, None)

    def in_flight(self, key: PolicyKey) -> tuple[KubeObject, ...]:
        """Return the NetworkPolicies that other policies' looks are writing."""
        return tuple(item for other, items in self._in_flight.items() if other != key for item in items)

    def _changed(self, key: PolicyKey) -> bool:
        before, view = self.former.get(key, ()), self._policies.get(key)
        after: tuple[LabelSelector, ...] = ()
        if isinstance(view, PolicyView):
            after = former_selectors(
                view,
                observed=self._store.list(NETWORK_POLICY, namespace=key[0]),
                shapes=self._workloads.of(key[0]),
                policies=(one for one in self._policies.values() if isinstance(one, PolicyView)),
            )
        if after:
            self.former[key] = after
        else:
            self.former.pop(key, None)
        return before != after

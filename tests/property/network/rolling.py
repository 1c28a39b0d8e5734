"""A cluster in which policies change, made of values: looks are taken and writes land in any order, and looks can die.

The reconcilers are the real plans (`plan_isolation`); only time, the queue and the API server are left out. A look that has
begun has planned on what stood then; its writes land one by one, while other looks begin, plan and write.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from bartizan.api.names import KubeObject
from bartizan.core.conditions import lean
from bartizan.core.isolation import PolicyObserved, plan_isolation
from bartizan.core.model import PolicyKey, Snapshot, WorkloadShape
from bartizan.core.network.compile import compile_network
from bartizan.core.network.former import former_selectors
from bartizan.core.network.semantics import Endpoint, ExternalEndpoint, Flow, allows
from bartizan.core.ownership import spelled_out
from bartizan.core.plan import Apply, Delete
from bartizan.core.reasons import Mode
from bartizan.core.select import covering
from bartizan.testing import a_policy
from property.network.worlds import World, flows_between

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
Place = tuple[str, str]
PROBED = ("203.0.113.5", "203.0.113.9", "2001:db8::1")


@dataclass
class Look:
    """One look at a policy: the writes it has planned and not made yet, and all of its NetworkPolicies."""

    key: PolicyKey
    left: list[Apply | Delete]
    items: tuple[KubeObject, ...]


@dataclass
class Rolling:
    """The cluster on its way from one world to another; modes and pods are the same in both."""

    old: World
    new: World
    standing: dict[Place, KubeObject] = field(default_factory=dict)
    looks: list[Look] = field(default_factory=list)
    pods: tuple[Endpoint, ...] = ()

    def __post_init__(self) -> None:
        self.pods = self.new.pods
        self.standing = {_place(item): spelled_out(item) for item in self.old.emitted()}
        self.flows = _flows(self.pods)
        self.before = self._open(self.old.emitted())
        self.after = self._open(self.new.emitted())

    @property
    def keys(self) -> list[PolicyKey]:
        """The policies that are enforced."""
        return sorted(key for key in self.new.policies if self.new.modes[key[0]] is Mode.ENFORCE)

    def snapshot(self) -> Snapshot:
        """Return what a look sees: the new policies, what runs, and which former selectors are still needed."""
        shapes: dict[str, tuple[WorkloadShape, ...]] = {}
        for pod in self.pods:
            shape = WorkloadShape(
                namespace=pod.namespace, labels=tuple(sorted(pod.labels.items())), origin=pod.name, running=True
            )
            shapes[pod.namespace] = (*shapes.get(pod.namespace, ()), shape)
        snapshot = replace(self.new.snapshot(), shapes=shapes)
        former = {
            key: former_selectors(
                policy,
                observed=self._in([key[0]]),
                shapes=shapes.get(key[0], ()),
                policies=snapshot.policies.values(),
            )
            for key, policy in snapshot.policies.items()
        }
        return replace(snapshot, former={key: found for key, found in former.items() if found})

    def begin(self, key: PolicyKey, *, patient: bool = True) -> None:
        """Begin a look at `key`, unless one is under way."""
        if any(look.key == key for look in self.looks):
            return
        snapshot = self.snapshot()
        policy = snapshot.policies[key]
        observed = PolicyObserved(
            item=a_policy(key[1], key[0]),
            network_policy=self.standing.get((key[0], f"ssp-{key[1]}")),
            isolation=self.standing[key[0], "bartizan-baseline"],
            around=tuple(self._in(self.new.modes)),
            in_flight=tuple(item for look in self.looks for item in look.items),
            patient=patient,
        )
        plan = plan_isolation(policy, compile_network(policy, snapshot), snapshot=snapshot, observed=observed, now=NOW)
        writes = [*plan.applies, *plan.deletes]
        if writes:
            self.looks.append(Look(key, writes, tuple(apply.item for apply in plan.applies)))

    def write(self, look: Look) -> None:
        """Let the next write of a look land."""
        one = look.left.pop(0)
        if isinstance(one, Apply):
            uid = {"uid": "/".join(_place(one.item))}
            self.standing[_place(one.item)] = {**one.item, "metadata": {**one.item["metadata"], **uid}}
        else:
            del self.standing[one.ref.namespace, one.ref.name]
        if not look.left:
            self.looks.remove(look)

    def settle(self, *, patient: bool = True, rounds: int = 12) -> bool:
        """Look at everything in turn until nothing is written any more; return whether that came about."""
        for _ in range(rounds):
            wrote = False
            for key in self.keys:
                self.begin(key, patient=patient)
                while self.looks:
                    self.write(self.looks[0])
                    wrote = True
                    self.check()
            if not wrote:
                return True
        return False

    def check(self) -> None:
        """Nothing is open that was not and will not be, and nothing is cut that was and will be."""
        now = self._open(self.standing.values())
        opened, cut = now - self.before - self.after, (self.before & self.after) - now
        assert not opened, [self.flows[index] for index in sorted(opened)]
        assert not cut, [self.flows[index] for index in sorted(cut)]

    def retire(self) -> None:
        """Let the pods go that no policy selects any more."""
        policies = self.new.snapshot().policies.values()
        self.pods = tuple(pod for pod in self.pods if covering(policies, pod.namespace, pod.labels))

    def differences(self) -> set[Place]:
        """Return the NetworkPolicies that are not yet as the new policies say."""
        wanted = {_place(item): lean(item["spec"]) for item in self.new.emitted()}
        found = {place: lean(item["spec"]) for place, item in self.standing.items()}
        return {place for place in wanted.keys() | found.keys() if wanted.get(place) != found.get(place)}

    def _in(self, namespaces: Iterable[str]) -> list[KubeObject]:
        wanted = set(namespaces)
        return [item for (namespace, _), item in self.standing.items() if namespace in wanted]

    def _open(self, items: Iterable[KubeObject]) -> set[int]:
        standing = list(items)
        return {
            index for index, flow in enumerate(self.flows) if allows(flow, standing, cidr_matches_pods=False).allowed
        }


def _place(item: KubeObject) -> Place:
    return (item["metadata"]["namespace"], item["metadata"]["name"])


def _flows(pods: Iterable[Endpoint]) -> list[Flow]:
    """Return the flows between pods, and between pods and a few addresses outside."""
    return flows_between([*pods, *(ExternalEndpoint(ip=ip) for ip in PROBED)])

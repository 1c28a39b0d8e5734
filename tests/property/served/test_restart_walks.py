"""Whatever happens to pods and probes, restarts stay within what was promised about them."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bartizan.api.v1alpha1 import EdgeStatus, Restarted, ServedSighting
from bartizan.core.reasons import Mode
from bartizan.core.served.issued import Issued, IssuedLeaf
from bartizan.core.served.judge import LAG, ServedInput, judge_served
from bartizan.core.served.pods import PodFacts
from bartizan.testing import a_policy_view

START = datetime(2026, 6, 1, 12, tzinfo=UTC)
EDGE = EdgeStatus.model_validate({"from": "shop/web", "ports": ("8443/TCP",), "state": "Applied"})
WITHIN = timedelta(minutes=10)


def a_policy(rule):
    """A policy with a rule for rotations."""
    confirm = {"port": "https", "within": "10m"}
    return a_policy_view(
        "orders",
        network={"ports": [{"name": "https", "port": 8443}]},
        mtls={"onRotation": {**rule, "confirm": confirm}},
    )


POLICIES = [a_policy(rule) for rule in ({"fallback": "Restart"}, {"strategy": "Restart"}, {}, {"strategy": "None"})]


@dataclass
class Pod:
    """A pod of the test's world: what it loaded, and what it is."""

    facts: PodFacts
    loaded: int
    reloads: bool = False
    liar: bool = False


@dataclass
class World:
    """A workload, its Secret's generations, and what was seen."""

    policy: object = POLICIES[0]
    now: datetime = START
    generation: int = 0
    since: datetime = START
    pods: dict[str, Pod] = field(default_factory=dict)
    seen: dict[str, ServedSighting] = field(default_factory=dict)
    last: Restarted | None = None
    born: int = 0
    evicted: list[tuple[str, int]] = field(default_factory=list)


class Restarts(RuleBasedStateMachine):
    """Pods come, become ready, go; certificates change; probes look; the controller looks, and its pod leaves or is refused."""

    @initialize(policy=st.sampled_from(POLICIES), count=st.integers(1, 4))
    def begin(self, policy, count) -> None:
        """Start with ready pods."""
        self.world = World(policy=policy)
        for _ in range(count):
            self._start(ready=True)

    def _start(self, *, ready, liar=False, reloads=False) -> None:
        world = self.world
        world.born += 1
        name = f"orders-{world.born}"
        facts = PodFacts(namespace="shop", name=name, uid=f"uid-{world.born}", started=world.now, ready=ready)
        world.pods[facts.uid] = Pod(facts, world.generation, reloads=reloads, liar=liar)

    @rule(liar=st.booleans(), reloads=st.booleans())
    def scale_up(self, liar, reloads) -> None:
        """One more pod, which may never serve what it should."""
        self._start(ready=False, liar=liar, reloads=reloads)

    @rule(data=st.data(), ready=st.booleans())
    def readiness(self, data, ready) -> None:
        """A pod becomes ready, or stops being so."""
        if pods := sorted(self.world.pods):
            pod = self.world.pods[data.draw(st.sampled_from(pods))]
            pod.facts = replace(pod.facts, ready=ready)

    @rule()
    def leave(self) -> None:
        """What is leaving is gone."""
        self.world.pods = {uid: pod for uid, pod in self.world.pods.items() if not pod.facts.leaving}

    @rule(minutes=st.integers(1, 15))
    def wait(self, minutes) -> None:
        """Time passes."""
        self.world.now += timedelta(minutes=minutes)

    @rule()
    def rotate(self) -> None:
        """There is a new certificate; some load it at once."""
        self.world.generation += 1
        self.world.since = self.world.now
        for pod in self.world.pods.values():
            pod.loaded = self.world.generation if pod.reloads else pod.loaded

    @rule()
    def probe(self) -> None:
        """Everything ready is asked."""
        for uid, pod in self.world.pods.items():
            served = 0 if pod.liar else pod.loaded
            self.world.seen[uid] = ServedSighting(
                of="shop/orders", pod=pod.facts.name, uid=uid, port="8443/TCP", at=self.world.now, seen="Certificate",
                fingerprint=f"{served:064x}", authority="01", not_after=START,
            )  # fmt: skip

    @rule(refused=st.booleans())
    def look(self, refused) -> None:
        """The controller looks, and asks for the eviction that it has chosen."""
        world = self.world
        leaf = IssuedLeaf(authority="01", not_after=START, fingerprint=f"{world.generation:064x}", since=world.since)
        found = judge_served(
            ServedInput(
                policy=world.policy, mode=Mode.ENFORCE, probed=True, edges=(EDGE,), now=world.now, last=world.last,
                issued=Issued(shared=leaf, authorities=frozenset({"01"})),
                pods=tuple(pod.facts for pod in world.pods.values()),
                sightings=tuple(one for uid, one in world.seen.items() if uid in world.pods),
            )
        )  # fmt: skip
        world.last = found.step.restarted
        if evict := found.step.evict:
            self._check(world.pods[evict.uid], found.observation.message)
            if not refused:
                pod = world.pods[evict.uid]
                pod.facts = replace(pod.facts, leaving=True)
                world.evicted.append((evict.uid, world.generation))
                self._start(ready=False, liar=pod.liar)

    def _check(self, pod: Pod, message: str) -> None:
        """What holds of each pod that is asked to leave, at that moment."""
        world, rule = self.world, self.world.policy.spec.mtls.on_rotation
        assert "Restart" in {rule.strategy, rule.fallback}
        assert f"pod {pod.facts.name} is to be evicted" in message
        assert pod.facts.started < world.since + LAG
        if rule.strategy == "Watch":
            seen = world.seen[pod.facts.uid]
            assert seen.fingerprint != f"{world.generation:064x}"
            assert seen.at >= world.since + WITHIN
        chosen = world.last and world.last.uid == pod.facts.uid and world.last.at < world.now
        if not chosen:
            assert not any(other.facts.leaving for other in world.pods.values())

    @invariant()
    def each_pod_goes_once(self) -> None:
        """No pod is evicted twice, and so none for nothing."""
        evicted = [uid for uid, _ in self.world.evicted] if hasattr(self, "world") else []
        assert len(evicted) == len(set(evicted))


TestRestarts = Restarts.TestCase
TestRestarts.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)

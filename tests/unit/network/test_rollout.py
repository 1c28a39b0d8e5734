"""The next write on the way to what is desired: who goes first, what waits, what is kept beside the new."""

from dataclasses import replace

from bartizan.core.model import WorkloadShape
from bartizan.core.network.atoms import read_atoms, with_atoms
from bartizan.core.network.compile import baseline_policy, compile_network
from bartizan.core.network.former import former_selectors
from bartizan.core.network.rollout import Around, Step, next_step
from unit.network.building import GRPC, HTTP, a_policy, a_world, pods

CLOSED_WEB = a_policy("shop/web")
CLOSED_API = a_policy("shop/api", ports=[HTTP])
WEB = a_policy("shop/web", egress=[{"to": {"service": "api"}}])
API = a_policy("shop/api", ports=[HTTP], ingress=[{"from": {"service": "web"}}])
BASELINE = baseline_policy("shop")


def runs(name, labels, *, running=True):
    """Return a shape of namespace shop."""
    return WorkloadShape(namespace="shop", labels=tuple(sorted(labels.items())), origin=name, running=running)


def written(policy, *others):
    """Return the NetworkPolicy of `policy` as it stands once it is reconciled among `others`."""
    return compile_network(policy, a_world(policy, *others)).network_policy


def step(policy, *others, standing=(), shapes=(), **around):
    """Return the next step of `policy` among `others`, with these NetworkPolicies standing."""
    known = {item["metadata"]["name"]: item for item in standing}
    snapshot = replace(a_world(policy, *others), shapes={"shop": tuple(shapes)})
    former = {
        one.key: former_selectors(one, observed=standing, shapes=shapes, policies=snapshot.policies.values())
        for one in snapshot.policies.values()
    }
    snapshot = replace(snapshot, former={key: found for key, found in former.items() if found})
    seen = Around(snapshot=snapshot, network_policies=(*standing, BASELINE), **around)
    return next_step(policy, compile_network(policy, snapshot), known.get(f"ssp-{policy.name}"), seen)


def test_a_called_side_opens_at_once():
    """The provider admits before the consumer calls: nothing keeps it."""
    standing = [written(CLOSED_WEB, CLOSED_API), written(CLOSED_API, CLOSED_WEB)]
    assert step(API, WEB, standing=standing) == Step(writes=(written(API, WEB),))


def test_a_caller_opens_after_the_called_side():
    """The consumer writes nothing until the provider's observed NetworkPolicy admits it, and then everything."""
    closed = [written(CLOSED_WEB, CLOSED_API), written(CLOSED_API, CLOSED_WEB)]
    waits = {("shop", "api"): "shop/api to admit it"}
    assert step(WEB, API, standing=closed) == Step(waits_for=waits, whole=False)
    assert step(WEB, API, standing=[closed[0], written(API, WEB)]) == Step(writes=(written(WEB, API),))


def test_a_caller_does_not_wait_for_a_broken_called_side_for_ever():
    """When patience ends the consumer opens its side; the provider's still decides."""
    closed = [written(CLOSED_WEB, CLOSED_API), written(CLOSED_API, CLOSED_WEB)]
    assert step(WEB, API, standing=closed, patient=False) == Step(writes=(written(WEB, API),))


def test_a_caller_closes_at_once():
    """Revocation at the consumer waits for nobody."""
    standing = [written(WEB, API), written(API, WEB)]
    assert step(CLOSED_WEB, CLOSED_API, standing=standing) == Step(writes=(written(CLOSED_WEB, CLOSED_API),))


def test_a_called_side_closes_after_the_caller():
    """The provider waits for the consumer's observed NetworkPolicy, one second at most."""
    standing = [written(WEB, API), written(API, WEB)]
    waits = {("shop", "web"): "shop/web to stop calling"}
    closed = Step(writes=(written(CLOSED_API, CLOSED_WEB),))
    assert step(CLOSED_API, CLOSED_WEB, standing=standing) == Step(waits_for=waits, whole=False)
    assert step(CLOSED_API, CLOSED_WEB, standing=[written(CLOSED_WEB), standing[1]]) == closed
    assert step(CLOSED_API, CLOSED_WEB, standing=standing, patient=False) == closed


def test_one_callers_slowness_does_not_keep_anothers_edge_open():
    """Of two revoked callers the one that has closed is closed at the provider too, at once."""
    bot = a_policy("shop/bot", egress=[{"to": {"service": "api"}}])
    both = a_policy("shop/api", ports=[HTTP], ingress=[{"from": {"service": "web"}}, {"from": {"service": "bot"}}])
    gone = a_policy("shop/bot")
    standing = [written(both, WEB, bot), written(WEB, both, bot), written(gone)]
    found = step(CLOSED_API, CLOSED_WEB, gone, standing=standing)
    assert (found.writes, found.whole) == ((written(API, WEB),), False)


def test_an_edited_network_policy_is_repaired_at_once():
    """Somebody's edit is no step of a rollout: what is desired is written whole, without waiting."""
    opened = {
        **written(CLOSED_API),
        "spec": {**written(CLOSED_API)["spec"], "podSelector": {"matchLabels": {"a": "b"}}},
    }
    found = step(CLOSED_API, CLOSED_WEB, standing=[opened], shapes=[runs("x", {"a": "b"})])
    assert found == Step(writes=(written(CLOSED_API, CLOSED_WEB),))


def test_opening_waits_where_one_sided_rules_would_meet():
    """A caller that is let out does not meet a called side that is about to shut it out: neither world has that edge."""
    label = {"namespace": "shop", "selector": {"matchLabels": {"app": "web"}}}
    before = a_policy("shop/api", ports=[HTTP], ingress=[{"from": {"workload": label}}])
    target = {"namespace": "shop", "selector": {"matchLabels": {"app": "api"}}}
    after = a_policy("shop/web", egress=[{"to": {"workload": target}, "ports": [{"port": 8080}]}])
    shapes = [runs("web", {"app": "web"}), runs("api", {"app": "api"})]
    standing = [written(CLOSED_WEB), written(before)]
    held = step(after, CLOSED_API, standing=standing, shapes=shapes, patient=False)
    assert (held.writes, set(held.waits_for), held.whole) == ((), {("shop", "api")}, False)
    free = step(after, CLOSED_API, standing=[standing[0], written(CLOSED_API)], shapes=shapes)
    assert free == Step(writes=(written(after, CLOSED_API),))


def test_a_write_in_flight_counts_as_if_it_stood():
    """An opening that another policy is writing at this moment is reckoned with although nobody has seen it yet."""
    label = {"namespace": "shop", "selector": {"matchLabels": {"app": "web"}}}
    opening = written(a_policy("shop/api", ports=[HTTP], ingress=[{"from": {"workload": label}}]))
    target = {"namespace": "shop", "selector": {"matchLabels": {"app": "api"}}}
    after = a_policy("shop/web", egress=[{"to": {"workload": target}, "ports": [{"port": 8080}]}])
    shapes = [runs("web", {"app": "web"}), runs("api", {"app": "api"})]
    standing = [written(CLOSED_WEB), written(CLOSED_API)]
    assert step(after, CLOSED_API, standing=standing, shapes=shapes).whole
    assert step(after, CLOSED_API, standing=standing, shapes=shapes, in_flight=(opening,)).writes == ()


def test_a_changed_selector_keeps_pods_of_the_former_one():
    """First the former pods get a NetworkPolicy of their own, then the main one moves, and both are peers meanwhile."""
    moved = a_policy(
        "shop/api", ports=[HTTP], ingress=[{"from": {"service": "web"}}], selector={"matchLabels": {"app": "api-v2"}}
    )
    shapes = [runs("old", {"app": "api"})]
    standing = [written(API, WEB), written(WEB, API)]
    first = step(moved, WEB, standing=standing, shapes=shapes)
    kept, main = first.writes
    assert kept["spec"] == written(API, WEB)["spec"]
    assert kept["metadata"]["name"].startswith("ssp-api.")
    assert main["spec"] == written(API, WEB)["spec"]
    second = step(moved, WEB, standing=[main, kept, standing[1]], shapes=shapes)
    assert second == Step(writes=(kept, written(moved, WEB)))
    caller = step(WEB, moved, standing=[written(moved, WEB), kept, standing[1]], shapes=shapes)
    assert {one.peer for one in read_atoms(caller.writes[0])} >= {
        key.peer for key in read_atoms(written(WEB, moved))
    } | {key.peer for key in read_atoms(written(WEB, API))}
    gone = step(WEB, moved, standing=[written(moved, WEB), kept, standing[1]], shapes=[])
    assert gone == Step(writes=(written(WEB, moved),))


def test_former_pods_never_get_more_than_they_had():
    """A rule that comes with the new selector is not for pods of the old one; a rule that goes is gone for them too."""
    wider = a_policy(
        "shop/api",
        ports=[HTTP, GRPC],
        ingress=[{"from": {"workload": {"namespace": "shop", "selector": {"matchLabels": {"app": "bot"}}}}}],
        selector={"matchLabels": {"app": "api-v2"}},
    )
    kept = step(wider, CLOSED_WEB, standing=[written(API, WEB)], shapes=[runs("old", {"app": "api"})]).writes[0]
    assert {key.peer for key in read_atoms(kept) if key.way == "ingress"} == set()


def test_a_selector_changes_at_once_when_nothing_runs_under_the_old_one():
    """Without pods there is nothing to keep."""
    moved = a_policy("shop/api", ports=[HTTP], selector={"matchLabels": {"app": "api-v2"}})
    assert step(moved, standing=[written(API, WEB)]) == Step(writes=(written(moved),))


def test_former_pods_that_another_policy_has_taken_are_let_go():
    """A former selector ends for pods that another policy's NetworkPolicy already selects, not before."""
    moved = a_policy("shop/api", ports=[HTTP], selector={"matchLabels": {"app": "api-v2"}})
    heir = a_policy("shop/heir", selector={"matchLabels": {"app": "api"}})
    shapes, policies = [runs("old", {"app": "api"})], [moved, heir]
    before = former_selectors(moved, observed=[written(API, WEB)], shapes=shapes, policies=policies)
    after = former_selectors(moved, observed=[written(API, WEB), written(heir)], shapes=shapes, policies=policies)
    assert (before, after) == ((API.spec.workload.selector,), ())


def test_atoms_put_together_again_are_what_they_were():
    """Taking a NetworkPolicy apart and putting it together changes nothing, seal included."""
    for item in (written(API, WEB), written(WEB, API), written(CLOSED_API)):
        assert with_atoms(item, read_atoms(item)) == item


def test_a_caller_does_not_wait_for_pods_that_nothing_isolates():
    """In a namespace whose isolation has not begun, the called side is open anyhow."""
    far = a_policy("bank/api", ports=[HTTP], ingress=[{"from": {"service": "web", "namespace": "shop"}}])
    near = a_policy("shop/web", egress=[{"to": {"service": "api", "namespace": "bank"}}])
    assert step(near, far, standing=[written(CLOSED_WEB)]) == Step(writes=(written(near, far),))
    assert pods("bank/api") in written(near, far)["spec"]["egress"][1]["to"]

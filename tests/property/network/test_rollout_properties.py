"""What holds at every moment of every change, whatever the order in which looks and writes happen."""

from copy import deepcopy
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from property.network.rolling import Rolling
from property.network.worlds import agreements, specs, worlds

MODERATE = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@st.composite
def changes(draw):
    """Draw a world and what it becomes: policies rewritten (rules, ports, selectors), made, and agreeing anew."""
    old = draw(worlds())
    policies = deepcopy(old.policies)
    for key in draw(st.lists(st.sampled_from(sorted(policies)), min_size=1, max_size=3, unique=True)):
        policies[key] = draw(specs(key[1]))
    for key in draw(st.lists(st.sampled_from([("shop", "new"), ("bank", "new")]), max_size=1)):
        policies[key] = draw(specs("web"))
    draw(agreements(policies))
    for turn in draw(st.lists(st.sampled_from((crossed, taken_over)), max_size=2, unique=True)):
        key, other = draw(st.tuples(st.sampled_from(sorted(old.policies)), st.sampled_from(sorted(old.policies))))
        turn(old.policies, policies, key, other)
    return Rolling(old, replace(old, policies=policies))


def crossed(before, after, caller, called):
    """The called side closes what the caller opens only now: in between nothing of it may be open. Chance alone seldom does."""
    port = {"name": "a", "port": 80}
    for policies, is_new in ((before, False), (after, True)):
        network = policies[called]["network"] = {**policies[called]["network"], "ports": [port]}
        source = {"workload": {"namespace": caller[0], **policies[caller]["workload"]}}
        network["ingress"] = [] if is_new else [{"from": source, "ports": []}]
        target = {"workload": {"namespace": called[0], **policies[called]["workload"]}}
        call = {"to": target, "ports": [{"port": 80}], "reason": "because"}
        policies[caller]["network"] = {**policies[caller]["network"], "egress": [call] if is_new else []}


def taken_over(before, after, key, _other):
    """Another policy selects the pods with the same rules from now on: what they may in both is never cut."""
    after[key[0], "new"] = deepcopy(before[key])
    after[key] = {**after[key], "workload": {"selector": {"matchLabels": {"app": "nobody"}}}}


@MODERATE
@given(changes(), st.data())
def test_every_prefix_of_every_interleaving_is_safe(rolling, data):
    """Looks begin, write and die in any order: nothing opens outside old and new, nothing both have is cut."""
    if not rolling.keys:
        return
    for _ in range(data.draw(st.integers(4, 14))):
        act = data.draw(st.sampled_from(("begin", "begin", "write", "write", "die")))
        if act == "begin" or not rolling.looks:
            rolling.begin(data.draw(st.sampled_from(rolling.keys)))
        elif act == "write":
            rolling.write(data.draw(st.sampled_from(rolling.looks)))
        else:
            rolling.looks.clear()
        rolling.check()
    rolling.looks.clear()
    rolling.settle()


@MODERATE
@given(changes())
def test_every_change_arrives(rolling):
    """Once the pods that only former selectors select are gone, what stands means what the new policies say."""
    rolling.settle()
    rolling.retire()
    assert rolling.settle(patient=False)
    assert rolling.differences() == set()

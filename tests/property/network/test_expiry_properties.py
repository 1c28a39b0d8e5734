"""What holds at every instant: what is open is what the policies' text would say with all that has ended struck out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.core.network.compile import compile_network
from bartizan.core.network.semantics import allows
from bartizan.core.reasons import Mode
from property.network.oracle import may_receive, may_send
from property.network.test_network_properties import MODERATE
from property.network.worlds import World, worlds

START = datetime(2026, 6, 1, tzinfo=UTC)
HOURS = (1, 2, 3)
INSTANTS = [START + timedelta(hours=hour, microseconds=shift) for hour in HOURS for shift in (-1, 0, 1)]


@st.composite
def dated_worlds(draw: st.DrawFn) -> World:
    """Draw a world in which rules end at one of a few moments, and policies have answered some callers."""
    world = draw(worlds())
    end = st.sampled_from([None, *(START + timedelta(hours=hour) for hour in HOURS)])
    for key, spec in world.policies.items():
        network = spec["network"]
        for direction in ("ingress", "egress"):
            for rule in network[direction]:
                if moment := draw(end):
                    rule["until"] = moment.isoformat()
        asking = [other for other in sorted(world.policies) if other != key and calls(world, other, key)]
        everyone = st.sampled_from(asking or sorted(world.policies))
        answered = draw(st.lists(everyone, min_size=int(bool(asking)), max_size=2, unique=True))
        network["decisions"] = [
            draw(decisions(namespace, name, draw(end))) for namespace, name in answered if (namespace, name) != key
        ]
    return world


def calls(world: World, caller: tuple[str, str], called: tuple[str, str]) -> bool:
    """Whether the caller's text names the called policy."""
    return any(
        (rule["to"].get("namespace", caller[0]), rule["to"].get("service")) == called
        for rule in world.policies[caller]["network"]["egress"]
    )


@st.composite
def decisions(draw: st.DrawFn, namespace: str, name: str, end: datetime | None) -> dict[str, object]:
    """Draw an answer to one caller."""
    if draw(st.booleans()):
        return {"service": name, "namespace": namespace, "verdict": "Denied"}
    ports = draw(st.lists(st.sampled_from(["a", "b", "c", "z"]), max_size=2, unique=True))
    until = {"until": end.isoformat()} if end else {}
    return {"service": name, "namespace": namespace, "verdict": "Approved", "ports": ports, **until}


def struck(world: World, now: datetime) -> World:
    """Return the world in which what has ended was never written, and answers stand in the list of callers."""
    policies = {}
    for (namespace, name), spec in world.policies.items():
        network = spec["network"]
        denied = [(d["namespace"], d["service"]) for d in network["decisions"] if d["verdict"] == "Denied"]
        ingress = [
            *network["ingress"],
            *(
                {"from": {"service": d["service"], "namespace": d["namespace"]}, **d}
                for d in network["decisions"]
                if d["verdict"] == "Approved"
            ),
        ]
        policies[namespace, name] = {
            **spec,
            "network": {
                "ports": network["ports"],
                "ingress": [
                    {"from": rule["from"], "ports": rule["ports"]}
                    for rule in ingress
                    if not ended(rule, now)
                    and (rule["from"].get("namespace", namespace), rule["from"].get("service")) not in denied
                ],
                "egress": [
                    {"to": rule["to"], "ports": rule["ports"]} for rule in network["egress"] if not ended(rule, now)
                ],
            },
        }
    return replace(world, policies=policies)


def ended(rule, now):
    """Whether the rule's text says that it is over."""
    return "until" in rule and datetime.fromisoformat(rule["until"]) <= now


@MODERATE
@given(dated_worlds(), st.sampled_from(INSTANTS))
def test_at_every_instant_the_edges_are_those_declared_then(world, now):
    """For every flow, the NetworkPolicies of the moment and the text less what has ended give the same answer."""
    snapshot = replace(world.snapshot(), now=now)
    emitted = [
        compile_network(policy, snapshot).network_policy
        for policy in snapshot.policies.values()
        if snapshot.mode(policy.namespace) is Mode.ENFORCE
    ]
    isolation = [policy for policy in world.emitted() if policy["metadata"]["name"] == "bartizan-baseline"]
    declared = struck(world, now)
    for flow in world.flows():
        observed = allows(flow, [*emitted, *isolation])
        wanted = (may_send(declared, flow, by_address=True), may_receive(declared, flow, by_address=True))
        assert (observed.egress.allowed, observed.ingress.allowed) == wanted, (flow, observed)


@MODERATE
@given(dated_worlds())
def test_nothing_changes_between_the_moments_that_are_waited_for(world):
    """From one moment to the next one announced the objects stay the same; so looking again then is enough."""
    snapshot = world.snapshot()
    for key in snapshot.policies:
        now, seen = START, None
        for instant in INSTANTS:
            at_instant = replace(snapshot, now=instant)
            result = compile_network(at_instant.policies[key], at_instant)
            if seen is not None and (seen.changes_at is None or instant < seen.changes_at):
                assert result == seen, (now, instant)
            now, seen = instant, result


def test_the_dated_worlds_are_rich_enough():
    """Rules of every kind end, consent ends from either side, callers are approved and denied."""
    found = set()

    @settings(MODERATE, max_examples=150)
    @given(dated_worlds(), st.sampled_from(INSTANTS))
    def look(world, now):
        snapshot = replace(world.snapshot(), now=now)
        for policy in snapshot.policies.values():
            for edge in compile_network(policy, snapshot).edges:
                found.add((edge.reason, edge.to is None))
                found.add((edge.state, edge.until is not None))

    look()
    wanted = {("Applied", True), ("Applied", False)}
    wanted |= {
        (reason, inward) for reason in ("Expired", "ConsentExpired", "ConsentDenied") for inward in (True, False)
    }
    assert wanted - found == set()

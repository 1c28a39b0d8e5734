"""The declared matrix: who may talk to whom on which port, said by four who do not share code.

A naive oracle reads it off the policies; our semantics engine, np-guard and Cyclonus compute it from the NetworkPolicies that
are emitted. Marked `api` though no API server is asked: the judges are compiled from pinned Go modules, which the quick tests
must not wait for.
"""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bartizan.core.network.compile import compile_network
from bartizan.core.network.semantics import allows
from cluster import catalogue
from judges import examples as published
from parity.network import reference
from parity.network.asking import Verdicts, ask, tally
from parity.network.corpus import CASES, a_world, fixed_worlds, seeded, some_flows
from parity.network.dialects import np_guard_is_asked
from property.network.worlds import worlds

pytestmark = pytest.mark.api


@pytest.fixture(scope="module")
def judged(np_guard, cyclonus) -> tuple[Counter[str], list[Verdicts]]:
    """The tally over the fixed corpus, and every verdict that nothing accounts for."""
    counts: Counter[str] = Counter()
    unexplained: list[Verdicts] = []
    for number, world in enumerate(fixed_worlds()):
        verdicts = ask(world, some_flows(seeded(f"flows {number}"), world), np_guard, cyclonus)
        counts.update(tally(verdicts))
        counts.update({"cases": 1, "NetworkPolicies emitted": len(world.emitted())})
        unexplained += [verdict for verdict in verdicts if verdict.unexplained]
    counts["unexplained"] = len(unexplained)
    return counts, unexplained


def test_all_four_agree_on_the_fixed_corpus(judged):
    """For every flow of every case the four answers are the same, but for differences that are known and modelled."""
    counts, unexplained = judged
    assert (counts["cases"], unexplained[:3]) == (CASES, [])


def test_the_differences_are_exactly_those_published(judged, root):
    """The page lists every known difference with how often it is at work, and no other."""
    assert reference.block(root, "matrix") == reference.matrix(judged[0])


def test_the_page_names_the_pinned_versions(root):
    """The versions on the page are those that are compiled."""
    page = (root / reference.PAGE).read_text()
    for module, path in (("np-guard", published.MODULE), ("cyclonus", "github.com/mattfenwick/cyclonus")):
        assert f"(https://{path}) {catalogue.version(module, path)} |" in page


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.one_of(st.randoms(use_true_random=False).map(a_world), worlds()), st.randoms(use_true_random=False))
def test_all_four_agree_on_any_world(np_guard, cyclonus, world, random):
    """Whatever world is drawn, nobody says anything that the policies or a known difference do not account for."""
    verdicts = ask(world, some_flows(random, world), np_guard, cyclonus)
    assert [verdict for verdict in verdicts if verdict.unexplained] == []


def test_each_judge_notices_the_rule_that_is_missing(np_guard, cyclonus):
    """Without the rule that lets a flow pass, both judges deny it where our engine does: nobody is blind."""
    noticed: Counter[tuple[bool | None, bool]] = Counter()
    for number, world in enumerate(fixed_worlds()[:80]):
        emitted = world.emitted()
        flows = [flow for flow in some_flows(seeded(str(number)), world) if np_guard_is_asked(flow)]
        rulings = ((flow, allows(flow, emitted)) for flow in flows)
        passing = [(flow, ruling.ingress.by) for flow, ruling in rulings if ruling.allowed and ruling.ingress.by]
        for flow, rule in passing[:1]:
            [verdict] = ask(world, [flow], np_guard, cyclonus, _without(rule, emitted))
            assert verdict.oracle
            noticed[verdict.np_guard, verdict.cyclonus] += not verdict.engine
    assert list(+noticed) == [(False, False)]
    assert noticed[False, False] >= 20


def _without(rule, policies):
    """Return the policies less one ingress rule."""
    return [
        {
            **policy,
            "spec": {
                **policy["spec"],
                "ingress": [r for i, r in enumerate(policy["spec"]["ingress"]) if i != rule.index],
            },
        }
        if f"{policy['metadata']['namespace']}/{policy['metadata']['name']}" == rule.policy
        else policy
        for policy in policies
    ]


def test_the_fixed_corpus_is_rich_enough_to_judge_by():
    """In it every kind of peer is open somewhere, in both directions where there are both, on all protocols and on ranges."""
    seen: set[tuple[str, ...]] = set()
    for world in fixed_worlds():
        snapshot = world.snapshot()
        for policy in snapshot.policies.values():
            result = compile_network(policy, snapshot)
            for edge in result.edges:
                name = edge.to or edge.from_ or ""
                kind = (
                    name.split("/")[0] if name.split("/")[0] in {"cidr", "internet", "self", "workload"} else "service"
                )
                seen.add((kind, edge.state))
            rules = [
                *result.network_policy["spec"].get("ingress", []),
                *result.network_policy["spec"].get("egress", []),
            ]
            seen |= {
                (port["protocol"], "range" if "endPort" in port else "one") for rule in rules for port in rule["ports"]
            }
    wanted = {(kind, "Applied") for kind in ("service", "self", "workload", "internet", "cidr")}
    wanted |= {(kind, "PendingConsent") for kind in ("service", "self")} | {
        ("cidr", "Degraded"),
        ("internet", "Denied"),
    }
    wanted |= {(protocol, form) for protocol in ("TCP", "UDP", "SCTP") for form in ("one", "range")}
    assert wanted - seen == set()


def test_the_corpus_is_the_same_every_time():
    """The published counts stand for one corpus: drawing it twice gives the same worlds and flows."""
    first, again = fixed_worlds()[7], fixed_worlds()[7]
    assert first == again
    assert some_flows(seeded("x"), first) == some_flows(seeded("x"), replace(again))

"""A storm of pods while bartizan or the API server is in trouble: nothing forbidden gets in, ever.

Short scenes here; `python -m chaos --write` runs them at full length and keeps what came out in docs/reference/chaos.md.
"""

import asyncio

import pytest

from chaos import scenes
from chaos.pods import FORBIDDEN
from waiting import eventually

pytestmark = [pytest.mark.node, pytest.mark.timeout(420)]
KINDS = {make.__name__ for make in FORBIDDEN}


@pytest.fixture
def target(shop):
    """The cluster, with a gate that decides."""
    yield shop.cluster
    eventually(lambda: shop.condition("web", "shop", "Ready").get("status") == "True", within=120)


def test_nobody_home_and_every_verdict_stands(target) -> None:
    """Controller and webhook are away: every forbidden pod is refused, every compliant one let in, none waits."""
    tally = asyncio.run(scenes.nobody_home(target, scenes.SHORT.away))
    assert (tally.forbidden_admitted, tally.compliant_refused, tally.undecided.total()) == (0, 0, 0), tally
    assert (set(tally.refused), set(tally.admitted)) == (KINDS, {"compliant"}), tally
    assert tally.asked >= scenes.asked_at_least(scenes.SHORT.away)


def test_the_api_server_restarts_and_nothing_forbidden_gets_in(target) -> None:
    """A server that does not know its parameters yet refuses without a verdict; it never lets in what is forbidden."""
    tally = asyncio.run(scenes.api_server_restarts(target, scenes.SHORT.restarts))
    assert (tally.forbidden_admitted, tally.compliant_refused) == (0, 0), tally
    assert (set(tally.refused), set(tally.admitted)) == (KINDS, {"compliant"}), tally


def test_every_replica_killed_in_turn_is_not_noticed(target) -> None:
    """Each pod of bartizan is killed: verdicts go on as if nothing were."""
    tally = asyncio.run(scenes.replicas_killed(target))
    assert (tally.forbidden_admitted, tally.compliant_refused, tally.undecided.total()) == (0, 0, 0), tally
    assert (set(tally.refused), set(tally.admitted)) == (KINDS, {"compliant"}), tally

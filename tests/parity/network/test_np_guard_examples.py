"""np-guard's own examples: what foreign NetworkPolicies mean, our engine says as np-guard does.

Marked `api` though no API server is asked: np-guard is compiled from its pinned Go module, which the quick tests must not
wait for. The examples are read from that module and are not in this repository.
"""

import pytest

from judges import examples as published
from parity.network import reference
from parity.network.examples import Outcome, put

pytestmark = pytest.mark.api


@pytest.fixture(scope="module")
def outcomes(np_guard) -> dict[str, Outcome]:
    """What became of each example."""
    return {name: put(folder, np_guard) for name, folder in published.folders().items()}


def test_every_example_that_can_be_judged_means_the_same_to_both(outcomes):
    """Between all workloads, and to and from every stretch of addresses, exactly the same ports are open."""
    assert {name: outcome.differences for name, outcome in outcomes.items() if outcome.differences} == {}


def test_the_published_score_is_this_one(outcomes, root):
    """The page names the score and every example that is not judged."""
    assert reference.block(root, "examples") == reference.examples(outcomes)

"""NetworkPolicies of former selectors: bartizan's own while they belong to the policy, and anybody's if they only look so."""

import pytest

from bartizan.api.names import MANAGED_BY, MANAGED_BY_LABEL
from bartizan.core.gaps.surroundings import foreign
from bartizan.core.network.compile import compile_network
from bartizan.testing import a_policy_view, a_snapshot

POLICY = a_policy_view("web", workload={"selector": {"matchLabels": {"app": "web-v2"}}})
SNAPSHOT = a_snapshot(POLICY, former={POLICY.key: (a_policy_view("web").spec.workload.selector,)})
(FORMER,) = compile_network(POLICY, SNAPSHOT).former


def owned_by(uid):
    """Return the NetworkPolicy with another owner, or without one."""
    meta = {key: value for key, value in FORMER["metadata"].items() if key != "ownerReferences"}
    return {**FORMER, "metadata": {**meta, **({"ownerReferences": [{"uid": uid}]} if uid else {})}}


@pytest.mark.parametrize(
    ("item", "ours"),
    [
        (FORMER, True),
        (owned_by(POLICY.uid), True),
        (owned_by("another"), False),
        (owned_by(None), False),
        ({**FORMER, "metadata": {**FORMER["metadata"], "name": "ssp-gone.12345678"}}, False),
    ],
    ids=["as written", "owned", "somebody else's", "label and name alone", "of no policy"],
)
def test_a_former_selectors_policy_is_foreign_unless_it_is_owned(item, ours):
    """The controller narrows or deletes what belongs to the policy; what only bears such a name is a gap like any other."""
    assert item["metadata"]["labels"][MANAGED_BY_LABEL] == MANAGED_BY
    assert foreign([item], SNAPSHOT.policies) == (() if ours else (item,))

"""The table of bad input leaves no rule out, so that a rule that never refuses anything cannot hide."""

import json

from bartizan.api.resources import RESOURCES
from bartizan.api.schema import crd
from contract.crd.cases import BAD


def messages(node: object) -> set[str]:
    """Return the messages of all CEL rules in a piece of a schema."""
    if isinstance(node, list):
        return set().union(*map(messages, node))
    if isinstance(node, dict):
        own = {rule["message"] for rule in node.get("x-kubernetes-validations", ())}
        return own.union(*map(messages, node.values()))
    return set()


def test_every_rule_is_shown_to_refuse():
    """Every CEL rule of every kind has a case that it refuses; the rule on updates has a test of its own."""
    rules = set().union(*(messages(crd(resource)) for resource in RESOURCES))
    assert rules - {case.says for case in BAD} == {"domain cannot change: make a new TrustDomain"}


def test_cases_are_json():
    """A case is an object as a user writes it, not something only Python can hold."""
    assert [case.name for case in BAD if json.loads(json.dumps(case.item)) != case.item] == []

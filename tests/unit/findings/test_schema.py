"""Objects of our kinds are judged on files as the API server judges them: the same table of bad objects is asked about."""

import pytest

from bartizan.api.resources import RESOURCES
from bartizan.api.schema import crd
from bartizan.core.findings.schema import schema_findings
from bartizan.core.findings.schema_rules import RULES
from contract.crd.cases import BAD, GOOD, policy
from contract.crd.test_cases_cover_rules import messages

OF_CHANGES = {"domain cannot change: make a new TrustDomain"}
ODD = {
    "a kind that does not exist": (
        {"apiVersion": "bartizan.dev/v1alpha1", "kind": "ServiceSecurityPolice", "metadata": {"name": "a"}, "spec": {}},
        [("kind", "kind: bartizan.dev has no kind ServiceSecurityPolice; did you mean ServiceSecurityPolicy?")],
    ),
    "a version that is not served": (
        {**policy(), "apiVersion": "bartizan.dev/v1"},
        [("apiVersion", "apiVersion: bartizan.dev/v1 is not served")],
    ),
    "no name": ({**policy(), "metadata": {}}, [("metadata", "metadata: metadata.name is missing")]),
    "no spec": (
        {key: value for key, value in policy().items() if key != "spec"},
        [("spec", "spec: is required and missing")],
    ),
    "a mistyped field": (
        policy(netwrok={}),
        [("spec.netwrok", 'spec.netwrok: there is no field "netwrok" here; did you mean network?')],
    ),
    "several at once": (
        policy(network={"ports": [{"name": "http", "port": "80"}], "egress": {}}),
        [
            (
                "spec.network.ports[0].port",
                'spec.network.ports[0].port: is "80", which in quotes is no number and as a name needs a letter',
            ),
            ("spec.network.egress", "spec.network.egress: is {}, which must be a list"),
        ],
    ),
    "a boolean where a number goes": (
        policy(network={"ports": [{"name": "http", "port": True}]}),
        [("spec.network.ports[0].port", "spec.network.ports[0].port: is true, which must be a number or name")],
    ),
    "status is the controller's": ({**policy(), "status": {"anything": 1}}, []),
}


def found(item):
    """Path and message of each finding."""
    return [(one.path, one.message) for one in schema_findings(item)]


@pytest.mark.parametrize("item", GOOD.values(), ids=GOOD)
def test_good_objects_have_no_findings(item):
    """What the API server takes is not found fault with."""
    assert found(item) == []


@pytest.mark.parametrize("case", BAD, ids=lambda case: case.name)
def test_bad_objects_are_found_where_the_api_server_refuses_them(case):
    """One finding, at the field that the API server names or within it."""
    paths = [path for path, _ in found(case.item)]
    field = "" if case.field == "<nil>" else case.field
    assert len(paths) == 1
    assert paths[0].startswith(field)


def test_every_rule_of_the_definitions_is_judged():
    """No CEL rule lacks its twin, and no twin its rule; a rule about changes has nothing to say of a file."""
    rules = set().union(*(messages(crd(resource)) for resource in RESOURCES))
    assert rules - OF_CHANGES == set(RULES)


@pytest.mark.parametrize(("item", "wanted"), ODD.values(), ids=ODD)
def test_what_only_files_hold(item, wanted):
    """Everything wrong is told at once, with the word that was meant."""
    assert found(item) == wanted

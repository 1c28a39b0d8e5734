"""Which answers of the API server nobody has to look at again for: those that say what was meant and nothing else."""

import copy

import pytest

from bartizan.core.echo import as_meant, final
from bartizan.core.model import ObjectRef
from bartizan.core.plan import Apply, Delete, Plan

MEANT = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {
        "name": "orders-tls",
        "namespace": "shop",
        "labels": {"bartizan.dev/policy": "orders"},
        "ownerReferences": [{"kind": "ServiceSecurityPolicy", "name": "orders", "uid": "u1"}],
    },
    "type": "kubernetes.io/tls",
    "data": {"tls.crt": "Yw==", "tls.key": "aw==", "ca.crt": "Yg=="},
}
STATUS = {"observedGeneration": 3, "conditions": []}
POLICY = {
    "apiVersion": "bartizan.dev/v1alpha1",
    "kind": "ServiceSecurityPolicy",
    "metadata": {"name": "orders", "namespace": "shop", "uid": "u1", "generation": 3, "resourceVersion": "7"},
    "spec": {},
}
SECRET_APPLY = Apply(item=MEANT, manager="bartizan/certificates")
STATUS_APPLY = Apply(item={**POLICY, "status": STATUS}, manager="bartizan/status", status=True)


def answer(item, *path, value=None, manager="bartizan/certificates"):
    """What the API server says to a write, with one value different from what was meant."""
    said = copy.deepcopy(item)
    said["metadata"] |= {"resourceVersion": "8", "managedFields": [{"manager": manager, "operation": "Apply"}]}
    if path:
        at = said
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = value
    return said


@pytest.mark.parametrize(
    ("difference", "told"),
    [
        ((), True),
        (("data", "tls.key"), False),
        (("data", "more"), False),
        (("type",), False),
        (("immutable",), False),
        (("metadata", "labels"), False),
        (("metadata", "annotations"), False),
        (("metadata", "ownerReferences"), False),
        (("metadata", "deletionTimestamp"), False),
    ],
    ids=lambda one: "/".join(one) if isinstance(one, tuple) else "",
)
def test_a_secret_is_as_meant_to_the_letter_or_not(difference, told):
    """Whatever is different from what was applied has to be looked at."""
    assert as_meant(SECRET_APPLY, None, answer(MEANT, *difference, value={"x": "y"})) is told


def test_a_secret_with_a_second_writer_is_looked_at():
    """Somebody else's fields are seen in who manages them, also where they agree with ours."""
    assert not as_meant(SECRET_APPLY, None, answer(MEANT, manager="helm"))


@pytest.mark.parametrize(
    ("difference", "told"),
    [
        ((), True),
        (("status", "served"), False),
        (("metadata", "generation"), False),
        (("metadata", "uid"), False),
        (("metadata", "annotations"), False),
        (("metadata", "deletionTimestamp"), False),
    ],
    ids=lambda one: "/".join(one) if isinstance(one, tuple) else "",
)
def test_a_status_is_as_meant_where_nothing_else_changed(difference, told):
    """A specification, a label or a status that somebody else wrote in between comes with our own answer."""
    said = answer(STATUS_APPLY.item, *difference, value={"x": "y"}, manager="bartizan/status")
    assert as_meant(STATUS_APPLY, POLICY, said) is told


def test_a_status_of_an_object_that_was_not_known_is_looked_at():
    """Without the object as it was, nothing says what else has changed."""
    assert not as_meant(STATUS_APPLY, None, answer(STATUS_APPLY.item))


NETWORK_POLICY = Apply(item={"kind": "NetworkPolicy", "metadata": {"name": "x"}}, manager="bartizan/networkpolicy")
GONE = Delete(ref=ObjectRef(api_version="v1", kind="Secret", namespace="shop", name="old"), uid="u2")


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (Plan(), True),
        (Plan(status=STATUS_APPLY), True),
        (Plan(applies=(SECRET_APPLY,), status=STATUS_APPLY), True),
        (Plan(applies=(SECRET_APPLY, NETWORK_POLICY), status=STATUS_APPLY), False),
        (Plan(deletes=(GONE,)), False),
    ],
    ids=["nothing", "status", "certificate", "a NetworkPolicy too", "something deleted"],
)
def test_a_plan_is_the_end_or_a_step(plan, told):
    """What a NetworkPolicy opens or closes has consequences for the next look; a certificate has none."""
    assert final(plan) is told

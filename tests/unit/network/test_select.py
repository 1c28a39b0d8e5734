"""Label selectors: the meaning of each operator, and whether two selectors can meet in one pod."""

import pytest

from bartizan.core.select import covering, describe, matches, overlap, to_kube
from unit.network.building import a_policy, a_selector

MATCHING = [
    ("an exact label matches its value", {"labels": {"app": "web"}}, {"app": "web", "tier": "x"}, True),
    ("an exact label refuses another value", {"labels": {"app": "web"}}, {"app": "api"}, False),
    ("an exact label refuses a pod without it", {"labels": {"app": "web"}}, {}, False),
    ("an exact empty value refuses a pod without the label", {"labels": {"app": ""}}, {}, False),
    ("all exact labels must hold", {"labels": {"app": "web", "tier": "x"}}, {"app": "web"}, False),
    ("In matches any listed value", {"expressions": [("app", "In", "web", "api")]}, {"app": "api"}, True),
    ("In refuses a value not listed", {"expressions": [("app", "In", "web")]}, {"app": "api"}, False),
    ("In refuses a pod without the label", {"expressions": [("app", "In", "web")]}, {}, False),
    ("NotIn refuses a listed value", {"expressions": [("app", "NotIn", "web")]}, {"app": "web"}, False),
    ("NotIn matches another value", {"expressions": [("app", "NotIn", "web")]}, {"app": "api"}, True),
    ("NotIn matches a pod without the label", {"expressions": [("app", "NotIn", "web")]}, {}, True),
    ("Exists matches any value, even an empty one", {"expressions": [("app", "Exists")]}, {"app": ""}, True),
    ("Exists refuses a pod without the label", {"expressions": [("app", "Exists")]}, {}, False),
    ("DoesNotExist matches a pod without the label", {"expressions": [("app", "DoesNotExist")]}, {"x": "y"}, True),
    ("DoesNotExist refuses a pod with the label", {"expressions": [("app", "DoesNotExist")]}, {"app": ""}, False),
    ("labels and expressions must both hold", {"labels": {"app": "web"}, "expressions": [("canary", "Exists")]}, {"app": "web"}, False),
    ("an empty selector selects every pod", {}, {"app": "web"}, True),
]  # fmt: skip


@pytest.mark.parametrize(("selector", "labels", "expected"), [c[1:] for c in MATCHING], ids=[c[0] for c in MATCHING])
def test_matches_as_kubernetes_does(selector, labels, expected):
    """A selector selects exactly the pods that Kubernetes says it selects."""
    assert matches(a_selector(**selector), labels) is expected


MEETING = [
    ("the same label", {"labels": {"app": "web"}}, {"labels": {"app": "web"}}, True),
    ("two values of one label", {"labels": {"app": "web"}}, {"labels": {"app": "api"}}, False),
    ("different labels", {"labels": {"app": "web"}}, {"labels": {"tier": "x"}}, True),
    ("a value and a list with it", {"labels": {"app": "web"}}, {"expressions": [("app", "In", "web", "api")]}, True),
    ("a value and a list without it", {"labels": {"app": "web"}}, {"expressions": [("app", "In", "api")]}, False),
    ("a list whose common values are all excluded", {"expressions": [("app", "In", "a", "b"), ("app", "NotIn", "a")]}, {"expressions": [("app", "In", "b", "c"), ("app", "NotIn", "b")]}, False),
    ("a value and its exclusion", {"labels": {"app": "web"}}, {"expressions": [("app", "NotIn", "web")]}, False),
    ("a presence and exclusions of finitely many values", {"expressions": [("app", "Exists")]}, {"expressions": [("app", "NotIn", "a", "b")]}, True),
    ("a presence and an absence", {"expressions": [("app", "Exists")]}, {"expressions": [("app", "DoesNotExist")]}, False),
    ("an absence and an exclusion, met by a pod without it", {"expressions": [("app", "DoesNotExist")]}, {"expressions": [("app", "NotIn", "web")]}, True),
    ("a selector that no pod can satisfy meets nothing", {"expressions": [("x", "Exists"), ("x", "DoesNotExist")]}, {"labels": {"app": "web"}}, False),
    ("an empty selector meets anything satisfiable", {}, {"labels": {"app": "web"}}, True),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second", "expected"), [c[1:] for c in MEETING], ids=[c[0] for c in MEETING])
def test_overlap_tells_whether_one_pod_can_satisfy_both(first, second, expected):
    """Two selectors overlap if and only if some set of labels satisfies both, in either order of asking."""
    one, two = a_selector(**first), a_selector(**second)
    assert (overlap(one, two), overlap(two, one)) == (expected, expected)


def test_to_kube_writes_equal_requirements_alike():
    """Selectors that differ only in order or repetition are written as the same JSON, without empty fields."""
    one = a_selector(labels={"b": "2", "a": "1"}, expressions=[("t", "In", "y", "x"), ("c", "Exists")])
    two = a_selector(labels={"a": "1", "b": "2"}, expressions=[("c", "Exists"), ("t", "In", "x", "y", "x")])
    expected = {
        "matchLabels": {"a": "1", "b": "2"},
        "matchExpressions": [
            {"key": "c", "operator": "Exists"},
            {"key": "t", "operator": "In", "values": ["x", "y"]},
        ],
    }
    assert (to_kube(one), to_kube(two), to_kube(a_selector())) == (expected, expected, {})


def test_describe_speaks_the_language_of_kubectl():
    """A selector is shown as `kubectl get -l` would take it."""
    selector = a_selector(
        labels={"app": "web"},
        expressions=[("tier", "In", "b", "a"), ("env", "NotIn", "dev"), ("beta", "DoesNotExist"), ("team", "Exists")],
    )
    assert describe(selector) == "app=web,!beta,env notin (dev),team,tier in (a, b)"


def test_covering_finds_the_policies_of_the_pods_namespace():
    """A pod is covered by all policies of its own namespace that select it, by name, and by no other."""
    broad = a_policy("shop/broad", selector={"matchExpressions": [{"key": "app", "operator": "Exists"}]})
    web, other, foreign = a_policy("shop/web"), a_policy("shop/api"), a_policy("bank/web")
    assert covering((web, other, broad, foreign), "shop", {"app": "web"}) == (broad, web)

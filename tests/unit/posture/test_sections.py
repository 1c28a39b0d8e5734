"""Sections of specifications that are equal, held once."""

import gc

from bartizan.controller.sections import Sections
from bartizan.core.model import InvalidPolicy, PolicyView
from bartizan.core.views import read_policy
from bartizan.testing import a_policy

PARTS = {
    "network": {"ports": [{"name": "http", "port": 80}]},
    "identity": {"trustDomain": "default"},
    "mtls": {"lifetime": "24h"},
    "secrets": {"items": []},
    "workload": {"selector": {"matchLabels": {"app": "a"}}, "podSecurity": {"level": "restricted"}},
}


def read(sections, item):
    """Return the view, which can be read."""
    view = sections.read(item)
    assert isinstance(view, PolicyView)
    return view


def test_a_view_is_the_same_with_shared_sections():
    """Of policies with all sections, some or none the view is what it is without sharing, down to what was given."""
    sections = Sections()
    items = [a_policy(), a_policy("b", **PARTS), a_policy("c", **PARTS), a_policy("d", network={"ports": []})]
    views = [read(sections, item) for item in items]
    plain = [read_policy(item) for item in items]
    assert views == plain
    assert [view.spec.model_dump(exclude_unset=True) for view in views] == [
        view.spec.model_dump(exclude_unset=True) for view in plain if isinstance(view, PolicyView)
    ]


def test_equal_sections_are_one_model_and_others_their_own():
    """Two policies that say the same share it; one that says something else does not."""
    sections = Sections()
    first, second = (read(sections, a_policy(name, **PARTS)).spec for name in "ab")
    other = read(sections, a_policy("c", **{**PARTS, "mtls": {"lifetime": "12h"}})).spec
    assert first.mtls is second.mtls
    assert first.network is second.network is other.network
    assert first.workload.pod_security is second.workload.pod_security
    assert other.mtls.lifetime * 2 == first.mtls.lifetime


def test_a_section_that_nobody_has_any_more_is_let_go_of():
    """What is known is bounded by what there is."""
    sections = Sections()
    view = read(sections, a_policy("a", **PARTS))
    assert len(sections._known) == 5
    del view
    gc.collect()
    assert len(sections._known) == 0


def test_a_policy_that_cannot_be_read_has_no_sections():
    """It is told as it is without sharing."""
    item = {**a_policy(), "spec": {"workload": "none"}}
    assert isinstance(Sections().read(item), InvalidPolicy)
    assert Sections().read(item) == read_policy(item)

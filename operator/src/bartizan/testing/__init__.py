"""Shipped fakes and builders, so that nobody needs to mock the project's own code."""

from bartizan.testing.builders import (
    a_namespace,
    a_pod,
    a_policy,
    a_policy_spec,
    a_policy_view,
    a_secret,
    a_service,
    a_snapshot,
    a_trust_domain_view,
    uid_of,
)
from bartizan.testing.clock import FakeClock
from bartizan.testing.fake_kube import FakeKube, Write

__all__ = [
    "FakeClock",
    "FakeKube",
    "Write",
    "a_namespace",
    "a_pod",
    "a_policy",
    "a_policy_spec",
    "a_policy_view",
    "a_secret",
    "a_service",
    "a_snapshot",
    "a_trust_domain_view",
    "uid_of",
]

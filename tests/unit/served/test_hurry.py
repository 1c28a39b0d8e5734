"""Who is probed sooner while a certificate is waited for."""

from datetime import UTC, datetime, timedelta

import pytest

from bartizan.core.served.hurry import LONGEST, hurried
from bartizan.testing import a_policy

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def a_service(name, reason, *, ago=timedelta(minutes=5), status="Unknown"):
    """A policy whose CertificateServed has that reason since then."""
    condition = {
        "type": "CertificateServed", "status": status, "reason": reason, "message": "", "observedGeneration": 1,
        "lastTransitionTime": (NOW - ago).isoformat(),
    }  # fmt: skip
    return {**a_policy(name), "status": {"conditions": [condition]}}


def a_caller(name, *seen):
    """A policy whose last probe saw certificates of those services."""
    return {**a_policy(name), "status": {"probes": {"served": [{"of": f"shop/{one}"} for one in seen]}}}


WEB, APP = a_caller("web", "orders", "stock"), a_caller("app", "orders")
CASES = {
    "not confirmed": ([a_service("orders", "NotConfirmed"), WEB], {"web"}),
    "stale": ([a_service("orders", "ServedStale", status="False"), WEB], {"web"}),
    "one caller is enough": ([a_service("orders", "NotConfirmed"), WEB, APP], {"app"}),
    "two services": ([a_service("orders", "NotConfirmed"), a_service("stock", "NotConfirmed"), WEB, APP], {"app", "web"}),
    "served": ([a_service("orders", "Served", status="True"), WEB], set()),
    "not provable": ([a_service("orders", "NotProvable"), WEB], set()),
    "for too long": ([a_service("orders", "NotConfirmed", ago=LONGEST), WEB], set()),
    "seen by nobody yet": ([a_service("orders", "NotConfirmed"), a_policy("web")], set()),
    "no status": ([a_policy("orders"), WEB], set()),
}  # fmt: skip


@pytest.mark.parametrize(("policies", "names"), CASES.values(), ids=CASES)
def test_one_caller_of_a_service_that_is_waited_for(policies, names):
    """Only while it is waited for, and only who has seen the service before."""
    assert hurried(policies, NOW) == {("shop", name) for name in names}

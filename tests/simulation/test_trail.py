"""What the controller leaves to read of authorities and certificates."""

import pytest
from structlog.testing import capture_logs

from bartizan.api.kinds import TRUST_DOMAIN
from bartizan.core.model import ObjectRef
from bartizan.testing import a_namespace, a_policy

DOMAIN = ObjectRef(api_version=TRUST_DOMAIN.api_version, kind=TRUST_DOMAIN.kind, namespace="", name="default")


async def test_authorities_and_certificates_are_logged_and_told(rig):
    """Each authority made is an Event and a line in the log, each certificate a line; none holds a key."""
    with capture_logs() as logs:
        async with rig(a_namespace(), a_policy()) as cluster:
            told = [one.reason for one in cluster.recorded.events if one.about == DOMAIN]
    assert told == ["AuthorityMade", "AuthorityMade"]
    assert [one["reason"] for one in logs if one["event"] == "trust domain"] == told
    assert [one["role"] for one in logs if one["event"] == "authority made"] == ["Root", "Issuing"]
    assert [(one["namespace"], one["policy"], one["reason"]) for one in logs if one["event"] == "issued"] == [
        ("shop", "orders", "SecretMissing")
    ]
    assert "PRIVATE KEY" not in str(logs)


@pytest.mark.parametrize(
    ("prober", "begins"), [("", "nobody probes what is served"), ("bartizan-prober", "probes have looked for")]
)
async def test_a_rotation_says_whether_anybody_probes(rig, prober, begins):
    """What is waited for claims probes only where a prober is installed."""
    async with rig(a_namespace(), a_policy(), prober=prober) as cluster:
        item = cluster.kube.peek(DOMAIN)
        wish = {"rotation": {"request": {"id": "r1", "role": "Issuing"}}}
        cluster.kube.put({**item, "spec": {**item["spec"], **wish}})
        await cluster.settle(10)
        waiting = cluster.kube.peek(DOMAIN)["status"]["rotation"]["waitingFor"]
    assert [one for one in waiting if one.startswith(begins)] != []

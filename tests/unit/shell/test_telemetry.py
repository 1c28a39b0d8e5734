"""Metrics and probes."""

from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import generate_latest

from bartizan.shell.settings import Address
from bartizan.shell.telemetry import PrometheusMeter, serve_telemetry

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def samples(meter):
    """Return the samples that are not buckets."""
    lines = generate_latest(meter.registry).decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if line[0] != "#" and "_bucket" not in line)
    return {name: float(value) for name, _, value in pairs}


def test_what_happened_is_counted():
    """Every observation of the controller arrives under its documented name and labels."""
    meter = PrometheusMeter()
    meter.reconciled("policy", "done", 0.5)
    meter.wrote("NetworkPolicy", "bartizan/networkpolicy")
    meter.queued(3)
    meter.leads(leader=True)
    meter.webhook_authority(present=True)
    meter.policy(("shop", "orders"), {"mode": "Enforce", "ready": "False"})
    meter.policy(("shop", "orders"), {"mode": "Enforce", "ready": "True"})
    meter.certificate(("shop", "orders"), NOW)
    assert samples(meter) == {
        'bartizan_reconcile_total{kind="policy",result="done"}': 1,
        'bartizan_reconcile_duration_seconds_count{kind="policy"}': 1,
        'bartizan_reconcile_duration_seconds_sum{kind="policy"}': 0.5,
        'bartizan_writes_total{kind="NetworkPolicy",manager="bartizan/networkpolicy"}': 1,
        "bartizan_queue_depth": 3,
        "bartizan_leader": 1,
        "bartizan_webhook_authority_present": 1,
        'bartizan_policies{mode="Enforce",ready="False"}': 0,
        'bartizan_policies{mode="Enforce",ready="True"}': 1,
        'bartizan_certificate_expiry_timestamp_seconds{namespace="shop",policy="orders"}': NOW.timestamp(),
    }


def test_a_replica_that_stops_leading_says_nothing_of_policies():
    """Two replicas must not both count the same policies, nor keep alarming about a certificate long renewed."""
    meter = PrometheusMeter()
    meter.policy(("shop", "orders"), {"mode": "Enforce", "ready": "True"})
    meter.certificate(("shop", "orders"), NOW)
    meter.leads(leader=False)
    found = samples(meter)
    assert found['bartizan_policies{mode="Enforce",ready="True"}'] == 0
    assert [name for name in found if "expiry" in name] == []


def test_every_metric_is_in_the_reference():
    """docs/reference/metrics.md names each metric the controller exports."""
    families = {family.name for family in PrometheusMeter().registry.collect()}
    text = REFERENCE.read_text()
    assert sorted(name for name in families if f"`{name}" not in text) == []


@pytest.mark.parametrize(("ready", "code"), [(True, 200), (False, 503)], ids=["all is well", "not synced yet"])
async def test_probes_answer_what_they_are_asked(ready, code):
    """/readyz says whether everything has been listed once; /healthz and /metrics answer as long as the loop does."""
    runner = await serve_telemetry(Address(host="127.0.0.1", port=0), PrometheusMeter().registry, ready=lambda: ready)
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with aiohttp.ClientSession() as session:
            codes = []
            for path in ("readyz", "healthz", "metrics"):
                async with session.get(f"{base}/{path}") as answer:
                    codes.append(answer.status)
    finally:
        await runner.cleanup()
    assert codes == [code, 200, 200]

"""Metrics and probes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from prometheus_client import generate_latest

from bartizan.core.pki.standing import AuthorityStanding, DomainStanding, Standing
from bartizan.shell.settings import Address
from bartizan.shell.telemetry import PrometheusMeter, serve_telemetry

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "metrics.md"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
FAILURES = {
    f'bartizan_certificate_issuance_failures_total{{reason="{reason}"}}'
    for reason in ("NoAuthority", "SignerFailed", "ResultRefused", "NotRecorded")
} | {
    f'bartizan_issuer_requests_total{{issuer="{issuer}",result="refused"}}'
    for issuer in ("certManager", "vaultPKI", "csrSigner")
}
ALWAYS = {"bartizan_queue_depth", "bartizan_leader", "bartizan_webhook_authority_present"} | FAILURES


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
    meter.certificate(("shop", "orders"), NOW, NOW - HOUR)
    meter.conditions(("shop", "orders"), [("CertificateReady", "Pending"), ("Ready", "NotReady")])
    meter.conditions(("shop", "web"), [("CertificateReady", "Pending")])
    meter.conditions(("shop", "orders"), [("CertificateReady", "Pending")])
    meter.issued("RenewalDue")
    meter.issued("PodRequest", "PodCertificate")
    meter.not_issued("ResultRefused")
    assert samples(meter) == dict.fromkeys(FAILURES, 0) | {
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
        'bartizan_certificate_renewal_timestamp_seconds{namespace="shop",policy="orders"}': (NOW - HOUR).timestamp(),
        'bartizan_policy_conditions_false{condition="CertificateReady",reason="Pending"}': 2,
        'bartizan_policy_conditions_false{condition="Ready",reason="NotReady"}': 0,
        'bartizan_certificates_issued_total{delivery="Secret",reason="RenewalDue"}': 1,
        'bartizan_certificates_issued_total{delivery="PodCertificate",reason="PodRequest"}': 1,
        'bartizan_certificate_issuance_failures_total{reason="ResultRefused"}': 1,
    }


STANDING = Standing(
    authorities=(
        AuthorityStanding(
            trust_domain="default", id="0a1b", role="Issuing", generation=2, not_after=NOW + HOUR, leaves=7
        ),
    ),
    domains=(
        DomainStanding(name="default", ready=False, reason="CAKeyLost", phase="Draining", since=NOW),
        DomainStanding(name="other", ready=True, reason="Applied", phase="Stable", since=None),
    ),
    waiting=3,
    longest_wait=timedelta(seconds=90),
    contested=(("shop", "orders-tls"),),
)


def test_how_things_stand_is_asked_at_each_scrape():
    """Authorities, rotation, queue and contests are told as they are now, and an authority that is gone leaves no number."""
    meter = PrometheusMeter()
    now = [STANDING]
    meter.stands(lambda: now[0])
    meter.leads(leader=True)
    who = 'authority="0a1b",generation="2",role="Issuing",trust_domain="default"'
    assert {name: value for name, value in samples(meter).items() if name not in ALWAYS} == {
        "bartizan_issuance_queue_depth": 3,
        "bartizan_issuance_queue_age_seconds": 90,
        f"bartizan_authority_expiry_timestamp_seconds{{{who}}}": (NOW + HOUR).timestamp(),
        f"bartizan_authority_leaves{{{who}}}": 7,
        'bartizan_trust_domain_ready{reason="CAKeyLost",trust_domain="default"}': 0,
        'bartizan_trust_domain_ready{reason="Applied",trust_domain="other"}': 1,
        'bartizan_rotation_phase{phase="Draining",trust_domain="default"}': 1,
        'bartizan_rotation_phase{phase="Stable",trust_domain="other"}': 1,
        'bartizan_rotation_phase_since_timestamp_seconds{phase="Draining",trust_domain="default"}': NOW.timestamp(),
        'bartizan_secret_contested{namespace="shop",secret="orders-tls"}': 1,
    }
    now[0] = Standing()
    assert {name for name in samples(meter) if name not in ALWAYS} == {
        "bartizan_issuance_queue_depth",
        "bartizan_issuance_queue_age_seconds",
    }


def test_only_the_replica_that_writes_is_asked_how_things_stand():
    """A replica that does not write says nothing of authorities: two must not tell of the same cluster."""
    meter = PrometheusMeter()
    meter.stands(lambda: STANDING)
    assert set(samples(meter)) == ALWAYS
    meter.leads(leader=True)
    meter.leads(leader=False)
    assert set(samples(meter)) == ALWAYS


def test_a_policy_that_is_gone_fails_no_more():
    """A deleted policy is counted under no condition."""
    meter = PrometheusMeter()
    meter.policy(("shop", "orders"), {"mode": "Enforce", "ready": "False"})
    meter.conditions(("shop", "orders"), [("Ready", "NotReady")])
    meter.policy(("shop", "orders"), None)
    assert samples(meter)['bartizan_policy_conditions_false{condition="Ready",reason="NotReady"}'] == 0


def test_a_replica_that_stops_leading_says_nothing_of_policies():
    """Two replicas must not both count the same policies, nor keep alarming about a certificate long renewed."""
    meter = PrometheusMeter()
    meter.policy(("shop", "orders"), {"mode": "Enforce", "ready": "True"})
    meter.certificate(("shop", "orders"), NOW)
    meter.leads(leader=False)
    found = samples(meter)
    assert found['bartizan_policies{mode="Enforce",ready="True"}'] == 0
    assert [name for name in found if "expiry" in name or "renewal" in name] == []


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

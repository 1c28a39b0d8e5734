"""What the running controller tells its meter about certificates, read as Prometheus reads it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bartizan.api.kinds import SECRET
from bartizan.core.model import ObjectRef
from bartizan.kube.errors import UnavailableError
from bartizan.shell.telemetry import PrometheusMeter
from bartizan.signers.builtin import BuiltinSigner
from bartizan.testing import a_namespace, a_policy

ISSUED = "bartizan_certificates_issued_total"
SECRET_OF_ORDERS = ObjectRef(api_version="v1", kind=SECRET.kind, namespace="shop", name="orders-tls")
FAILED = "bartizan_certificate_issuance_failures_total"


@pytest.fixture
def meter():
    """A meter as the controller's process has it."""
    return PrometheusMeter()


def read(meter, name, **labels):
    """Return a number as it is exposed now; None where it is not."""
    return meter.registry.get_sample_value(name, labels)


def failures(meter):
    """Return the failures by reason, those that there were."""
    reasons = ("NoAuthority", "SignerFailed", "ResultRefused", "NotRecorded")
    return {reason: count for reason in reasons if (count := read(meter, FAILED, reason=reason))}


async def test_certificates_are_counted_by_why(rig, meter):
    """A first certificate, one whose Secret was deleted and a renewal are counted apart; nothing failed."""
    async with rig(a_namespace(), a_policy(), meter=meter) as cluster:
        assert read(meter, ISSUED, reason="SecretMissing", delivery="Secret") == 1
        await cluster.kube.delete(SECRET_OF_ORDERS)
        await cluster.settle()
        assert read(meter, ISSUED, reason="SecretMissing", delivery="Secret") == 2
        await cluster.settle(3)
        cluster.leadership.take()
        await cluster.settle(1)
        cluster.clock.shift(timedelta(hours=14))
        cluster.leadership.give()
        await cluster.settle()
        assert read(meter, ISSUED, reason="RenewalDue", delivery="Secret") == 1
        ends = read(meter, "bartizan_certificate_expiry_timestamp_seconds", namespace="shop", policy="orders")
        due = read(meter, "bartizan_certificate_renewal_timestamp_seconds", namespace="shop", policy="orders")
        assert timedelta(hours=10) < timedelta(seconds=ends - due) < timedelta(hours=14)
        assert failures(meter) == {}


async def test_authorities_stand_in_the_metrics(rig, meter):
    """Root and issuing authority are told with their end and what they have signed, and the domain as ready and stable."""
    async with rig(a_namespace(), a_policy(), a_policy("web"), meter=meter):
        told = {
            (sample.labels["role"], sample.labels["generation"]): sample.value
            for family in meter.registry.collect()
            for sample in family.samples
            if sample.name == "bartizan_authority_leaves"
        }
        assert told == {("Root", "1"): 0, ("Issuing", "1"): 2}
        assert read(meter, "bartizan_trust_domain_ready", trust_domain="default", reason="Applied") == 1
        assert read(meter, "bartizan_rotation_phase", trust_domain="default", phase="Stable") == 1


async def test_who_waits_longest_is_seen(rig, meter):
    """While the budget is spent the queue's depth and age grow; when all are signed for both are nothing."""
    names = [f"svc-{number:02d}" for number in range(12)]
    async with rig(a_namespace(), *map(a_policy, names), issuance_rate=1, meter=meter) as cluster:
        depth, age = (read(meter, f"bartizan_issuance_queue_{what}") for what in ("depth", "age_seconds"))
        assert (0 < depth < 12, 1 < age <= 3) == (True, True), (depth, age)
        await cluster.settle(15)
        assert [read(meter, f"bartizan_issuance_queue_{what}") for what in ("depth", "age_seconds")] == [0, 0]


class Refusing(BuiltinSigner):
    """A signer that cannot sign."""

    def sign_leaf(self, profile, authority, **how):
        """Sign at a moment at which the authority has ended."""
        return super().sign_leaf(profile, authority, **{**how, "now": authority.not_after})


class Embellishing(BuiltinSigner):
    """A signer that puts a name of its own into certificates."""

    def sign_leaf(self, profile, authority, **how):
        """Sign for a name that nobody asked for."""
        return super().sign_leaf(replace(profile, dns_names=("evil.example.com",)), authority, **how)


@pytest.mark.parametrize(
    ("signer", "counted"),
    [(Refusing(), "SignerFailed"), (Embellishing(), "ResultRefused")],
    ids=["refuses", "embellishes"],
)
async def test_a_signer_that_fails_is_counted(rig, meter, signer, counted):
    """A signer that refuses, and one whose result is not what was asked for, are counted apart; nothing is published."""
    async with rig(a_namespace(), meter=meter) as cluster:
        cluster.controller._certificates._signer = signer
        cluster.kube.put(a_policy())
        await cluster.settle()
        assert set(failures(meter)) == {counted}
        assert read(meter, ISSUED, reason="SecretMissing", delivery="Secret") is None
        assert cluster.kube.peek(SECRET_OF_ORDERS) is None


async def test_a_ledger_that_cannot_be_written_is_counted(rig, meter):
    """A certificate that could not be written down is thrown away and counted; the next try is counted as issued."""
    async with rig(a_namespace(), meter=meter) as cluster:
        cluster.kube.fail_next(
            UnavailableError("away"), matching=lambda call: (call.verb, call.kind.kind) == ("apply", "ConfigMap")
        )
        cluster.kube.put(a_policy())
        await cluster.settle(10)
        assert failures(meter) == {"NotRecorded": 1}
        assert read(meter, ISSUED, reason="SecretMissing", delivery="Secret") == 1


async def test_conditions_are_counted_by_policies(rig, meter):
    """Two policies without a trust domain are counted under the condition that says so, and a deleted one no more."""
    policies = [a_policy(name, identity={"trustDomain": "nowhere"}) for name in ("orders", "web")]
    async with rig(a_namespace(), *policies, meter=meter) as cluster:
        where = {"condition": "CertificateReady", "reason": "TrustDomainNotFound"}
        assert read(meter, "bartizan_policy_conditions_false", **where) == 2
        await cluster.kube.delete(ObjectRef.of(policies[0]))
        await cluster.settle()
        assert read(meter, "bartizan_policy_conditions_false", **where) == 1

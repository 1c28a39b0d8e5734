"""What every issuer keeps, the built-in one included: one suite, four desks."""

from datetime import timedelta

import pytest
from cryptography import x509

from bartizan.core.pki.pem import read_certificates
from bartizan.core.reasons import Reason
from bartizan.testing import a_policy_view
from contract.issuers.corporate import Corporate, Signature, named
from contract.issuers.desks import CERTIFICATE, DESKS, Desk
from contract.issuers.vault_desk import VaultDesk

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
SPIFFE = "spiffe://test.example/ns/shop/sa/orders"


EVERYBODY = (*DESKS, "vaultPKI")


@pytest.fixture(params=EVERYBODY)
async def desk(request):
    """A desk of each issuer, or of those that a test names."""
    made = VaultDesk() if request.param == "vaultPKI" else DESKS[request.param]()
    if isinstance(made, VaultDesk):
        await made.start()
    yield made
    await made.close()


def observed(outcome) -> tuple[str, Reason]:
    """Return status and reason of CertificateReady."""
    return (outcome.observation.status, outcome.observation.reason)


async def test_a_certificate_is_issued(desk: Desk):
    """Asked, signed, published: with exactly the names, under our own key, and the bundle beside it."""
    outcome = await desk.issue()
    leaf = desk.leaf()
    assert observed(outcome) == ("True", Reason.ISSUED)
    assert (leaf.uris, leaf.dns_names, leaf.key_fits) == ((SPIFFE,), (), True)
    assert len(leaf.chain) == 1
    assert read_certificates(leaf.bundle_pem) == read_certificates(outcome_bundle(desk))
    assert observed(await desk.look(HOUR)) == ("True", Reason.ISSUED)
    assert desk.asked() == 1


def outcome_bundle(desk: Desk) -> str:
    """Return the bundle that peers are to trust."""
    domain = desk.world.trust_domain("default")
    return desk.certificates.authorities(domain, desk.now).bundle_pem if not desk.waits else desk.corp.bundle


async def test_the_key_is_nowhere_before_the_certificate_is_published(desk: Desk):
    """What is asked with is public: no object of the cluster holds a key until the Secret does, nor does a message."""
    if desk.waits:
        outcome = await desk.look()
        held = list(desk.kube._items.values())
        assert not any("tls.key" in str(item) for item in held)
        assert observed(outcome) == ("False", Reason.PENDING)
        assert "PRIVATE" not in repr(desk.external._attempts)
    await desk.issue()
    assert desk.leaf().key_fits


async def test_it_is_renewed_at_half_of_its_life(desk: Desk):
    """A new certificate under a new key replaces the old one, which stays in use meanwhile."""
    await desk.issue()
    before = desk.leaf()
    meanwhile = await desk.look(13 * HOUR + timedelta(minutes=15))
    assert observed(meanwhile) == ("True", Reason.ISSUED)
    if desk.waits:
        assert desk.leaf().serial == before.serial
        assert "renewal" in meanwhile.observation.message
        assert meanwhile.status.serial == before.serial
    after_all = await desk.issue()
    assert observed(after_all) == ("True", Reason.ISSUED)
    assert desk.leaf().serial != before.serial
    assert desk.leaf().key_pem != before.key_pem
    assert desk.asked() == 2


async def test_other_names_are_asked_for_anew(desk: Desk):
    """A change of the policy's names is a new certificate, not a wait for the renewal."""
    await desk.issue()
    desk.policy = a_policy_view(identity={"dnsNames": ["orders.example.com"]})
    outcome = await desk.issue(timedelta(minutes=1))
    assert observed(outcome) == ("True", Reason.ISSUED)
    assert desk.leaf().dns_names == ("orders.example.com",)


async def test_wrong_names_are_never_published(desk: Desk):
    """An issuer that adds a name is refused, by the rule's name; the Secret is not written."""
    if not desk.waits:
        await desk.sign(Signature(names=[]))
        assert await desk.look() is None
    else:
        await desk.look()
        await desk.sign(Signature(names=[x509.UniformResourceIdentifier(SPIFFE), x509.DNSName("admin.example.com")]))
        outcome = await desk.look(SECOND)
        assert observed(outcome) == ("False", Reason.ISSUED_CERTIFICATE_REFUSED)
        assert "rule Names: it names admin.example.com, which nobody asked for" in outcome.observation.message
        assert desk.meter.results[-1][1] == "refused"
    assert desk.kube.peek(CERTIFICATE) is None


async def test_a_lifetime_is_never_longer_than_asked(desk: Desk):
    """A week where an hour was asked is refused; the built-in issuer clamps by itself."""
    desk.policy = a_policy_view(mtls={"lifetime": "1h"})
    if desk.waits:
        await desk.look()
        await desk.sign(Signature(lasts=168 * HOUR))
        outcome = await desk.look(SECOND)
        assert observed(outcome) == ("False", Reason.ISSUED_CERTIFICATE_REFUSED)
        assert "rule Validity: it lasts 168h, and 1h was asked for" in outcome.observation.message
        return
    await desk.issue()
    assert desk.leaf().span == HOUR + timedelta(minutes=2)


async def test_a_denial_is_told_and_nothing_is_published(desk: Desk):
    """Somebody said no: the condition says so, with who and what."""
    await desk.look() if desk.waits else None
    await desk.deny()
    outcome = await desk.look(SECOND)
    assert observed(outcome) == ("False", desk.denied)
    assert desk.kube.peek(CERTIFICATE) is None


async def test_a_denied_renewal_leaves_the_present_certificate(desk: Desk):
    """A renewal that is denied is told at once, and takes nothing away before its time."""
    await desk.issue()
    before = desk.leaf()
    if desk.waits:
        await desk.look(13 * HOUR + timedelta(minutes=15))
    await desk.deny()
    outcome = await desk.look(SECOND)
    assert desk.leaf().serial == before.serial
    if desk.waits:
        assert observed(outcome) == ("False", Reason.ISSUER_DENIED)
        assert f"the present certificate ends {before.not_after:%Y-%m-%dT%H:%M:%SZ}" in outcome.observation.message
        assert outcome.status.serial == before.serial


async def test_denials_do_not_become_a_storm(desk: Desk):
    """Three hours of denials, looked at every ten seconds: 1, 2, 4 … 60 minutes apart, never two open at a time."""
    opened = 0
    for _ in range(3 * 360):
        await desk.look(10 * SECOND)
        opened = max(opened, desk.open())
        await desk.deny()
    assert desk.asked() == (8 if desk.waits else 1)
    assert opened <= 1


@pytest.mark.parametrize("desk", EVERYBODY[1:], indirect=True)
async def test_it_is_asked_again_after_the_wait(desk: Desk):
    """A denial is not for ever: after the wait, and a yes, the certificate comes."""
    await desk.look()
    await desk.deny()
    denied = await desk.look(SECOND)
    assert denied.look_after == timedelta(minutes=1)
    again = await desk.issue(denied.look_after)
    assert observed(again) == ("True", Reason.ISSUED)


async def test_a_restart_leaves_one_request_and_one_certificate(desk: Desk):
    """The key of the open request is gone with the process: the next one asks anew and removes what was open."""
    await desk.look()
    await desk.external.close()
    desk.restart()
    await desk.issue(SECOND)
    assert desk.open() <= 1
    assert desk.leaf().key_fits
    assert observed(await desk.look(SECOND)) == ("True", Reason.ISSUED)


@pytest.mark.parametrize("desk", EVERYBODY[1:], indirect=True)
async def test_a_policy_that_keeps_changing_asks_every_ten_seconds_at_most(desk: Desk):
    """Names that flap are no storm either."""
    for number in range(60):
        desk.policy = a_policy_view(identity={"dnsNames": [f"n{number}.example.com"]})
        await desk.look(SECOND)
        assert desk.open() <= 1
    assert desk.asked() <= 7


async def test_nothing_is_asked_without_the_lease(desk: Desk):
    """A replica that does not lead asks nobody."""
    desk.leads = False
    with pytest.raises(Exception, match="Lease"):
        await desk.look()
    assert desk.kube.writes == []
    assert desk.open() == 0


async def test_a_bundle_that_changes_reaches_the_secret_without_a_new_key(desk: Desk):
    """Another root in spec.bundle is written beside the certificate that is there; no key is made for it."""
    await desk.issue()
    before = desk.leaf()
    domain, other = desk.domain(), Corporate("Next")
    bundle = domain["spec"].get("bundle", "") + other.bundle
    meta = {**domain["metadata"], "generation": 2}
    desk.see({**domain, "metadata": meta, "spec": {**domain["spec"], "bundle": bundle}})
    await desk.look(SECOND)
    assert desk.leaf().key_pem == before.key_pem
    assert other.root in read_certificates(desk.leaf().bundle_pem)


async def test_a_secret_that_somebody_spoils_costs_no_flood_of_requests(desk: Desk):
    """What was signed is put back: twenty spoilt Secrets in a row are two certificates, not twenty."""
    await desk.issue()
    for _ in range(20):
        spoilt = desk.kube.peek(CERTIFICATE)
        desk.kube.put({**spoilt, "data": {**spoilt["data"], "tls.crt": "c3BvaWx0"}}, manager="intruder")
        await desk.issue(SECOND)
    assert desk.asked() <= 2
    assert observed(await desk.look(SECOND)) == ("False", Reason.SECRET_CONTESTED)


@pytest.mark.parametrize("desk", EVERYBODY, indirect=True)
@pytest.mark.parametrize("algorithm", ["ECDSAP256", "Ed25519"])
async def test_keys_and_common_names_are_those_of_the_policy(desk: Desk, algorithm):
    """The key's kind and the common name that a policy chooses hold for every issuer."""
    desk.policy = a_policy_view(mtls={"key": {"algorithm": algorithm}, "commonName": "orders@shop"})
    if not desk.waits:
        outcome = await desk.look()
    else:
        await desk.look()
        await desk.sign(Signature(subject=named("orders@shop")))
        outcome = await desk.look(SECOND)
    assert observed(outcome) == ("True", Reason.ISSUED)
    assert desk.leaf().key_algorithm == algorithm
    assert desk.leaf().subject == "orders@shop"


@pytest.mark.parametrize("desk", EVERYBODY[1:], indirect=True)
async def test_a_common_name_that_is_missing_is_refused(desk: Desk):
    """A server that is known by its common name would be refused by its peers without it."""
    desk.policy = a_policy_view(mtls={"commonName": "orders@shop"})
    await desk.look()
    await desk.sign(Signature(subject=named("")))
    outcome = await desk.look(SECOND)
    assert observed(outcome) == ("False", Reason.ISSUED_CERTIFICATE_REFUSED)
    assert "its subject must have the common name orders@shop, and has none" in outcome.observation.message

"""What a Vault can do to us, and what it must never learn of us or we tell of it."""

from datetime import UTC, datetime, timedelta

import pytest

from bartizan.api.v1alpha1 import VaultPKIIssuer
from bartizan.core.pki.external.asking import Failed, Signed
from bartizan.core.pki.profile import LeafProfile
from bartizan.core.reasons import Reason
from bartizan.signers.requests import signing_request
from bartizan.signers.vault_client import VaultClient
from bartizan.testing import a_policy_view
from contract.issuers.corporate import Corporate
from contract.issuers.vault_desk import LOGIN, OWN_TOKEN, VaultServer

PROFILE = LeafProfile(
    spiffe_id="spiffe://test.example/ns/shop/sa/orders",
    dns_names=("orders.shop", "orders.shop.svc"),
    lifetime=timedelta(hours=24),
)
REQUEST = signing_request(a_policy_view(), PROFILE)


class Bench:
    """A client and its server, with time that a test moves."""

    def __init__(self) -> None:
        self.server, self.now, self.token = VaultServer(Corporate()), datetime.now(UTC), OWN_TOKEN
        self.server.hold = False

    async def start(self, **changes) -> None:
        """Connect them."""
        await self.server.start()
        spec = {
            "server": self.server.url,
            "role": "workloads",
            "auth": {"role": "bartizan"},
            "caBundle": self.server.ca,
            **changes,
        }
        self.client = VaultClient(VaultPKIIssuer.model_validate(spec), self._own, lambda: self.now)

    def _own(self) -> str:
        if not self.token:
            raise FileNotFoundError(2, "No such file or directory")
        return self.token

    async def stop(self) -> None:
        """Let go of both."""
        await self.client.close()
        await self.server.stop()


@pytest.fixture
async def bench():
    """A client and its server."""
    made = Bench()
    await made.start()
    yield made
    await made.stop()


async def test_a_request_says_what_the_profile_says(bench):
    """The CSR, the names beside it for roles that do not read them from it, and the lifetime in seconds."""
    assert isinstance(await bench.client.sign(REQUEST), Signed)
    assert bench.server.signed == [
        {
            "csr": REQUEST.csr_pem,
            "ttl": "86400s",
            "format": "pem",
            "uri_sans": "spiffe://test.example/ns/shop/sa/orders",
            "alt_names": "orders.shop,orders.shop.svc",
            "exclude_cn_from_sans": True,
        }
    ]


async def test_one_login_serves_until_two_thirds_of_its_lease(bench):
    """The login is kept in memory and made anew before it ends, with the token of then."""
    for later in (0, 39, 2):
        bench.now += timedelta(minutes=later)
        assert isinstance(await bench.client.sign(REQUEST), Signed)
    assert len(bench.server.logins) == 2


async def test_a_login_that_was_revoked_is_made_anew_at_once(bench):
    """A 403 on a login that worked is tried once more with a new one, and no more than once."""
    await bench.client.sign(REQUEST)
    bench.server.valid = "hvs.another"
    assert isinstance(await bench.client.sign(REQUEST), Signed)
    assert (len(bench.server.logins), len(bench.server.signed)) == (2, 3)


FAULTS = [
    ("sealed", (503, ["Vault is sealed"]), Reason.ISSUER_FAILED, "answered pki/sign/workloads with 503: Vault is sealed (it is sealed, or being maintained)"),
    ("rate limited", (429, ["request path rate limit quota exceeded"]), Reason.ISSUER_FAILED, "with 429: request path rate limit quota exceeded (it asks for less: a rate limit or a standby)"),
    ("a name its role does not allow", (400, ["subject alternate name orders.shop.svc not allowed by this role"]), Reason.ISSUER_DENIED, "with 400: subject alternate name orders.shop.svc not allowed by this role"),
    ("its policy does not allow the path", (403, ["1 error occurred:\n\t* permission denied\n\n"]), Reason.ISSUER_DENIED, "with 403: 1 error occurred: * permission denied"),
    ("no such mount", (404, []), Reason.ISSUER_FAILED, "with 404: there is no such path: spec.issuer.vaultPKI names the mount and the role"),
    ("its own trouble", (500, ["storage backend unavailable"]), Reason.ISSUER_FAILED, "with 500: storage backend unavailable"),
    ("a redirect", (307, []), Reason.ISSUER_FAILED, "with 307: no reason given"),
]  # fmt: skip


@pytest.mark.parametrize(("fault", "reason", "words"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS])
async def test_a_refusal_is_told_in_vaults_words(bench, fault, reason, words):
    """Who has to act, and what Vault said."""
    bench.server.fault = fault
    assert await bench.client.sign(REQUEST) == Failed(
        reason,
        f"Vault at {bench.server.url} {'answered pki/sign/workloads ' if words.startswith('with') else ''}{words}",
    )


async def test_a_login_that_is_refused_is_told(bench):
    """The auth method's role, its bound audience or account does not fit: a person has to act."""
    bench.server.login_fault = (403, ["namespace not authorized"])
    failed = await bench.client.sign(REQUEST)
    assert failed == Failed(
        Reason.ISSUER_DENIED,
        f"Vault at {bench.server.url} answered auth/kubernetes/login with 403: namespace not authorized",
    )


async def test_what_is_not_there_is_told(bench):
    """No token mounted, nobody listening, a certificate that is not Vault's: each in words."""
    bench.token = ""
    missing = await bench.client.sign(REQUEST)
    bench.token = OWN_TOKEN
    await bench.server.stop()
    away = await bench.client.sign(REQUEST)
    assert "the token to log in with cannot be read (No such file or directory)" in missing.message
    assert "cannot be reached" in away.message
    assert {missing.reason, away.reason} == {Reason.ISSUER_FAILED}


async def test_a_server_that_is_not_vault_gets_no_token():
    """TLS is verified with the caBundle before anything secret is sent."""
    made = Bench()
    other = VaultServer(Corporate())
    await made.start(caBundle=other.ca)
    failed = await made.client.sign(REQUEST)
    await made.stop()
    assert "certificate verify failed" in failed.message
    assert made.server.logins == []


@pytest.mark.parametrize("fault", [None, (403, [f"no {LOGIN}"]), (500, [f"stack: X-Vault-Token: {LOGIN}"])])
async def test_no_token_is_ever_told(bench, caplog, fault):
    """Even a Vault that repeats a token does not put it into a message or a log."""
    bench.server.fault = fault
    if fault is None:
        bench.token = OWN_TOKEN + "-expired"
    failed = await bench.client.sign(REQUEST)
    assert isinstance(failed, Failed)
    for secret in (LOGIN, OWN_TOKEN):
        assert secret not in failed.message + repr(failed) + caplog.text + repr(bench.client.__dict__.get("_session"))


async def test_nonsense_is_a_failure_and_no_crash(bench):
    """An answer without a certificate, or that is not JSON, is told as such."""
    bench.server.fault = (200, ["nothing"])
    failed = await bench.client.sign(REQUEST)
    assert failed == Failed(Reason.ISSUER_FAILED, f"Vault at {bench.server.url} answered without a certificate")

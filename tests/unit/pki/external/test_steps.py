"""Ask, wait, publish or give up: one step at a time, with time that a test says."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bartizan.core.pki.external.asking import Failed, Gone, Pending
from bartizan.core.pki.external.certificaterequest import read_certificate_request
from bartizan.core.pki.external.signingrequest import read_signing_request
from bartizan.core.pki.external.step import Ask, Attempt, GiveUp, Wait, after_polling, back_off, before_polling
from bartizan.core.pki.profile import LeafProfile
from bartizan.core.reasons import Reason
from bartizan.signers.requests import signing_request
from bartizan.testing import a_policy_view
from contract.issuers.corporate import NOW

SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
PROFILE = LeafProfile(spiffe_id="spiffe://a/ns/b/sa/c", dns_names=(), lifetime=timedelta(hours=24))
OPEN = Attempt(asked_for="this", asked_at=NOW, request=signing_request(a_policy_view(), PROFILE))
DENIED = Failed(Reason.ISSUER_DENIED, "somebody said no")


def test_without_a_request_one_is_made():
    """Nothing is known: ask."""
    assert before_polling(None, "this", NOW) == Ask()


def test_an_open_request_is_looked_at_and_no_other_is_made():
    """However long it takes."""
    assert before_polling(OPEN, "this", NOW + timedelta(days=30)) is None


@pytest.mark.parametrize(
    ("waited", "look"), [(0, 1), (1, 1), (10, 5), (60, 30), (3600, 60)], ids=lambda seconds: f"{seconds} s"
)
def test_an_open_request_is_looked_at_less_and_less_often(waited, look):
    """Soon for a machine, seldom for a person."""
    step = after_polling(OPEN, Pending("waits"), NOW + waited * SECOND)
    assert step == Wait("waits", look * SECOND)


def test_what_has_changed_is_asked_for_anew_ten_seconds_later_at_the_earliest():
    """An open request for something else is of no use; one that changes all the time is no storm."""
    early = before_polling(OPEN, "that", NOW + 3 * SECOND)
    assert isinstance(early, Wait)
    assert early.look_after == 7 * SECOND
    assert before_polling(OPEN, "that", NOW + 10 * SECOND) == Ask()


def test_a_refusal_is_waited_after_and_then_asked_again():
    """The request is forgotten with its key; the count of failures is not."""
    gone = after_polling(OPEN, DENIED, NOW)
    assert isinstance(gone, GiveUp)
    assert (gone.news, gone.look_after, gone.attempt.request) == (True, MINUTE, None)
    early = before_polling(gone.attempt, "this", NOW + 30 * SECOND)
    assert early == GiveUp(attempt=gone.attempt, news=False, look_after=30 * SECOND)
    assert before_polling(gone.attempt, "this", NOW + MINUTE) == Ask(failures=1)


def test_the_wait_doubles_to_an_hour():
    """1, 2, 4 … 60 minutes; from ten seconds where the issuer could not be asked."""
    assert [back_off(n) // MINUTE for n in (1, 2, 3, 4, 5, 6, 7, 100)] == [1, 2, 4, 8, 16, 32, 60, 60]
    waits = [after_polling(replace(OPEN, failures=n), Gone(), NOW).look_after // SECOND for n in (0, 1, 5, 9)]
    assert waits == [10, 20, 320, 3600]


def test_a_request_that_was_removed_is_a_failure():
    """Whoever removes requests must not make bartizan ask without end."""
    step = after_polling(replace(OPEN, failures=2), Gone(), NOW)
    assert isinstance(step, GiveUp)
    assert (step.attempt.failed.reason, step.look_after) == (Reason.ISSUER_FAILED, 40 * SECOND)


def test_no_key_is_in_what_is_printed():
    """Attempts and steps may be logged by mistake; the key must not be."""
    assert "PRIVATE" not in repr(OPEN)
    assert OPEN.request.key_pem not in repr(OPEN)


def conditions(**types):
    """Return a CertificateRequest with conditions `Type=(status, reason, message)`."""
    listed = [{"type": key, "status": v[0], "reason": v[1], "message": v[2]} for key, v in types.items()]
    return {"metadata": {"namespace": "shop", "name": "orders-1"}, "status": {"conditions": listed}}


WHERE = "CertificateRequest shop/orders-1"
READINGS = [
    ("new", conditions(), Pending(f"{WHERE} waits to be approved")),
    ("approved", conditions(Approved=("True", "cert-manager.io", "ok"), Ready=("False", "Pending", 'issuer "x" not found')), Pending(f'{WHERE} is approved and waits for its issuer: issuer "x" not found')),
    ("denied", conditions(Denied=("True", "Foo", "No policy approved this request"), Ready=("False", "Denied", "…")), Failed(Reason.ISSUER_DENIED, f"{WHERE} was denied: No policy approved this request")),
    ("invalid", conditions(InvalidRequest=("True", "Bar", "bad\n CSR")), Failed(Reason.ISSUER_DENIED, f"{WHERE} is called invalid: bad CSR")),
    ("failed", conditions(Approved=("True", "a", "b"), Ready=("False", "Failed", "CA is broken")), Failed(Reason.ISSUER_FAILED, f"{WHERE} failed: CA is broken")),
    ("ready without a certificate yet", conditions(Approved=("True", "a", "b"), Ready=("True", "Issued", "soon")), Pending(f"{WHERE} is approved and waits for its issuer: soon")),
]  # fmt: skip


@pytest.mark.parametrize(("item", "answer"), [case[1:] for case in READINGS], ids=[case[0] for case in READINGS])
def test_cert_managers_words_are_read(item, answer):
    """Every state of a CertificateRequest (conditions Approved, Denied, InvalidRequest, Ready)."""
    assert read_certificate_request(item) == answer


def csr(*types, certificate=None):
    """Return a CertificateSigningRequest with these conditions."""
    listed = [{"type": key, "status": "True", "reason": "r", "message": f"because {key}"} for key in types]
    status = {"conditions": listed, **({"certificate": certificate} if certificate else {})}
    return {"metadata": {"name": "bartizan.shop.orders-1"}, "spec": {"signerName": "example.com/a"}, "status": status}


CSR = "CertificateSigningRequest bartizan.shop.orders-1"
CSR_READINGS = [
    ("new", csr(), Pending(f"{CSR} waits to be approved for the signer example.com/a: bartizan never approves its own")),
    ("approved", csr("Approved"), Pending(f"{CSR} is approved and waits for the signer example.com/a")),
    ("denied", csr("Denied"), Failed(Reason.ISSUER_DENIED, f"{CSR} was denied: because Denied")),
    ("failed", csr("Approved", "Failed"), Failed(Reason.ISSUER_FAILED, f"{CSR} failed: because Failed")),
    ("not base64", csr("Approved", certificate="%"), Failed(Reason.ISSUED_CERTIFICATE_REFUSED, f"{CSR} holds a certificate that is not PEM")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("item", "answer"), [case[1:] for case in CSR_READINGS], ids=[case[0] for case in CSR_READINGS]
)
def test_kubernetes_words_are_read(item, answer):
    """Every state of a CertificateSigningRequest (KEP-1513)."""
    assert read_signing_request(item) == answer

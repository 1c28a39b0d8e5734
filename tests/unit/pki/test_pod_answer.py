"""The answers that end a request, held to the API server's own rules for them."""

import base64
from datetime import datetime, timedelta

import pytest
from cryptography import x509

from bartizan.core.pki.pem import read_certificates
from bartizan.core.pki.pod_answer import denied, issued, issued_chain, read_request
from bartizan.core.pki.pod_request import DenialReason, Deny
from bartizan.core.pki.profile import LeafProfile
from bartizan.signers.errors import AuthorityNotUsableError
from bartizan.signers.pod import sign_for_key
from unit.pki.builders import NOW, a_pki
from unit.pki.requests import KEYS, a_request

PKI = a_pki()
PROFILE = LeafProfile(
    spiffe_id="spiffe://prod.example.com/ns/shop/sa/orders",
    dns_names=("orders.shop", "orders.shop.svc"),
    lifetime=timedelta(hours=24),
)
MINUTE = timedelta(minutes=1)


def signed(span=timedelta(hours=24), authority=PKI.issuing):
    """Return a leaf for the key of the request."""
    return sign_for_key(PROFILE, KEYS["ECDSAP256"].public_key(), authority, span=span, now=NOW)


@pytest.mark.parametrize("hours", [1, 2, 24, 168])
def test_an_answer_keeps_the_rules_of_the_api_server(hours) -> None:
    """Times are the leaf's; it began under five minutes ago, lasts no longer than asked, and is refreshed about half-way."""
    span = timedelta(hours=hours)
    leaf = signed(span)
    status = issued(a_request(), (leaf, PKI.issuing.certificate), now=NOW).item["status"]
    begin, end, refresh = (datetime.fromisoformat(status[key]) for key in ("notBefore", "notAfter", "beginRefreshAt"))
    assert (begin, end) == (leaf.not_valid_before_utc, leaf.not_valid_after_utc)
    assert (NOW - begin, end - begin) == (2 * MINUTE, span)
    assert begin + 10 * MINUTE <= refresh <= end - 10 * MINUTE
    assert 0.45 * span <= refresh - begin <= 0.55 * span


def test_the_answer_is_the_chain_for_exactly_that_request() -> None:
    """Leaf and authority, a condition and the times go to the request that was looked at, by its uid, and to its status alone."""
    leaf = signed()
    apply = issued(a_request(version="v1beta1"), (leaf, PKI.issuing.certificate), now=NOW)
    assert (apply.manager, apply.status, apply.force) == ("bartizan/pod-certificates", True, False)
    item = apply.item
    assert item["apiVersion"] == "certificates.k8s.io/v1beta1"
    assert item["metadata"] == {"name": "req-1", "namespace": "shop", "uid": "request-uid"}
    assert read_certificates(item["status"]["certificateChain"]) == (leaf, PKI.issuing.certificate)
    assert item["status"]["conditions"] == [
        {
            "type": "Issued", "status": "True", "reason": "Issued", "lastTransitionTime": "2026-03-01T12:00:00Z",
            "message": f"certificate {leaf.serial_number:x} for spiffe://prod.example.com/ns/shop/sa/orders",
        }
    ]  # fmt: skip
    assert issued_chain({**a_request(), "status": item["status"]}) == (leaf, PKI.issuing.certificate)


def test_a_denial_says_why_and_nothing_else() -> None:
    """The API server refuses a denial with any other field."""
    status = denied(a_request(), Deny(DenialReason.NO_POLICY, "there is none"), now=NOW).item["status"]
    assert status == {
        "conditions": [
            {
                "type": "Denied", "status": "True", "reason": "NoPolicy", "message": "there is none",
                "lastTransitionTime": "2026-03-01T12:00:00Z",
            }
        ]
    }  # fmt: skip


def test_the_certificate_has_the_shape_of_those_in_secrets() -> None:
    """Same names, usages and extensions as a leaf in a Secret; only the key is the node's."""
    mine = signed()
    other = read_certificates(base64.b64decode(PKI.issue()["data"]["tls.crt"]))[0]
    assert [(one.oid, one.critical) for one in mine.extensions] == [(one.oid, one.critical) for one in other.extensions]
    names = mine.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [PROFILE.spiffe_id]
    assert tuple(names.get_values_for_type(x509.DNSName)) == PROFILE.dns_names
    assert mine.public_key() == KEYS["ECDSAP256"].public_key()
    mine.verify_directly_issued_by(PKI.issuing.certificate)


def test_a_root_signs_no_pod() -> None:
    """Only issuing authorities sign workloads."""
    with pytest.raises(AuthorityNotUsableError, match="is a root"):
        signed(authority=PKI.root)


@pytest.mark.parametrize("junk", ["", "!", "AAAA", base64.b64encode(b"x" * 50).decode()])
def test_junk_is_no_key(junk) -> None:
    """What is not a CSR is read without a key, and without an exception."""
    assert read_request(a_request(stubPKCS10Request=junk)).key is None

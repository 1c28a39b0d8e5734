"""The webhook's own certificate."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from bartizan.core.emit import same_intent
from bartizan.core.pki.decide import Issue, Keep, Refuse
from bartizan.core.pki.examine import IssueReason
from bartizan.core.pki.pem import read_certificates
from bartizan.core.pki.serving import decide_serving, read_serving_authority, serving_secret
from bartizan.core.reasons import Reason
from unit.pki.builders import HOUR, NOW, SIGNER, stored, with_data
from unit.pki.helm_ca import chart_ca_secret

NAMES = ("bartizan-webhook.bartizan-system.svc",)
WHERE = {"namespace": "bartizan-system", "name": "bartizan-webhook-tls"}
CA_SECRET = chart_ca_secret(NOW)
CA = read_serving_authority(CA_SECRET)
EC_CA = read_serving_authority(chart_ca_secret(NOW, kind="ec", subject_key=False))


def issue(authority=CA, names=NAMES, now=NOW):
    """Return the webhook's Secret, just issued."""
    issued = SIGNER.sign_serving(names, authority, now=now)
    return stored(serving_secret(issued.chain_pem, issued.key_pem, authority, **WHERE))


def judge(secret, authority=CA, names=NAMES, now=NOW):
    """Return the decision about the webhook's Secret."""
    return decide_serving(secret, authority, dns_names=names, now=now, **WHERE)


@pytest.mark.parametrize("authority", [CA, EC_CA], ids=["RSA as Helm makes it", "EC without key identifier"])
def test_issue_and_keep(authority):
    """Under an RSA or an EC authority the webhook gets a server's certificate that is kept until half of its life."""
    secret = issue(authority)
    answer = judge(secret, authority)
    assert isinstance(answer, Keep)
    assert same_intent(answer.desired, secret)
    assert answer.leaf.dns_names == NAMES
    assert answer.leaf.uris == ()
    purposes = answer.leaf.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(purposes) == [ExtendedKeyUsageOID.SERVER_AUTH]
    assert NOW + 10 * HOUR < answer.next_renewal < NOW + 14 * HOUR


def test_points_to_the_authority_by_its_own_identifier():
    """The authority key identifier is the one the authority bears, however it was computed."""
    leaf = judge(issue()).leaf.certificate
    assert leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier == bytes(range(20))


SECRET = issue()
CASES = [
    ("nothing there", None, {}, IssueReason.SECRET_MISSING, "there is no Secret bartizan-webhook-tls yet"),
    (
        "key removed",
        with_data(SECRET, tls_key=None),
        {},
        IssueReason.UNREADABLE,
        "tls.crt or tls.key of the Secret is missing or unreadable",
    ),
    (
        "other names",
        SECRET,
        {"names": ("hook.bartizan-system.svc",)},
        IssueReason.NAMES_CHANGED,
        "the certificate lacks hook.bartizan-system.svc and must no longer name bartizan-webhook.bartizan-system.svc",
    ),
]


@pytest.mark.parametrize(("case", "secret", "changes", "reason", "message"), CASES, ids=[c[0] for c in CASES])
def test_issue_anew(case, secret, changes, reason, message):
    """A serving certificate that is missing, spoilt or wrong is issued anew."""
    assert judge(secret, **changes) == Issue(reason=reason, message=message, force=secret is not None)


def test_new_chart_authority():
    """After the chart made another authority, the certificate is issued under it."""
    answer = judge(SECRET, EC_CA)
    assert (type(answer), answer.reason) == (Issue, IssueReason.ISSUER_UNKNOWN)


def test_wrong_type_is_refused():
    """A Secret whose type cannot be changed is left alone, and the message says to delete it."""
    assert judge({**SECRET, "type": "Opaque"}) == Refuse(
        reason=Reason.SECRET_NOT_OURS,
        message="Secret bartizan-system/bartizan-webhook-tls must be mutable and of type kubernetes.io/tls: "
        "delete it, a new one is made at once",
    )


def test_short_lived_authority_bounds_the_certificate():
    """The certificate ends with the chart's authority at the latest, and is then not issued in a loop."""
    authority = read_serving_authority(chart_ca_secret(NOW, kind="ec", lifetime=timedelta(hours=3)))
    answer = judge(issue(authority), authority)
    assert isinstance(answer, Keep)
    assert answer.leaf.not_after == authority.certificate.not_valid_after_utc


@pytest.mark.parametrize(
    ("case", "secret"),
    [
        ("no key", with_data(CA_SECRET, tls_key=None)),
        ("no certificate", with_data(CA_SECRET, tls_crt=None)),
        ("another's key", with_data(CA_SECRET, tls_key=SECRET["data"]["tls.key"])),
    ],
)
def test_unreadable_authority(case, secret):
    """A chart's Secret without a fitting pair is no authority."""
    assert read_serving_authority(secret) is None, case


def test_chain():
    """The Secret carries leaf and authority, and the authority again as bundle."""
    issued = SIGNER.sign_serving(NAMES, CA, now=NOW)
    assert read_certificates(issued.chain_pem)[1] == CA.certificate
    assert "PRIVATE KEY" not in repr(CA) + repr(issued)

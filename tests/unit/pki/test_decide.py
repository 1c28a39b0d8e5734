"""Keep, issue or refuse."""

import base64
from dataclasses import replace
from datetime import timedelta

import pytest

from bartizan.core.emit import same_intent
from bartizan.core.pki.decide import Issue, Keep, Refuse
from bartizan.core.pki.examine import IssueReason
from bartizan.core.pki.leaf import renewal_time
from bartizan.core.pki.pem import read_certificates, to_pem
from bartizan.core.pki.secret import read_certificate
from bartizan.core.reasons import Reason
from unit.pki.builders import HOUR, NOW, SIGNER, a_pki, a_policy_view, with_data

PKI = a_pki()
OTHER = a_pki()
SECRET = PKI.issue()
LEAF = read_certificate(SECRET)
ISSUING, OTHER_ISSUING = PKI.issuing.id, OTHER.issuing.id


def b64(text: str) -> str:
    """Return text as a Secret holds it."""
    return base64.b64encode(text.encode()).decode()


def pem(secret, key="tls.crt") -> str:
    """Return an entry of a Secret as text."""
    return base64.b64decode(secret["data"][key]).decode()


def first_of(text: str) -> str:
    """Return the first certificate of a PEM text."""
    return text[: text.index("-----END") + len("-----END CERTIFICATE-----\n")]


FOREIGN = OTHER.issue()
GRAFTED = with_data(FOREIGN, tls_crt=b64(first_of(pem(FOREIGN)) + pem(SECRET)[len(first_of(pem(SECRET))) :]))
BEGUN_LATER = NOW + 5 * HOUR
ISSUE_CASES = [
    ("no Secret", None, NOW, {}, IssueReason.SECRET_MISSING, "there is no Secret orders-tls yet"),
    (
        "key removed",
        with_data(SECRET, tls_key=None),
        NOW,
        {},
        IssueReason.DATA_MISSING,
        "tls.key of the Secret is missing or empty",
    ),
    (
        "both emptied",
        with_data(SECRET, tls_key="", tls_crt=""),
        NOW,
        {},
        IssueReason.DATA_MISSING,
        "tls.crt and tls.key of the Secret are missing or empty",
    ),
    (
        "data removed",
        {**SECRET, "data": None},
        NOW,
        {},
        IssueReason.DATA_MISSING,
        "tls.crt and tls.key of the Secret are missing or empty",
    ),
    (
        "certificate is not base64",
        with_data(SECRET, tls_crt="%%%"),
        NOW,
        {},
        IssueReason.DATA_MISSING,
        "tls.crt of the Secret is missing or empty",
    ),
    (
        "certificate is nonsense",
        with_data(SECRET, tls_crt=b64("hello")),
        NOW,
        {},
        IssueReason.UNREADABLE,
        "tls.crt of the Secret is not a readable certificate",
    ),
    (
        "key is nonsense",
        with_data(SECRET, tls_key=b64("hello")),
        NOW,
        {},
        IssueReason.KEY_MISMATCH,
        "tls.key is not the private key of the certificate in tls.crt",
    ),
    (
        "key of another certificate",
        with_data(SECRET, tls_key=PKI.issue()["data"]["tls.key"]),
        NOW,
        {},
        IssueReason.KEY_MISMATCH,
        "tls.key is not the private key of the certificate in tls.crt",
    ),
    (
        "chain removed",
        with_data(SECRET, tls_crt=b64(first_of(pem(SECRET)))),
        NOW,
        {},
        IssueReason.ISSUER_UNKNOWN,
        f"the authority in tls.crt (none) is not one in force ({ISSUING})",
    ),
    (
        "certificate of a foreign authority",
        FOREIGN,
        NOW,
        {},
        IssueReason.ISSUER_UNKNOWN,
        f"the authority in tls.crt ({OTHER_ISSUING}) is not one in force ({ISSUING})",
    ),
    (
        "foreign leaf before our authority",
        GRAFTED,
        NOW,
        {},
        IssueReason.ISSUER_UNKNOWN,
        f"the certificate is not signed by the authority that follows it ({ISSUING})",
    ),
    (
        "authority no longer in force",
        SECRET,
        NOW,
        {"chains": ()},
        IssueReason.ISSUER_UNKNOWN,
        f"the authority in tls.crt ({ISSUING}) is not one in force (none)",
    ),
    (
        "a Service appeared and one went",
        SECRET,
        NOW,
        {"profile": replace(PKI.profile, dns_names=("desk.shop",))},
        IssueReason.NAMES_CHANGED,
        "the certificate lacks desk.shop and must no longer name orders.shop, orders.shop.svc, orders.shop.svc.cluster.local",
    ),
    (
        "the ServiceAccount changed",
        SECRET,
        NOW,
        {"profile": replace(PKI.profile, spiffe_id="spiffe://prod.example.com/ns/shop/sa/desk")},
        IssueReason.NAMES_CHANGED,
        "the certificate lacks spiffe://prod.example.com/ns/shop/sa/desk and must no longer name spiffe://prod.example.com/ns/shop/sa/orders",
    ),
    (
        "a shorter life is asked for",
        SECRET,
        NOW,
        {"profile": replace(PKI.profile, lifetime=2 * HOUR)},
        IssueReason.LIFETIME_CHANGED,
        "the certificate was issued for 24h, and 2h is asked for",
    ),
    (
        "a longer life is asked for",
        SECRET,
        NOW,
        {"profile": replace(PKI.profile, lifetime=48 * HOUR)},
        IssueReason.LIFETIME_CHANGED,
        "the certificate was issued for 24h, and 48h is asked for",
    ),
    (
        "the clock was set back",
        PKI.issue(now=BEGUN_LATER),
        NOW,
        {},
        IssueReason.NOT_YET_VALID,
        "the certificate begins 2026-03-01T16:58:00Z, and it is 2026-03-01T12:00:00Z: the clock was set back",
    ),
    ("it expired", SECRET, NOW + 25 * HOUR, {}, IssueReason.EXPIRED, "the certificate expired 2026-03-02T12:00:00Z"),
]


@pytest.mark.parametrize(
    ("case", "secret", "now", "changes", "reason", "message"), ISSUE_CASES, ids=[c[0] for c in ISSUE_CASES]
)
def test_issue(case, secret, now, changes, reason, message):
    """Whatever makes a certificate unusable or wrong has it issued anew, with a reason a person can read."""
    assert PKI.decide(secret, now, **changes) == Issue(reason=reason, message=message, force=secret is not None)


def test_keep():
    """A good certificate is kept, with its own key, until about half of its life."""
    due = renewal_time(LEAF, namespace="shop", name="orders-tls")
    answer = PKI.decide(SECRET)
    assert (type(answer), answer.leaf, answer.next_renewal) == (Keep, LEAF, due)
    assert same_intent(answer.desired, SECRET)


def test_renewal_is_due_to_the_second():
    """One second before its renewal a certificate is kept, at that second a new one is issued."""
    due = renewal_time(LEAF, namespace="shop", name="orders-tls")
    assert isinstance(PKI.decide(SECRET, due - timedelta(seconds=1)), Keep)
    assert PKI.decide(SECRET, due) == Issue(
        reason=IssueReason.RENEWAL_DUE,
        message="the certificate is past half of its life: "
        f"renewal was due {due:%Y-%m-%dT%H:%M:%SZ}, it ends 2026-03-02T12:00:00Z",
        force=True,
    )


def test_renewal_is_spread_and_repeatable():
    """Certificates issued together are renewed apart, and the same one always at the same moment."""
    leaves = [read_certificate(PKI.issue()) for _ in range(40)]
    once = [renewal_time(leaf, namespace="shop", name="orders-tls") for leaf in leaves]
    assert once == [renewal_time(leaf, namespace="shop", name="orders-tls") for leaf in leaves]
    assert max(once) - min(once) > HOUR


@pytest.mark.parametrize(
    ("case", "secret"),
    [
        ("bundle replaced", with_data(SECRET, ca_crt=FOREIGN["data"]["ca.crt"])),
        ("bundle removed", with_data(SECRET, ca_crt=None)),
        ("label removed", {**SECRET, "metadata": {**SECRET["metadata"], "labels": {}}}),
        ("owner removed", {**SECRET, "metadata": {**SECRET["metadata"], "ownerReferences": []}}),
        ("comment before the certificate", with_data(SECRET, tls_crt=b64("mine\n" + pem(SECRET)))),
    ],
)
def test_repair_without_a_new_key(case, secret):
    """Where the certificate itself is good, the rest of the Secret is put right around it."""
    answer = PKI.decide(secret)
    assert isinstance(answer, Keep), case
    assert not same_intent(answer.desired, secret)
    assert same_intent(answer.desired, SECRET)


def owned_by(kind, name, uid="other-uid"):
    """Return the Secret under another owner."""
    return {**SECRET, "metadata": {**SECRET["metadata"], "ownerReferences": [{"kind": kind, "name": name, "uid": uid}]}}


LABELS = {"app.kubernetes.io/managed-by": "bartizan", "bartizan.dev/policy": "web"}
ORPHAN = {**SECRET, "metadata": {"name": "orders-tls", "namespace": "shop", "labels": LABELS}}
BARE = {**SECRET, "metadata": {"name": "orders-tls", "namespace": "shop"}}
REFUSALS = [
    (
        "another policy's, orphaned",
        ORPHAN,
        Reason.SECRET_NOT_OURS,
        "Secret shop/orders-tls exists and was not made by bartizan; it is left alone: give another name in spec.mtls.secret.name, or delete that Secret",
    ),
    (
        "made by a person",
        BARE,
        Reason.SECRET_NOT_OURS,
        "Secret shop/orders-tls exists and was not made by bartizan; it is left alone: give another name in spec.mtls.secret.name, or delete that Secret",
    ),
    (
        "made by cert-manager",
        owned_by("Certificate", "web"),
        Reason.SECRET_NOT_OURS,
        "Secret shop/orders-tls belongs to Certificate web and is left alone: give another name in spec.mtls.secret.name, or delete that Secret",
    ),
    (
        "another policy's",
        owned_by("ServiceSecurityPolicy", "web"),
        Reason.SECRET_NOT_OURS,
        "Secret shop/orders-tls belongs to ServiceSecurityPolicy web and is left alone: give another name in spec.mtls.secret.name, or delete that Secret",
    ),
    (
        "the deleted policy's of that name",
        owned_by("ServiceSecurityPolicy", "orders"),
        Reason.PENDING,
        "Secret shop/orders-tls still belongs to the deleted policy of the same name; Kubernetes removes it shortly",
    ),
    (
        "of another type",
        {**SECRET, "type": "Opaque"},
        Reason.SECRET_NOT_OURS,
        "Secret shop/orders-tls is of type Opaque, must be kubernetes.io/tls, and the type cannot be changed: delete it, a new one is made at once",
    ),
    (
        "immutable",
        {**SECRET, "immutable": True},
        Reason.SECRET_NOT_OURS,
        "Secret shop/orders-tls was made immutable and cannot be renewed: delete it, a new one is made at once",
    ),
]


@pytest.mark.parametrize(("case", "secret", "reason", "message"), REFUSALS, ids=[c[0] for c in REFUSALS])
def test_refuse(case, secret, reason, message):
    """A Secret that is somebody else's, or can never be written, is left alone and the way out is named."""
    assert PKI.decide(secret) == Refuse(reason=reason, message=message)


def test_clamped_certificate_is_not_issued_in_a_loop():
    """A certificate cut short by its authority's end is kept: asking again would give the same one."""
    pki = a_pki(lifetimes={"issuing": "336h"}, policy=a_policy_view(mtls={"lifetime": "168h"}))
    late = NOW + 300 * HOUR
    secret = pki.issue(now=late)
    leaf = read_certificate(secret)
    assert leaf.not_after == pki.issuing.not_after
    assert isinstance(pki.decide(secret, late), Keep)


def test_old_issuing_authority_is_accepted_until_it_ends():
    """A new issuing authority does not make the certificates of the last one wrong."""
    newer = SIGNER.make_issuing(PKI.domain, PKI.root, generation=2, now=NOW)
    assert isinstance(PKI.decide(SECRET, chains=((PKI.issuing.certificate,), (newer.certificate,))), Keep)


BRIDGE = OTHER.root.certificate
"""Stands for whatever follows the issuing authority."""
BRIDGED = ((PKI.issuing.certificate, BRIDGE),)


@pytest.mark.parametrize(
    ("case", "observed", "wanted"),
    [
        ("a bridge comes", (), BRIDGED),
        ("a bridge goes", (BRIDGE,), ((PKI.issuing.certificate,),)),
        ("something else was appended", (OTHER.issuing.certificate,), BRIDGED),
    ],
)
def test_a_changed_tail_costs_no_key(case, observed, wanted):
    """Where only what follows the issuing authority differs, the Secret is written anew with the same certificate and key."""
    secret = with_data(SECRET, tls_crt=b64(pem(SECRET) + to_pem(observed)))
    answer = PKI.decide(secret, chains=wanted)
    assert isinstance(answer, Keep), case
    assert pem(answer.desired) == to_pem((LEAF.certificate, *wanted[0]))
    assert answer.desired["data"]["tls.key"] == SECRET["data"]["tls.key"]


def test_a_chain_is_issued_whole():
    """The signer puts the whole chain behind a new certificate, and the decision keeps what was so issued."""
    issued = SIGNER.sign_leaf(PKI.profile, PKI.issuing, chain=BRIDGED[0], now=NOW)
    assert read_certificates(issued.chain_pem)[1:] == BRIDGED[0]
    answer = PKI.decide(with_data(SECRET, tls_crt=b64(issued.chain_pem), tls_key=b64(issued.key_pem)), chains=BRIDGED)
    assert pem(answer.desired) == issued.chain_pem

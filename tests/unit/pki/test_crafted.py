"""Certificates that our own signer would not make, but that somebody with the key could."""

from datetime import timedelta

import pytest
from cryptography import x509

from bartizan.core.pki.authority import UnreadableAuthority, authority_secret, read_authority
from bartizan.core.pki.decide import Issue
from bartizan.core.pki.examine import IssueReason
from bartizan.core.pki.pem import encoded, to_pem
from bartizan.core.pki.profile import leaf_profile
from bartizan.core.pki.rotation import plan_authorities
from bartizan.signers.certificates import Validity, key_pem, leaf_builder, load_key, new_key, self_signed, signed
from unit.pki.builders import BASELINE, HOUR, NOW, RELEASE, SIGNER, a_pki, a_policy_view, authority_secrets, with_data

PKI = a_pki()
ID, NAMES = PKI.profile.spiffe_id, PKI.profile.dns_names
START = NOW - timedelta(minutes=2)


def crafted(*, uris=(ID,), end=NOW + 24 * HOUR):
    """Return the policy's Secret with a leaf signed by our issuing authority outside of the signer's rules."""
    key = new_key()
    builder = leaf_builder(
        key.public_key(), uris=uris, dns_names=NAMES, client=True, times=Validity(start=START, end=end)
    )
    leaf = signed(builder, load_key(PKI.issuing.key_pem, of="issuing"), PKI.issuing.certificate)
    chain = to_pem((leaf, PKI.issuing.certificate))
    return with_data(PKI.issue(), tls_crt=encoded(chain), tls_key=encoded(key_pem(key)))


@pytest.mark.parametrize(
    ("case", "secret", "reason", "message"),
    [
        ("the identity twice", crafted(uris=(ID, ID)), IssueReason.NAMES_CHANGED, "the certificate repeats a name"),
        (
            "longer than its authority",
            crafted(end=PKI.issuing.not_after + HOUR),
            IssueReason.ISSUER_UNKNOWN,
            "the certificate outlives its authority, which ends 2026-05-30T12:00:00Z",
        ),
    ],
)
def test_crafted_leaf(case, secret, reason, message):
    """A leaf that breaks the profile is issued anew although our authority signed it."""
    assert PKI.decide(secret) == Issue(reason=reason, message=message, force=True), case


def test_a_leaf_is_no_root():
    """A self-signed certificate that may not sign others is not taken for a root, whatever names it bears."""
    key = new_key()
    times = Validity(start=START, end=NOW + HOUR)
    builder = leaf_builder(
        key.public_key(), uris=("spiffe://prod.example.com",), dns_names=(), client=True, times=times
    )
    entries = {
        "tls_crt": encoded(to_pem((self_signed(builder, key, x509.Name([])),))),
        "tls_key": encoded(key_pem(key)),
    }
    secret = with_data(authority_secret(PKI.root, namespace=RELEASE), **entries)
    assert read_authority(secret, trust_domain="default", domain="prod.example.com") == UnreadableAuthority(
        secret_name="bartizan-authority-default-root-1", problem="holds a certificate that is not an authority's"
    )


def test_nothing_is_deleted_while_something_is_lost():
    """An expired authority is kept as long as another is lost: it may be what a person needs to find out why."""
    late = PKI.issuing.not_after + HOUR
    newer = SIGNER.make_issuing(PKI.domain, PKI.root, generation=2, now=late)
    spoilt = with_data(authority_secrets([PKI.root])[0], tls_key="")
    plan = plan_authorities(PKI.domain, [spoilt, *authority_secrets([PKI.issuing, newer])], {}, late)
    assert ([one.secret_name for one in plan.lost][-1], plan.removable) == ("bartizan-authority-default-root-1", ())


def test_own_namespace_counts_without_services():
    """A claimed name ending in the policy's own namespace is left out even where no Service is known yet."""
    policy = a_policy_view(identity={"dnsNames": ["ledger.shop"]})
    assert leaf_profile(policy, PKI.domain, [], BASELINE).refused_names == ("ledger.shop",)

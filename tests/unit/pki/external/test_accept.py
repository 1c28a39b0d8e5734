"""What an issuer sends back is published only if it breaks no rule."""

from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bartizan.core.pki.external.accept import Accepted, Broken, Rule, Wanted, accept
from bartizan.core.pki.profile import LeafProfile
from bartizan.signers.requests import signing_request
from bartizan.testing import a_policy_view
from contract.issuers.corporate import NOW, PURPOSES, Corporate, Signature, key, named, pem

HOUR = timedelta(hours=1)
SPIFFE = "spiffe://test.example/ns/shop/sa/orders"
NAMES = ("orders.shop", "orders.shop.svc")
PROFILE = LeafProfile(spiffe_id=SPIFFE, dns_names=NAMES, lifetime=24 * HOUR)
REQUEST = signing_request(a_policy_view(), PROFILE)
CORP, OTHER = Corporate(), Corporate("Other")
ENDING = Corporate("Ending", lasts=timedelta(hours=20))
WANTED = Wanted(profile=PROFILE, roots=(CORP.root, ENDING.root), now=NOW)
URI, DNS = x509.UniformResourceIdentifier(SPIFFE), [x509.DNSName(name) for name in NAMES]


def judged(chain: str, wanted: Wanted = WANTED):
    """Return the verdict on a chain for the request's key."""
    return accept(chain, REQUEST.key_pem.encode(), wanted)


def signed(corp: Corporate = CORP, **said):
    """Return the verdict on what an issuer signed."""
    return judged(corp.chain(REQUEST.csr_pem, PROFILE.lifetime, NOW, Signature(**said)))


GOOD = {
    "as asked": {},
    "without basicConstraints": {"ca": None},
    "back-dated 5 minutes": {"begins": timedelta(minutes=-5)},
    "shorter than asked": {"lasts": 2 * HOUR},
    "begun in our future, by a clock that is ahead": {"begins": timedelta(minutes=2)},
    "with key encipherment beside": {"usage": {"key_encipherment": True}},
    "with an organization as its subject": {
        "subject": x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example")])
    },
    "with one of its names as common name": {"subject": named("orders.shop")},
    "names in another order": {"names": [*reversed(DNS), URI]},
}


@pytest.mark.parametrize("said", GOOD.values(), ids=GOOD)
def test_a_certificate_as_asked_is_accepted(said):
    """The chain that is published is the leaf and the authority below the root, in order."""
    verdict = signed(**said)
    assert isinstance(verdict, Accepted)
    assert (verdict.leaf.certificate, verdict.chain) == (verdict.chain[0], (verdict.chain[0], CORP.issuing))


BROKEN = [
    ("another key", {"public_key": key().public_key()}, Rule.KEY, "another key"),
    ("one name more", {"names": [URI, *DNS, x509.DNSName("admin.kube-system.svc")]}, Rule.NAMES, "names admin.kube-system.svc, which nobody asked for"),
    ("one name less", {"names": [URI, DNS[0]]}, Rule.NAMES, "lacks orders.shop.svc"),
    ("another identity", {"names": [x509.UniformResourceIdentifier("spiffe://test.example/ns/shop/sa/admin"), *DNS]}, Rule.NAMES, "names spiffe://test.example/ns/shop/sa/admin"),
    ("two identities", {"names": [URI, URI, *DNS]}, Rule.NAMES, "repeats a name"),
    ("no names", {"names": []}, Rule.NAMES, "lacks orders.shop, orders.shop.svc"),
    ("an address", {"names": [URI, *DNS, x509.IPAddress(ip_address("10.0.0.1"))]}, Rule.NAMES, "names IPAddress 10.0.0.1"),
    ("a mail address", {"names": [URI, *DNS, x509.RFC822Name("root@example.com")]}, Rule.NAMES, "names RFC822Name root@example.com"),
    ("a foreign common name", {"subject": named("admin.example.com")}, Rule.NAMES, "common name admin.example.com"),
    ("an authority", {"ca": True}, Rule.CONSTRAINTS, "basicConstraints says CA"),
    ("no key usage", {"usage": None}, Rule.USAGE, "must have digitalSignature"),
    ("not for signatures", {"usage": {"digital_signature": False, "key_encipherment": True}}, Rule.USAGE, "must have digitalSignature"),
    ("for signing certificates", {"usage": {"key_cert_sign": True}}, Rule.USAGE, "must not have keyCertSign"),
    ("for signing CRLs", {"usage": {"crl_sign": True}}, Rule.USAGE, "must not have keyCertSign or cRLSign"),
    ("no purposes", {"purposes": None}, Rule.USAGE, "is missing"),
    ("for servers only", {"purposes": PURPOSES[:1]}, Rule.USAGE, "must be serverAuth and clientAuth, and is serverAuth"),
    ("for code as well", {"purposes": (*PURPOSES, ExtendedKeyUsageOID.CODE_SIGNING)}, Rule.USAGE, "codeSigning"),
    ("for any purpose", {"purposes": (*PURPOSES, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)}, Rule.USAGE, "and is any, "),
    ("longer than asked", {"lasts": 25 * HOUR}, Rule.VALIDITY, "it lasts 25h, and 24h was asked for"),
    ("of no use", {"lasts": timedelta(minutes=20)}, Rule.VALIDITY, "less than 30m is of no use"),
    ("ended", {"begins": -2 * HOUR, "lasts": HOUR}, Rule.VALIDITY, "it ended 2026-03-01T11:00:00Z"),
    ("begun far in our future", {"begins": timedelta(minutes=6)}, Rule.VALIDITY, "it begins 2026-03-01T12:06:00Z"),
    ("no pointer to its authority", {"points": False}, Rule.AUTHORITY, "authorityKeyIdentifier is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "rule", "words"), [case[1:] for case in BROKEN], ids=[case[0] for case in BROKEN])
def test_one_thing_wrong_is_refused_by_its_rule(said, rule, words):
    """Each rule refuses what breaks it and nothing else, with words for a person."""
    verdict = signed(**said)
    assert isinstance(verdict, Broken)
    assert (verdict.rule, words in verdict.problem) == (rule, True), verdict


LEAF = CORP.sign(REQUEST.csr_pem, PROFILE.lifetime, NOW, Signature())
CHAINS = [
    ("of another authority", OTHER.chain(REQUEST.csr_pem, PROFILE.lifetime, NOW), Rule.CHAIN),
    ("without the authority between", pem(LEAF), Rule.CHAIN),
    ("with a foreign authority between", pem(LEAF, OTHER.issuing), Rule.CHAIN),
    ("that outlives its authority", ENDING.chain(REQUEST.csr_pem, PROFILE.lifetime, NOW), Rule.VALIDITY),
    ("that begins with the authority", pem(CORP.issuing, LEAF), Rule.KEY),
    ("longer than any chain", pem(LEAF, *[CORP.issuing] * 8), Rule.CHAIN),
    ("without end", pem(LEAF, *[CORP.issuing] * 200), Rule.READABLE),
    ("cut off", pem(LEAF, CORP.issuing)[:-60], Rule.CHAIN),
    ("of nothing", "", Rule.READABLE),
    ("of text", "permission denied", Rule.READABLE),
]


@pytest.mark.parametrize(("chain", "rule"), [case[1:] for case in CHAINS], ids=[case[0] for case in CHAINS])
def test_a_chain_must_lead_to_a_root_of_the_bundle(chain, rule):
    """A leaf that peers could not verify is not published, and neither is anything that cannot be read."""
    verdict = judged(chain)
    assert isinstance(verdict, Broken)
    assert verdict.rule is rule, verdict


def test_roots_and_repetitions_in_what_is_sent_are_left_out():
    """The root is in the bundle; sending it along, or an authority twice, changes nothing."""
    verdict = judged(pem(LEAF, CORP.root, CORP.issuing, CORP.issuing))
    assert isinstance(verdict, Accepted)
    assert verdict.chain == (LEAF, CORP.issuing)


def test_a_lifetime_below_the_least_is_right_where_less_was_asked():
    """A baseline may allow less than half an hour: then less is what comes back."""
    short = replace(PROFILE, lifetime=timedelta(minutes=20))
    chain = CORP.chain(REQUEST.csr_pem, short.lifetime, NOW, Signature())
    assert isinstance(judged(chain, replace(WANTED, profile=short)), Accepted)

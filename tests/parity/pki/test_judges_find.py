"""A judge that never finds anything proves nothing: each is shown certificates that are wrong in one thing."""

from datetime import timedelta

import pytest

from bartizan.core.pki.pem import read_certificates, to_pem
from judges import pkilint
from parity.pki.asking import openssl, pyca
from parity.pki.crafted import CLIENT, ROOTS, SERVER, Craft
from parity.pki.kinds import DOMAIN, HOST, ID, NOW
from unit.pki.builders import HOUR, a_pki

SECOND = timedelta(seconds=1)
ENDED = {"openssl": "certificate has expired", "go": "has expired", "pyca": "not valid at", "spiffe": "has expired"}
NOT_BEGUN = {**ENDED, "openssl": "certificate is not yet valid"}
UNANCHORED = {
    "openssl": "unable to get local issuer",
    "go": "unknown authority",
    "pyca": "candidates exhausted",
    "spiffe": "unknown authority",
}
SIGNS = {
    "openssl": "keyCertSign invalid for non-CA cert",
    "pyca": "EE keyUsage must not assert keyCertSign",
    "spiffe": "must not have 'keyCertSign'",
    "zlint": "e_ext_key_usage_cert_sign_without_ca",
    "pkilint": "ee_certificate_keycertsign_keyusage_set",
}
DISGUISED = {
    "openssl": "Subject name empty",
    "pyca": "basicConstraints.cA must not be asserted",
    "spiffe": "must not have CA flag",
    "zlint": "e_ca_subject_field_empty",
}
NOT_CRITICAL = {
    "openssl": "Subject Alt Name extension not critical",
    "pyca": "subjectAltName MUST be critical",
    "zlint": "e_ext_san_not_critical_without_subject",
    "pkilint": "san_extension_not_critical_empty_subject",
}
NO_POINTER = {
    "openssl": "Missing Authority Key Identifier",
    "pyca": "2.5.29.35: Certificate is missing required extension",
    "zlint": "e_ext_authority_key_identifier_no_key_identifier",
    "pkilint": "authority_key_identifier_extension_absent",
}
UNUSUAL = {"openssl {}": "unsuitable certificate purpose", "go {}": "incompatible key usage", "pyca {}": "required EKU"}
NAMELESS = {
    "openssl server": "hostname mismatch",
    "go server": "is valid for web.shop.svc",
    "pyca server": "no matching",
}


def for_side(side):
    """Return what is said of a certificate that is not for `side`."""
    return {judge.format(side): words for judge, words in UNUSUAL.items()}


CASES = {
    "nothing is wrong": (Craft(), {}),
    "ended": (Craft(begins=-2 * HOUR, ends=-SECOND), ENDED),
    "not begun": (Craft(begins=SECOND), NOT_BEGUN),
    "another name": (Craft(dns_names=("web.shop.svc",)), NAMELESS),
    "another authority of the same name": (Craft(pki=a_pki(NOW)), UNANCHORED),
    "sent without its authority": (Craft(sent=""), UNANCHORED),
    "two URIs": (Craft(uris=(ID, f"{ID}-too")), {"spiffe": "more than one URI SAN"}),
    "no URI": (Craft(uris=()), {"spiffe": "no URI SAN"}),
    "an authority in disguise": (Craft(ca=True, signs=True), DISGUISED),
    "may sign": (Craft(signs=True), SIGNS),
    "for servers only": (Craft(purposes=(SERVER,)), for_side("client")),
    "for clients only": (Craft(purposes=(CLIENT,)), for_side("server")),
    "names not critical": (Craft(san_critical=False), NOT_CRITICAL),
    "no authority key identifier": (Craft(authority_key=False), NO_POINTER),
    "an encoded ID": (Craft(uris=(f"spiffe://{DOMAIN}/ns/shop/sa/or%64ers",)), {"spiffe": "characters are limited"}),
    "an empty segment": (Craft(uris=(f"spiffe://{DOMAIN}/ns//sa/orders",)), {"spiffe": "empty segments"}),
    "a slash at the end": (Craft(uris=(f"{ID}/",)), {"spiffe": "trailing slash"}),
    "another trust domain": (
        Craft(uris=("spiffe://test.example.com/ns/shop/sa/orders",)),
        {"spiffe": "no X.509 bundle"},
    ),
    "a trust domain of 255 characters": (
        Craft(uris=(f"spiffe://{'.'.join(['d' * 63] * 4)}/ns/shop/sa/orders",)),
        {"spiffe": "no X.509 bundle", "pkilint": "uri_domain_name_too_long"},
    ),
}


@pytest.fixture(scope="module")
def made():
    """Chain and key of every case."""
    return {name: craft.made() for name, (craft, _) in CASES.items()}


@pytest.fixture(scope="module")
def linted(made):
    """Pkilint's opinion of every case."""
    leaves = [to_pem(read_certificates(chain)[:1]) for chain, _ in made.values()]
    return dict(zip(made, pkilint.lint(leaves), strict=True))


def objections(judge, chain, key, folder):
    """Return what each judge but pkilint has against a chain."""
    go = judge.verdict(chain, ROOTS, now=NOW, dns_name=HOST, trust_domain=DOMAIN, key=key)
    said = {
        "openssl server": openssl(chain, ROOTS, folder, now=NOW, purpose="sslserver", host=HOST),
        "openssl client": openssl(chain, ROOTS, folder, now=NOW, purpose="sslclient"),
        "go server": go.server,
        "go client": go.client,
        "pyca server": pyca(chain, ROOTS, now=NOW, host=HOST),
        "pyca client": pyca(chain, ROOTS, now=NOW),
        "spiffe": go.svid,
        "zlint": "; ".join(go.findings),
    }
    return {name: words for name, words in said.items() if words}


def both_sides(expected):
    """Return the expectation with each verifier's two sides named."""
    return {
        name: words
        for judge, words in expected.items()
        for name in ([f"{judge} server", f"{judge} client"] if judge in {"openssl", "go", "pyca"} else [judge])
    }


@pytest.mark.parametrize("case", CASES)
def test_judges_find(case, made, linted, judge, tmp_path):
    """What is wrong is found by exactly the judges whose business it is, in the words of that fault."""
    expected = both_sides(CASES[case][1])
    said = objections(judge, *made[case], tmp_path) | ({"pkilint": str(f)} if (f := linted[case].findings) else {})
    assert {name: expected.get(name, "") in words for name, words in said.items()} == dict.fromkeys(expected, True), (
        said
    )


def test_a_foreign_key_is_found(made, judge):
    """go-spiffe refuses a key that is another certificate's."""
    (chain, _), (_, key) = made["nothing is wrong"], made["may sign"]
    found = judge.verdict(chain, ROOTS, now=NOW, trust_domain=DOMAIN, key=key)
    assert "leaf certificate does not match private key" in found.svid

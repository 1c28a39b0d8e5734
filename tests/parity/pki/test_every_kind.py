"""Every kind of certificate and chain before every judge."""

import pytest

from bartizan.core.pki.pem import to_pem
from judges import pkilint
from parity.pki.asking import PURPOSES, openssl, pyca
from parity.pki.kinds import NOW, every_kind

KINDS = every_kind()
BY_NAME = {kind.name: kind for kind in KINDS}
LEAVES = [kind for kind in KINDS if kind.servant]
AUTHORITIES = [kind for kind in KINDS if not kind.servant]


def named(kinds):
    """Return the kinds as cases of a test."""
    return [pytest.param(kind, id=kind.name) for kind in kinds]


def test_the_kinds_have_names_of_their_own():
    """No two kinds share a name, so a failure names one."""
    assert len(BY_NAME) == len(KINDS) > 10


@pytest.mark.parametrize("kind", named(LEAVES))
def test_openssl(kind, tmp_path):
    """OpenSSL, strict, accepts each chain for what it is for and for nothing else."""
    verdicts = {
        name: openssl(
            kind.chain, kind.roots, tmp_path, now=NOW, purpose=purpose, host=kind.host if name == "server" else ""
        )
        for name, purpose in PURPOSES.items()
    }
    assert verdicts["server"] == ""
    assert ("unsuitable certificate purpose" in verdicts["client"]) is not kind.client
    assert bool(verdicts["client"]) is not kind.client


@pytest.mark.parametrize("kind", named(AUTHORITIES))
def test_openssl_on_authorities(kind, tmp_path):
    """OpenSSL, strict, accepts each authority under the bundle, and refuses it as a server and as a client."""
    assert openssl(kind.chain, kind.roots, tmp_path, now=NOW) == ""
    for purpose in PURPOSES.values():
        verdict = openssl(kind.chain, kind.roots, tmp_path, now=NOW, purpose=purpose)
        assert "unsuitable certificate purpose" in verdict


@pytest.mark.parametrize("kind", named(LEAVES))
def test_go(kind, judge):
    """Go accepts each chain for the purposes it is for, and go-spiffe reads the identity, with its key."""
    found = judge.verdict(
        kind.chain, kind.roots, now=NOW, dns_name=kind.host, trust_domain=kind.domain, key=kind.key if kind.id else ""
    )
    assert (found.server, found.id) == ("", kind.id)
    assert bool(found.client) is not kind.client
    assert found.svid == ("" if kind.id else "not asked")


@pytest.mark.parametrize("kind", named(AUTHORITIES))
def test_go_on_authorities(kind, judge):
    """Go accepts each authority under the bundle, and go-spiffe takes none of them for a workload."""
    found = judge.verdict(kind.chain, kind.roots, now=NOW, trust_domain="prod.example.com")
    assert (found.server, found.client, found.id) == ("", "", "")
    assert found.svid


@pytest.mark.parametrize("kind", named(LEAVES))
def test_pyca(kind):
    """Pyca's verifier accepts each chain as a server's where it has a DNS name, and as a client's."""
    assert pyca(kind.chain, kind.roots, now=NOW, host=kind.host) == ""
    assert bool(pyca(kind.chain, kind.roots, now=NOW)) is not kind.client


@pytest.mark.parametrize("kind", named(KINDS))
def test_zlint(kind, judge):
    """Zlint finds nothing outside the rule books of the public web, and dozens of its rules look."""
    found = judge.verdict(kind.chain, kind.roots, now=NOW)
    assert found.findings == ()
    assert found.passed > 50


PKILINT = {"a workload with a wildcard": ("pkix.invalid_domain_name_syntax: ERROR",)}
"""RFC 5280 §4.2.1.6 leaves wildcards undefined, which pkilint calls an error; RFC 9525 §6.3 defines them."""


def test_pkilint():
    """Pkilint finds nothing but the URI it reads wrongly and the wildcard that was asked for, and dozens of its rules look."""
    found = dict(zip(BY_NAME, pkilint.lint([to_pem(kind.certificates[:1]) for kind in KINDS]), strict=True))
    assert {name: one.findings for name, one in found.items() if one.findings} == PKILINT
    assert min(one.looked for one in found.values()) > 30

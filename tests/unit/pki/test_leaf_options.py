"""Key algorithm, common name and Combined format: what a change of each does to a certificate that is there."""

import base64
import ssl
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from bartizan.core.ownership import upkeep, without_intruders
from bartizan.core.pki.decide import Issue, Keep
from bartizan.core.pki.examine import IssueReason
from bartizan.core.pki.leaf import view_leaf
from bartizan.core.pki.pem import data_of, read_certificates
from bartizan.core.pki.secret import certificate_secret
from bartizan.signers.certificates import Validity, key_pem, leaf_builder, load_key, signed
from unit.pki.builders import HOUR, NOW, SIGNER, a_pki, a_policy_view

PKI = a_pki()
SECRET = PKI.issue()
ED25519 = replace(PKI.profile, key_algorithm="Ed25519")
NAMED = replace(PKI.profile, common_name="orders@shop")
BOTH = a_policy_view(mtls={"secret": {"formats": ["PEM", "Combined"]}})


@pytest.mark.parametrize(
    ("case", "had", "wanted", "reason", "message"),
    [
        (
            "P-256 to Ed25519",
            PKI.profile,
            ED25519,
            IssueReason.KEY_ALGORITHM_CHANGED,
            "the key is of kind ECDSAP256, and Ed25519 is asked for",
        ),
        (
            "Ed25519 to P-256",
            ED25519,
            PKI.profile,
            IssueReason.KEY_ALGORITHM_CHANGED,
            "the key is of kind Ed25519, and ECDSAP256 is asked for",
        ),
        (
            "a common name appears",
            PKI.profile,
            NAMED,
            IssueReason.NAMES_CHANGED,
            "the certificate's subject is empty, must be orders@shop",
        ),
        (
            "a common name goes",
            NAMED,
            PKI.profile,
            IssueReason.NAMES_CHANGED,
            "the certificate's subject is orders@shop, must be empty",
        ),
    ],
)
def test_a_change_reissues(case, had, wanted, reason, message):
    """Another algorithm or another common name is a certificate issued anew, and then one that is kept."""
    before = PKI.issue(profile=had)
    assert isinstance(PKI.decide(before, profile=had), Keep)
    assert PKI.decide(before, profile=wanted) == Issue(reason=reason, message=message, force=True), case
    assert isinstance(PKI.decide(PKI.issue(profile=wanted), profile=wanted), Keep)


@pytest.mark.parametrize(
    ("key", "called"),
    [
        (ec.generate_private_key(ec.SECP384R1()), "ECDSA secp384r1"),
        (rsa.generate_private_key(65537, 2048), "RSA"),
    ],
    ids=["P-384", "RSA"],
)
def test_other_keys_have_names(key, called):
    """A key of another kind, as another issuer may hand out, is called by its kind and is not what was asked for."""
    times = Validity(start=NOW, end=NOW + HOUR)
    builder = leaf_builder(key.public_key(), uris=(PKI.profile.spiffe_id,), dns_names=(), client=True, times=times)
    leaf = signed(builder, load_key(PKI.issuing.key_pem, of="the test"), PKI.issuing.certificate)
    assert view_leaf((leaf, PKI.issuing.certificate), key_pem(key)).key_algorithm == called


def test_the_combined_file_is_key_then_chain(tmp_path):
    """With Combined the Secret holds one file more, which a TLS library loads as key and as chain."""
    issued = SIGNER.sign_leaf(PKI.profile, PKI.issuing, now=NOW)
    secret = certificate_secret(BOTH, issued.chain_pem, issued.key_pem, "bundle")
    assert sorted(secret["data"]) == ["ca.crt", "tls-combined.pem", "tls.crt", "tls.key"]
    file = tmp_path / "tls-combined.pem"
    file.write_bytes(data_of(secret, "tls-combined.pem"))
    assert file.read_text() == issued.key_pem + issued.chain_pem
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file)


def test_a_key_without_a_last_line_end_stays_apart():
    """A key written by somebody's editor without a line's end does not run into the chain."""
    leaf = PKI.decide(SECRET).leaf
    secret = certificate_secret(BOTH, "chain\n", leaf.key_pem.rstrip(), "bundle")
    text = data_of(secret, "tls-combined.pem")
    assert text == leaf.key_pem.rstrip() + b"\nchain\n"
    serialization.load_pem_private_key(text, password=None)


def test_the_hash_leaves_the_combined_file_out():
    """The annotation that tells what was meant is the same whatever the key is, in every format."""
    mine, other = (certificate_secret(BOTH, "chain", key, "bundle") for key in ("mine", "other"))
    assert mine["metadata"] == other["metadata"]
    assert mine["data"]["tls-combined.pem"] != other["data"]["tls-combined.pem"]


@pytest.mark.parametrize("combined", [None, "", base64.b64encode(b"stale").decode()], ids=["missing", "empty", "stale"])
def test_a_format_is_put_right_without_a_new_key(combined):
    """A combined file that is asked for, emptied or changed is written again with the key and leaf there are."""
    data = {**SECRET["data"], **({} if combined is None else {"tls-combined.pem": combined})}
    observed = {**SECRET, "data": data}
    answer = PKI.decide(observed, policy=BOTH)
    assert isinstance(answer, Keep)
    (apply,) = upkeep(answer.desired, observed, manager="bartizan/certificates")
    assert data_of(apply.item, "tls.key") == data_of(SECRET, "tls.key")
    assert data_of(apply.item, "tls-combined.pem") == data_of(SECRET, "tls.key") + data_of(SECRET, "tls.crt")
    assert upkeep(answer.desired, apply.item, manager="bartizan/certificates") == ()


def test_a_format_no_longer_asked_for_goes():
    """Without Combined the file, which holds the key, does not stay behind."""
    desired = PKI.decide(SECRET, policy=BOTH).desired
    answer = PKI.decide(desired)
    *_, last = without_intruders(answer.desired, desired, manager="bartizan/certificates")
    assert sorted(last.item["data"]) == ["ca.crt", "tls.crt", "tls.key"]


def test_the_view_shows_no_key():
    """Printing a decision about a combined file shows no private key."""
    desired = PKI.decide(SECRET, policy=BOTH).desired
    answer = PKI.decide(desired, policy=BOTH)
    assert "PRIVATE" not in repr(answer)
    assert desired["data"]["tls-combined.pem"] not in repr(answer)
    assert read_certificates(data_of(desired, "tls.crt")) == (answer.leaf.certificate, *answer.leaf.chain)

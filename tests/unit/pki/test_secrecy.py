"""Private keys leave no trace."""

from bartizan.core.pki.pem import data_of
from bartizan.core.pki.secret import certificate_secret
from unit.pki.builders import NOW, SIGNER, a_pki

PKI = a_pki()
SECRET = PKI.issue()


def test_no_key_is_printed():
    """Printing a decision or its input shows no private key."""
    key = data_of(SECRET, "tls.key").decode()
    answer = PKI.decide(SECRET)
    issued = SIGNER.sign_leaf(PKI.profile, PKI.issuing, now=NOW)
    texts = [repr(answer), repr(answer.leaf), repr(PKI.plan()), repr(PKI.issuing), repr(issued)]
    assert not [text for text in texts if "PRIVATE KEY" in text or SECRET["data"]["tls.key"] in text or key in text]


def test_hash_does_not_depend_on_the_key():
    """The annotation that tells what was meant is the same whatever the key is."""
    mine, other = (certificate_secret(PKI.policy, "chain", key, "bundle") for key in ("mine", "other"))
    assert mine["metadata"] == other["metadata"]
    assert mine["data"]["tls.key"] != other["data"]["tls.key"]

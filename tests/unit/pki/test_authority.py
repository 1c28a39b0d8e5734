"""The Secret of an authority."""

import pytest

from bartizan.core.pki.authority import (
    Role,
    UnreadableAuthority,
    authority_secret,
    authority_secret_name,
    authority_selector,
    read_authority,
)
from unit.pki.builders import RELEASE, a_pki, with_data

PKI = a_pki()
SECRET = authority_secret(PKI.root, namespace=RELEASE)


def test_secret_is_immutable_and_labelled():
    """An authority's Secret cannot be changed in place and is found by its labels."""
    assert {key: value for key, value in SECRET.items() if key != "data"} == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "namespace": RELEASE,
            "name": "bartizan-authority-default-root-1",
            "labels": {
                "app.kubernetes.io/managed-by": "bartizan",
                "bartizan.dev/trust-domain": "default",
                "bartizan.dev/authority-role": "root",
                "bartizan.dev/authority-generation": "1",
            },
            "annotations": SECRET["metadata"]["annotations"],
        },
        "type": "Opaque",
        "immutable": True,
    }
    assert set(SECRET["data"]) == {"tls.crt", "tls.key"}


def test_what_is_written_is_read():
    """Reading an authority's Secret gives back the authority."""
    assert read_authority(SECRET, trust_domain="default", domain="prod.example.com") == PKI.root


def test_long_names_stay_legal():
    """A TrustDomain with the longest name has labels of at most 63 characters and its own Secret names."""
    names = ["a" * 60 + suffix for suffix in (".prod.example.com", ".test.example.com")]
    secrets = {authority_secret_name(name, Role.ISSUING, 12) for name in names}
    assert len(secrets) == 2
    assert all(len(authority_selector(name).rpartition("=")[2]) <= 63 for name in names)
    assert authority_secret_name("a" * 45 + "." + "b" * 40, Role.ROOT, 1).startswith(
        "bartizan-authority-" + "a" * 45 + "-"
    )


def relabelled(**labels):
    """Return the root's Secret with other labels."""
    meta = SECRET["metadata"]
    return {
        **SECRET,
        "metadata": {
            **meta,
            "labels": {**meta["labels"], **{f"bartizan.dev/{k.replace('_', '-')}": v for k, v in labels.items()}},
        },
    }


LEAF_SECRET = PKI.issue()
CASES = [
    ("role unknown", relabelled(authority_role="leaf"), "has labels that do not agree with its name"),
    ("generation is not a number", relabelled(authority_generation="x1"), "has labels that do not agree with its name"),
    (
        "generation of another Secret",
        relabelled(authority_generation="2"),
        "has labels that do not agree with its name",
    ),
    ("no key", with_data(SECRET, tls_key=None), "does not hold one certificate in tls.crt and a key in tls.key"),
    (
        "a leaf in its place",
        with_data(SECRET, tls_crt=LEAF_SECRET["data"]["tls.crt"], tls_key=LEAF_SECRET["data"]["tls.key"]),
        "does not hold one certificate in tls.crt and a key in tls.key",
    ),
    (
        "an issuing authority in its place",
        with_data(
            SECRET,
            **{k.replace(".", "_"): v for k, v in authority_secret(PKI.issuing, namespace=RELEASE)["data"].items()},
        ),
        "holds a root that did not sign itself",
    ),
]


@pytest.mark.parametrize(("case", "secret", "problem"), CASES, ids=[c[0] for c in CASES])
def test_unreadable(case, secret, problem):
    """A Secret that holds no authority says what is wrong with it."""
    answer = read_authority(secret, trust_domain="default", domain="prod.example.com")
    assert answer == UnreadableAuthority(secret_name="bartizan-authority-default-root-1", problem=problem)
